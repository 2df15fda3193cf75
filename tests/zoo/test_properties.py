"""Whatever a config says, it is parsed, or one line says what is wrong with it."""

import gin
from hypothesis import example, given
from hypothesis import strategies as st
from properties import examples, is_clear

from zoo import command, launch

WORDS = st.sampled_from(
    [
        *("toy_job.work.number", "training.Recipe.steps", "training.Recipe", "include"),
        *("=", "@", "%", "()", "(", "'", '"', ",", "[", "}", "1", "1e999", "None"),
        *("'train/tvn1.gin'", "import", "from", "zoo", "\n", "\\", "#", ":", " "),
        *("include 'any.gin'", "'any.gin'", "\udcff"),  # Itself; no UTF-8.
        *("lambda: 0", "__import__('os')", "x" * 300, "\x00", "\u2028", "é"),
    ]
)
TEXTS = st.lists(WORDS | st.text(max_size=3), max_size=8).map(" ".join)


def said(tmp_path, *argv):
    """What a user reads of an error; None where there is none."""
    try:
        launch.run("toy_job.work", [f"--workdir={tmp_path}", *argv])
    except Exception as error:
        return command.mistake(error) or f"A bug:\n{error!r}"
    finally:
        gin.clear_config()
    return None


@examples(25)
@example("toy_job.work.number = __import__('os').getcwd()")
@example("include 'any.gin'")
@example("include  'any.gin' # again")
@example("\udcff")
@given(TEXTS)
def test_any_config_is_parsed_or_one_line(tmp_path, monkeypatch, text):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "any.gin").write_bytes(text.encode(errors="surrogateescape"))
    line = said(tmp_path, f"--gin_file={tmp_path / 'any.gin'}")
    assert line is None or is_clear(line, "any.gin"), line


@examples(25)
@given(TEXTS)
def test_any_binding_is_parsed_or_one_line(tmp_path, text):
    line = said(tmp_path, f"--gin_bindings={text}")
    assert line is None or is_clear(line, "--gin_bindings"), line
