"""What property-based tests share: examples, and junk to spoil things with."""

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

NUMBERS = st.integers() | st.floats() | st.sampled_from([0, -1, 1, 2**63, 1e308])
SCALARS = st.none() | st.booleans() | NUMBERS | st.text(max_size=8)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)


def examples(count: int) -> settings:
    """The same examples in each run, and none of an earlier one's files."""
    # A fixture that is made once for all examples is what these tests mean.
    known = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
    return settings(
        max_examples=count,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=known,
    )


def done(call, *errors):
    """What a call gives, or the text of its error, of a kind that users may see."""
    try:
        return call()
    except (ValueError, *errors) as error:
        return str(error)


def is_line(text, most=1000):
    """Whether a user can read it as one line."""
    return bool(text.strip()) and "\n" not in text and len(text) <= most


def is_clear(text, *names):
    """Whether it is one line of the project's form, or one that has one of the names.

    Else it is an error of NumPy, say, which tells a user nothing of what to mend.
    """
    told = "must be" in text or any(name in text for name in names)
    return is_line(text) and told


def spoilt(tree, data):
    """A JSON tree of which one part is lost, doubled, or something else."""
    if isinstance(tree, dict | list) and tree and data.draw(st.integers(0, 3)):
        keys = sorted(tree) if isinstance(tree, dict) else range(len(tree))
        key = data.draw(st.sampled_from(keys))
        copy = tree.copy()
        copy[key] = spoilt(tree[key], data)
        return copy
    kind = data.draw(st.sampled_from(["other", "less", "more"]))
    if kind == "less" and isinstance(tree, dict | list) and tree:
        keys = sorted(tree) if isinstance(tree, dict) else range(len(tree))
        copy = tree.copy()
        del copy[data.draw(st.sampled_from(keys))]
        return copy
    if kind == "more" and isinstance(tree, dict):
        return {**tree, data.draw(st.text(max_size=8)): data.draw(JSON)}
    if kind == "more" and isinstance(tree, list):
        return [*tree, *tree]
    return data.draw(JSON)
