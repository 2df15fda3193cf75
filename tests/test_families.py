"""Each family is in all the places that docs/adding_a_model.md names.

pytest tests/test_families.py -k paper  # Lists where that one is still missing.
"""

import pathlib
import re

import keras
import pytest
from helpers import without_weights

from zoo import cost, registry, sketch
from zoo.genotypes import FAMILIES, FOUND

ROOT = pathlib.Path(__file__).parents[1]
PAGE = ROOT / "docs" / "adding_a_model.md"
FILES = (
    *("zoo/genotypes/{}.py", "zoo/genotypes/found/{}.py", "zoo/models/{}.py"),
    *("tests/zoo/genotypes/test_{}.py", "tests/zoo/models/test_{}.py"),
)
LISTS = {
    "FAMILIES in zoo/genotypes/__init__.py": FAMILIES.values(),
    "FOUND in zoo/genotypes/__init__.py": FOUND.values(),
    "BUILDERS in zoo/registry.py": registry.BUILDERS,
    "SKETCHES in zoo/sketch.py": sketch.SKETCHES,
}


def declared(folder, pattern):
    """What files of a folder declare, each with its file."""
    for path in sorted((ROOT / folder).glob("*.py")):
        for name in re.findall(pattern, path.read_text(encoding="utf-8"), re.M):
            yield path.stem, name


FAMILY = r'^    family = "(\w+)"'
WORDS = [word for _, word in declared("zoo/genotypes", FAMILY)]
SPACES = list(declared("search/spaces", r"^class (\w+Space)\b(?!\(abc)"))


def missing(word):
    """Where a family is not, in the order of the page."""
    files = [path.format(word) for path in FILES]
    yield from (path for path in files if not (ROOT / path).exists())
    for place, known in LISTS.items():
        if word not in {member.family for member in known}:
            yield place
    papers = (ROOT / "docs/papers.md").read_text(encoding="utf-8")
    if f"zoo/models/{word}.py" not in papers:
        yield "docs/papers.md"


@pytest.mark.parametrize("word", WORDS)
def test_a_family_is_everywhere(word):
    places = list(missing(word))
    assert not places, "\n".join([f"{word} is missing in", *places])


def test_a_family_that_is_nowhere_is_missed_everywhere():
    files = [path.format("slowfast") for path in FILES]
    assert list(missing("slowfast")) == [*files, *LISTS, "docs/papers.md"]


@pytest.mark.parametrize(("word", "space"), SPACES)
def test_a_smoke_search_shrinks_every_space(word, space):
    smoke = (ROOT / "gin/search/smoke.gin").read_text(encoding="utf-8")
    assert f"\n{word}.{space}." in smoke, "a small form belongs into it"


def test_the_code_of_the_page_is_a_family():
    family = {"__name__": "page"}
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.S)
    for block in blocks:
        exec(block, family)
    genotype = family["PaperGenotype"]((4, 6))
    with without_weights():
        model = family["build"](genotype, (2, 16, 16, 3), num_classes=5)
    assert isinstance(model, keras.Model)
    assert cost.count(model) == genotype.cost(5, (2, 16, 16, 3))
    assert registry.endpoints(model) == ["block0", "block1"]
    genotype = type(genotype).from_json(genotype.to_json())
    assert genotype.channels == (4, 6)
    with pytest.raises(ValueError, match="`channels` must be at least one"):
        family["PaperGenotype"](())
