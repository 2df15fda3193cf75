import importlib
import inspect
import sys

import pytest

from zoo.signature import signature, summary

MODULE = '''
LIMIT = 7


def work(first, *rest: str, second: int | None = LIMIT, third=(), **others) -> None:
    """Does much.

    In the end.
    """


class Worker:
    size = 3

    def other(self):
        """Not this."""

    def __init__(self, name: str = "a b", *, seed=0):
        self.name = name


raise SystemExit("it was imported")
'''


@pytest.fixture
def heavy(tmp_path, monkeypatch):
    """A module that nobody can import."""
    (tmp_path / "heavy_module.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.usefixtures("heavy")
def test_arguments_are_known_without_an_import():
    assert [str(p) for p in signature("heavy_module.work").parameters.values()] == [
        "first",
        "*rest: str",
        "second: int | None = LIMIT",
        "third=()",
        "**others",
    ]
    shown = str(signature("heavy_module.Worker"))
    assert shown == "(name: str = 'a b', *, seed=0)"
    assert summary("heavy_module.work") == "Does much."


@pytest.mark.parametrize(
    "path",
    ["search.run.search", "search.tuner.ArchitectureTuner", "zoo.train.train"],
)
def test_they_are_those_that_the_import_gives(path, monkeypatch):
    module, _, name = path.rpartition(".")
    real = inspect.signature(getattr(importlib.import_module(module), name))
    assert signature(path) == real
    said = summary(path)
    monkeypatch.delitem(sys.modules, module)
    read = signature(path)
    assert module not in sys.modules
    pairs = zip(read.parameters.values(), real.parameters.values(), strict=True)
    for one, other in pairs:
        assert (one.name, one.kind) == (other.name, other.kind)
        assert (one.default is one.empty) == (other.default is other.empty)
    assert summary(path) == said
