"""Every config parses, and all that it binds is there."""

import pathlib

import gin
import pytest

from zoo import launch
from zoo.genotypes import FOUND

FOLDER = pathlib.Path(__file__).parents[1] / "gin"
CONFIGS = sorted(str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*.gin"))


@pytest.mark.parametrize("path", CONFIGS)
def test_config_parses_and_its_bindings_resolve(path):
    gin.clear_config()
    gin.parse_config_file(str(launch.find_config(path)))
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
        assert "arxiv.org" in "".join(head)
        assert any(f"--gin_file={path}" in line for line in head)


@pytest.mark.parametrize("path", [path for path in CONFIGS if path.startswith("train")])
def test_a_published_models_config_trains_it(path):
    gin.clear_config()
    gin.parse_config_file(str(launch.find_config(path)))
    stem = pathlib.Path(path).stem
    try:
        model = gin.query_parameter("zoo.train.train.model")
    except ValueError:  # Not bound: the command line gives it.
        assert stem not in FOUND
    else:
        assert model in FOUND
        assert model == stem or stem not in FOUND
    gin.clear_config()
