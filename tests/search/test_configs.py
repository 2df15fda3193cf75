"""Every search config, from its file to the command."""

import csv
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from search import journal
from zoo import flags, genotypes, launch

ROOT = Path(__file__).parents[2]
NAMES = sorted(path.stem for path in (ROOT / "gin" / "search").glob("*.gin"))
# The thin ones, and Charades', differ from their bases by numbers that --smoke
# replaces.
OTHERS = (
    *("smoke", "assemblenet_one_shot", "assemblenet_thin"),
    *("evanet_charades", "evanet_thin"),
    *("pseudo3d", "pseudo3d_thin", "pvnas", "pvnas_thin"),
)
DIFFERENTIABLE = ("pseudo3d", "pvnas")


def command(workdir, *arguments, **environment):
    process = subprocess.run(
        [sys.executable, "-m", "search.run", f"--workdir={workdir}", *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, **environment},
        timeout=600,
    )
    return process.returncode, process.stdout, process.stderr


def trials(workdir, column="trial"):
    path = workdir / "history.csv"
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return [row[column] for row in csv.DictReader(file)]


# EvaNet's networks take longest to compile: one of its two spaces is enough each time;
# then those of PV-NAS, of which another test builds the supernet.
LONG = ("evanet_simple", "pvnas_random")
SEARCHED = [
    pytest.param(name, marks=pytest.mark.slow) if name in LONG else name
    for name in NAMES
    if name not in OTHERS
]


@pytest.mark.parametrize("smoke", [[], ["--smoke"]])
@pytest.mark.parametrize("name", ["pseudo3d", "pseudo3d_thin", "pvnas", "pvnas_thin"])
def test_settings_of_a_differentiable_search_agree(name, smoke, tmp_path):
    argv = [f"--gin_file=search/{name}.gin", f"--workdir={tmp_path}", *smoke]
    job, options = "search.run.search", {}
    values = flags.parse_flags(job, argv, options, "")
    launch.configure(job, values, [])
    method = launch.gin.get_configurable("search.differentiable.DifferentiableSearch")
    assert method(num_classes=3).epochs >= 2


@pytest.mark.model
@pytest.mark.parametrize("name", SEARCHED)
def test_a_config_searches_and_recycles_its_process(tmp_path, name):
    code, out, err = command(
        tmp_path,
        f"--gin_file=search/{name}.gin",
        "--smoke",
        "--data=moving_shapes",
        "--gin_bindings=run.search.trials_per_process=2",
    )
    assert code == 0, err
    assert trials(tmp_path) == ["0000", "0001", "0002"]
    assert out.count("Going on in") == 1
    assert "Best network" in out
    assert (tmp_path / "operative.gin").exists()
    assert "Traceback" not in err
    ends = [e for e in journal.read(tmp_path / journal.NAME) if e["event"] == "end"]
    # A busy machine may be over the limit of a latency, and then nothing is learnt.
    learned = [bool(event["details"].get("feedback")) for event in ends]
    assert learned == [name.startswith("assemblenet")] * 3


@pytest.mark.model
def test_a_config_of_one_training_searches_and_prunes_anew(tmp_path):
    config = "--gin_file=search/assemblenet_one_shot.gin"
    for keep, resumes in ((None, False), (0.3, True)):
        code, out, err = command(
            tmp_path,
            *(config, "--smoke", "--data=moving_shapes"),
            f"--gin_bindings=one_shot.OneShotConnections.keep = {keep}",
        )
        assert code == 0, err
        assert "Best network" in out
        assert ("step 4/4" in err) is not resumes
        assert (tmp_path / "best.json").exists()
        assert (tmp_path / "operative.gin").exists()


@pytest.mark.model
@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_a_config_of_a_differentiable_search_derives_a_network(tmp_path, name):
    config = f"--gin_file=search/{name}.gin"
    code, out, err = command(tmp_path, config, "--smoke", "--data=moving_shapes")
    assert code == 0, err
    assert trials(tmp_path) == ["0001", "0002"]
    assert "step 4/4" in err
    assert "Best network" in out
    assert "Train it: python -m zoo.train --model=" in out
    assert (tmp_path / "operative.gin").exists()
    genotype = genotypes.from_json((tmp_path / "best.json").read_text())
    assert genotype.to_json() in trials(tmp_path, "genotype")
    assert "Traceback" not in err


@pytest.mark.model
def test_a_mistake_is_one_line(tmp_path):
    code, out, err = command(
        tmp_path / "run",
        "--gin_file=search/demo.gin",
        "--data=moving_shapes",
        "--gin_bindings=tiny_video.TinyVideoSpace.frames=(9, 2)",
    )
    assert (code, out) == (1, "")
    assert err.count("\n") == 1
    assert "`frames` must be two whole numbers" in err


@pytest.mark.slow
def test_a_killed_search_goes_on_as_if_it_had_not_been(tmp_path):
    arguments = [
        "--gin_file=search/demo.gin",
        "--smoke",
        "--data=moving_shapes",
        "--gin_bindings=tournament.TournamentOracle.population_size=5",
        "--gin_bindings=tournament.TournamentOracle.max_trials=5",
    ]
    for ended in (1, 3):
        line = [sys.executable, "-m", "search.run", f"--workdir={tmp_path / 'killed'}"]
        process = subprocess.Popen([*line, *arguments], cwd=ROOT)
        while len(trials(tmp_path / "killed")) < ended:
            assert process.poll() is None
            time.sleep(0.05)
        process.kill()
        process.wait()
    code, out, err = command(tmp_path / "killed", *arguments)
    assert code == 0, err
    assert "Going on in" in out
    code, out, err = command(tmp_path / "whole", *arguments)
    assert code == 0, err
    assert trials(tmp_path / "killed") == trials(tmp_path / "whole")
    assert trials(tmp_path / "whole", "genotype") == trials(
        tmp_path / "killed", "genotype"
    )


@pytest.mark.slow
def test_a_differentiable_search_that_is_killed_ends_the_same(tmp_path):
    arguments = ("--gin_file=search/pseudo3d.gin", "--smoke", "--data=moving_shapes")
    line = [sys.executable, "-m", "search.run", f"--workdir={tmp_path / 'killed'}"]
    process = subprocess.Popen([*line, *arguments], cwd=ROOT)
    while not (tmp_path / "killed" / "checkpoint.npz").exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    process.wait()
    for name in ("killed", "whole"):
        code, _, err = command(tmp_path / name, *arguments)
        assert code == 0, err
        assert ("resumed at step" in err) is (name == "killed")
    files = [tmp_path / name / "checkpoint.npz" for name in ("killed", "whole")]
    killed, whole = map(np.load, files)
    assert killed.files == whole.files
    for name in killed.files:
        np.testing.assert_array_equal(killed[name], whole[name])


@pytest.mark.jax
@pytest.mark.model
@pytest.mark.parametrize(
    ("name", "rows"),
    [("demo", ["0000", "0001", "0002"]), ("pseudo3d", ["0001", "0002"])],
)
def test_it_searches_where_tensorflow_is_not_installed(tmp_path, name, rows):
    # A None among the modules makes an import of it fail.
    code = (
        "import sys; sys.modules['tensorflow'] = None; sys.argv[0] = 'search.run'\n"
        "from zoo import launch; launch.main('search.run.search')"
    )
    process = subprocess.run(
        [
            *(sys.executable, "-c", code, f"--workdir={tmp_path}", "--smoke"),
            *(f"--gin_file=search/{name}.gin", "--data=moving_shapes"),
        ],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "KERAS_BACKEND": "jax"},
        timeout=900,  # XLA compiles a supernet for minutes where cores are shared.
    )
    assert process.returncode == 0, process.stderr
    assert trials(tmp_path) == rows
