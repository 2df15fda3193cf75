"""Where gin's files are: the configs of the project, and the user's own."""

import difflib
import pathlib
import re

from zoo.genotypes.base import check

ROOT = pathlib.Path(__file__).parent.parent
# The wheel has the configs in the package, a checkout beside it.
FOLDERS = (ROOT / "zoo" / "configs", ROOT / "gin")


def find(path: str) -> pathlib.Path:
    """The gin file at a path, or of that name among the project's configs.

    Raises:
        ValueError: There is none; the nearest names are listed.
    """
    found = _there(path)
    if found:
        return found
    known = sorted(
        str(file.relative_to(folder))
        for folder in FOLDERS
        for file in folder.glob("**/*.gin")
    )
    near = difflib.get_close_matches(path, known, cutoff=0.4) or known
    rule = f"a gin file, such as {', '.join(near)}"
    raise ValueError(f"`gin_file` must be {rule}. Got: {path!r}")


def _there(path: str) -> pathlib.Path | None:
    files = [folder / path for folder in (pathlib.Path(), *FOLDERS)]
    return next((file.absolute() for file in files if file.is_file()), None)


def with_included(file: pathlib.Path, within: tuple[pathlib.Path, ...] = ()) -> str:
    """A config with those that it includes, as far as they are found.

    Args:
        file: The config.
        within: Those that include it.

    Raises:
        ValueError: It includes itself, or is no text in UTF-8.
    """
    again = file in within
    check(not again, "gin_file", "one that does not include itself", str(file))
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"`gin_file` must be in UTF-8. Got: {file}: {error}") from None
    names = re.findall(r"^\s*include\s*['\"](.*?)['\"]", text, re.MULTILINE)
    found = [path for path in map(_there, names) if path]
    inner = [with_included(path, (*within, file)) for path in found]
    return "\n".join([text, *inner])


def smoke(module: str) -> pathlib.Path:
    """The config of --smoke for a module's job: its package's own, or that of all."""
    package = module.partition(".")[0]
    for folder in FOLDERS:
        if (folder / package / "smoke.gin").exists():
            return folder / package / "smoke.gin"
    return find("smoke.gin")
