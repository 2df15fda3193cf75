"""The tutorials run as they stand, and go on where they were."""

import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "tutorials"
# What each says at its end.
SAYS = {
    "own_space_and_oracle": "The best of 8: ",
    "search_my_folder": "test videos",
    "train_multi_label": "A black screen shows [",
}


def test_each_is_tested():
    assert sorted(path.stem for path in FOLDER.glob("*.py")) == sorted(SAYS)


@pytest.mark.slow
@pytest.mark.parametrize("name", SAYS)
def test_tutorial(name, tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)}
    said = [
        subprocess.run(
            [sys.executable, str(FOLDER / f"{name}.py")],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for _ in range(2)
    ]
    assert all(SAYS[name] in text for text in said)
    assert said[0].splitlines()[-1] == said[1].splitlines()[-1]
