import subprocess
import sys

import pytest

import zoo


def test_names_load_when_they_are_used():
    code = (
        "import sys, zoo; before = 'zoo.genotypes' in sys.modules; zoo.FOUND;"
        "print(before, 'zoo.genotypes' in sys.modules, 'keras' in sys.modules)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert run.stdout.split() == ["False", "True", "False"]


@pytest.mark.parametrize("name", sorted(zoo.PLACES))
def test_every_public_name_is_there(name):
    assert getattr(zoo, name) is not None
    assert name in dir(zoo)


def test_published_networks_are_names():
    assert "tvn1" in dir(zoo)
    assert zoo.tvn1.__name__ == "tvn1"


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="tvn99"):
        _ = zoo.tvn99
