"""A job for the tests of `zoo.launch`."""

CALLS = []


def work(
    workdir,
    number=1,
    seed=0,
    steps=1,
    clips=None,
    recipe=None,
    word="none",
    times: int = 1,
    audit: bool = False,
    role: str | None = None,
    dry_run: bool = False,
):
    """Does next to nothing."""
    arguments = dict(locals())
    CALLS.append(arguments)
    if role or audit or dry_run:
        return number
    with open(f"{workdir}/done.txt", "w") as file:
        file.write("done")
    if number < 0:
        raise ValueError("`number` must be at least 0. Got: -1")
    return number


def play(number=1):
    """Needs nothing."""
    return number


class Clips:
    """A clip source that only exists."""

    def __init__(self, root="here", steps=1):
        self.root = root
