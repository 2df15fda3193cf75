"""Every config parses, and all that it binds is there."""

import pathlib
import re

import gin
import pytest

from zoo import flags, gin_files, launch
from zoo.genotypes import FOUND

FOLDER = pathlib.Path(__file__).parents[1] / "gin"
CONFIGS = sorted(str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*.gin"))
# Of a paper's training on a data set that has a name.
OFFICIAL = [
    path
    for path in CONFIGS
    if path.startswith("train/") and "clips = %clips" in (FOLDER / path).read_text()
]
PAPERS = [p for p in CONFIGS if p.startswith("train/") and p != "train/demo.gin"]
JOB = "zoo.train.train"
# What a head must say; a network of no paper says that.
PAPER = r"https://arxiv\.org/abs/\d{4}\.\d{5}|[Nn]ot from a paper"
PLACE = r"[Ss]ection \d|Table \d|A\.6|script|[Nn]ot from a paper"


@pytest.mark.parametrize("path", CONFIGS)
def test_config_parses_and_its_bindings_resolve(path):
    gin.clear_config()
    gin.parse_config_file(str(gin_files.find(path)))
    gin.finalize()
    text = gin.config_str()
    gin.clear_config()
    gin.parse_config(text)
    assert gin.config_str() == text
    gin.clear_config()


@pytest.mark.parametrize("path", CONFIGS)
def test_config_says_where_it_is_from_and_how_to_run_it(path):
    head = [
        line
        for line in (FOLDER / path).read_text().partition("from __gin__")[0].split("\n")
        if line
    ]
    assert head
    assert all(line.startswith("# ") for line in head)
    if path.startswith("train/") and pathlib.Path(path).stem in FOUND:
        assert re.search(PAPER, "".join(head))
        assert any(f"--gin_file={path}" in line for line in head)


@pytest.mark.parametrize("path", PAPERS)
@pytest.mark.parametrize(
    "what",
    [
        PAPER,
        PLACE,
        r"\b[Bb]atch|\d clips",
        r"GPU|TPU|[Dd]evices",
        r"top-1|mAP|%|[Ss]core",
    ],
    ids=["paper", "place", "batch", "devices", "accuracy"],
)
def test_head_of_a_recipe_says_what_the_paper_does(path, what):
    head = (FOLDER / path).read_text().partition("from __gin__")[0]
    said = re.search(what, head.replace("\n#", ""))
    assert said, f"the comment at the top of gin/{path} must tell: {what}"


@pytest.mark.parametrize("path", [path for path in CONFIGS if path.startswith("train")])
def test_a_published_models_config_trains_it(path):
    gin.clear_config()
    gin.parse_config_file(str(gin_files.find(path)))
    stem = pathlib.Path(path).stem
    try:
        model = gin.query_parameter("zoo.train.train.model")
    except ValueError:  # Not bound: the command line gives it.
        assert stem not in FOUND
    else:
        assert model in FOUND
        assert model == stem or stem not in FOUND
    gin.clear_config()


@pytest.mark.parametrize("path", OFFICIAL)
def test_folder_of_a_papers_data_is_all_that_must_be_given(path, tmp_path):
    head = (FOLDER / path).read_text().partition("from __gin__")[0]
    *argv, data, _ = head.split("python -m zoo.train ")[1].split()
    assert f"--gin_file={path}" in argv
    name, _, _ = data.removeprefix("--data=").partition(":")
    argv += [f"--data={name}:{tmp_path}", f"--workdir={tmp_path}"]
    options = {"weights": "to begin with"}
    values = flags.parse_flags(JOB, argv, options, "")
    launch._check_early(JOB, values)
    launch.configure(JOB, values, list(options))
    launch._check_complete(JOB, values)
    source = str(launch.gin.query_parameter(f"{JOB}.clips")).strip("@()")
    assert source == flags.OFFICIAL[name]
    assert launch.gin.query_parameter(f"{source}.data_dir") == str(tmp_path)
    gin.clear_config()
