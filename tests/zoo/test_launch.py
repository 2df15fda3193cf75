import errno
import inspect
import io
import os
import shlex
import sys

import pytest
import toy_job

from zoo import command, flags, launch, record

CONFIG = """
from __gin__ import dynamic_registration
import toy_job
toy_job.work.number = 2
toy_job.work.clips = @toy_job.Clips()
toy_job.Clips.root = 'there'
"""
NEEDED = ["--workdir=never_made"]


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "toy.gin"
    path.write_text(CONFIG)
    return f"--gin_file={path}"


def run(workdir, *argv, **options):
    return launch.run("toy_job.work", [f"--workdir={workdir}", *argv], options)


def message(job, *argv, options=None):
    """The one line that a user gets."""
    with pytest.raises(Exception, match=r".") as caught:
        launch.run(job, list(argv), options)
    return command.mistake(caught.value)


def test_flags_and_files_reach_the_job(config, tmp_path):
    binding = "--gin_bindings=toy_job.work.word='loud'"
    assert run(tmp_path / "a", config, "--seed=7", binding) == 2
    call = toy_job.CALLS[-1]
    assert (call["seed"], call["word"], call["clips"].root) == (7, "loud", "there")


def test_bindings_win_over_files(config, tmp_path):
    assert run(tmp_path / "a", config, "--gin_bindings=toy_job.work.number=5") == 5


def test_further_flags_are_arguments(tmp_path):
    run(tmp_path / "a", "--word=quiet", word="how loud")
    assert toy_job.CALLS[-1]["word"] == "quiet"


def test_further_flags_are_of_the_kind_of_their_argument(tmp_path):
    options = {"times": "how often", "audit": "check"}
    run(tmp_path / "a", "--times=3", "--audit", **options)
    assert toy_job.CALLS[-1]["times"] == 3
    assert toy_job.CALLS[-1]["audit"] is True
    line = message("toy_job.work", "--times=x", options=options)
    assert line.startswith("flag --times=x: invalid literal")


def test_a_run_that_another_process_recorded_is_not_recorded_again(
    tmp_path, monkeypatch
):
    monkeypatch.setenv(record.RECORDED, "1")
    tmp_path.joinpath("config.gin").write_text("# as it was")
    run(tmp_path)
    assert tmp_path.joinpath("config.gin").read_text() == "# as it was"
    assert not tmp_path.joinpath("operative.gin").exists()


def test_dry_run_tells_all_settings_and_writes_nothing(config, tmp_path, capsys):
    assert run(tmp_path / "a", config, "--dry_run", dry_run="look") == 2
    out = capsys.readouterr().out
    assert "toy_job.work.number = 2" in out
    assert "toy_job.Clips.steps = 1" in out  # Its default.
    assert list(tmp_path.iterdir()) == [tmp_path / "toy.gin"]


def test_folder_that_can_not_be_written_to_is_told_at_once(tmp_path):
    (tmp_path / "file").write_text("")
    count = len(toy_job.CALLS)
    line = message("toy_job.work", f"--workdir={tmp_path / 'file' / 'run'}")
    assert line.startswith("`workdir` must be a folder that can be written to. Got: ")
    assert len(toy_job.CALLS) == count


def test_error_of_the_job_is_told_where_the_disk_is_full(tmp_path, monkeypatch):
    def refuse(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(launch, "write_text", refuse)
    binding = "--gin_bindings=toy_job.work.number=-1"
    line = message("toy_job.work", f"--workdir={tmp_path}", binding)
    assert line == "`number` must be at least 0. Got: -1"


@pytest.mark.parametrize("guest", ["--role=worker", "--audit"])
def test_who_works_in_anothers_folder_records_nothing(guest, tmp_path):
    options = {"role": "who", "audit": "check"}
    run(tmp_path / "a", guest, **options)
    assert not (tmp_path / "a").exists()


def test_job_without_bindings_runs():
    assert launch.run("toy_job.play", []) == 1


@pytest.mark.parametrize("name", [record.CONFIG, record.OPERATIVE])
def test_each_record_repeats_the_run(name, config, tmp_path):
    workdir = tmp_path / "a"
    run(workdir, config, "--seed=3")
    first = toy_job.CALLS[-1]
    assert launch.run("toy_job.work", [f"--gin_file={workdir / name}"]) == 2
    again = toy_job.CALLS[-1]
    assert first.pop("clips").root == again.pop("clips").root == "there"
    assert first == again


def test_config_is_there_when_the_job_fails(config, tmp_path):
    with pytest.raises(ValueError, match="`number` must be"):
        run(tmp_path / "a", config, "--gin_bindings=toy_job.work.number=-1")
    assert "toy_job.work.number = -1" in (tmp_path / "a/config.gin").read_text()


def test_folder_of_another_run_is_refused(config, tmp_path):
    run(tmp_path, config)
    before = (tmp_path / "config.gin").read_text()
    change = "--gin_bindings=toy_job.Clips.root='elsewhere'"
    line = message("toy_job.work", f"--workdir={tmp_path}", config, change)
    assert line.startswith("`workdir` must be new, or of the same run. Got: ")
    assert line.endswith("a run with toy_job.Clips.root 'there', now 'elsewhere'")
    assert (tmp_path / "config.gin").read_text() == before


def test_what_both_runs_tell_comes_first_and_another_job_before_it(tmp_path):
    record.write(tmp_path, "zoo.train", "a.b.rare = 2\ntrain.train.model = 'tvn1'\n")
    (tmp_path / "journal.jsonl").touch()
    text = "train.train.model = 'i3d'\n"
    with pytest.raises(ValueError, match=r"a run with train\.train\.model 'tvn1', now"):
        record.write(tmp_path, "zoo.train", text)
    with pytest.raises(ValueError, match=r"a run with a\.b\.rare 2, now not set"):
        record.write(tmp_path, "zoo.train", text.replace("i3d", "tvn1"))
    with pytest.raises(ValueError, match=r"a run of zoo\.train, now search\.run"):
        record.write(tmp_path, "search.run", text)


def test_same_run_may_go_on_with_more_steps(config, tmp_path):
    run(tmp_path, config)
    run(tmp_path, config, "--gin_bindings=toy_job.work.steps=9")
    assert toy_job.CALLS[-1]["steps"] == 9


def test_folder_of_a_run_that_never_began_is_free(config, tmp_path):
    workdir = tmp_path / "a"
    run(workdir, config)
    (workdir / "done.txt").unlink()
    assert run(workdir, "--gin_bindings=toy_job.work.number=4") == 4


def test_clips_of_another_run_are_taken_alone(config, tmp_path):
    run(tmp_path / "a", config)
    assert run(tmp_path / "b", f"--data={tmp_path / 'a'}") == 1
    assert toy_job.CALLS[-1]["clips"].root == "there"
    assert "number" not in (tmp_path / "b/config.gin").read_text()


def test_run_without_clips_lends_none(tmp_path):
    run(tmp_path / "a")
    line = message("toy_job.work", "--workdir=b", f"--data={tmp_path / 'a'}")
    assert line.startswith("`data` must be of a run with clips.")


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        ("moving_shapes", ["clips = @moving_shapes.MovingShapes()"]),
        ("a.csv", ["clips = @table.VideoTable()", "VideoTable.path = 'a.csv'"]),
        ("A.CSV", ["VideoTable.path = 'A.CSV'"]),
        ("videos", ["clips = @folder.VideoFolder()", "VideoFolder.root = 'videos'"]),
        (
            "kinetics400:/k 400:b",
            ["clips = @kinetics.Kinetics400()", "Kinetics400.data_dir = '/k 400:b'"],
        ),
        ("other:videos", ["VideoFolder.root = 'other:videos'"]),
    ],
)
def test_data_is_a_clip_source(data, lines):
    argv = ["--workdir=w", f"--data={data}"]
    values = flags.parse_flags("toy_job.work", argv, {}, "")
    launch.configure("toy_job.work", values, [])
    text = launch.gin.config_str()
    assert all(line in text for line in lines)


@pytest.mark.parametrize(
    ("binding", "names"),
    [
        ("folder.VideoFolder.root = '/data/train.videos'", ["folder.VideoFolder.root"]),
        ('a.b.c = "@x.y \'z"', ["a.b.c"]),
        ("s/a.b.c = [@t/d.e(), '@f.g', @h.i]", ["a.b.c", "d.e", "h.i"]),
        ("a.b.c = 1/train.x", ["a.b.c"]),
    ],
)
def test_only_names_of_bindings_are_imported(binding, names, monkeypatch):
    asked = []
    monkeypatch.setattr(launch, "_import_of", lambda name: asked.append(name) or [])
    monkeypatch.setattr(launch.gin, "parse_config", lambda _: None)
    launch.bind(binding)
    assert asked == names


@pytest.mark.parametrize("flag", ["workdir", "data", "model", "steps", "seed"])
def test_flags_that_do_not_fit_the_job_are_refused(flag):
    line = message("toy_job.play", f"--{flag}=1")
    assert line.startswith(f"Unknown command line flag '{flag}'")


def test_help_keeps_to_the_flags_of_the_job(capsys):
    launch.run("toy_job.play", ["--help"])
    text = capsys.readouterr().out
    assert "--smoke" in text
    assert not any(f"--{flag}" in text for flag in flags.NEEDS)


def test_job_may_say_what_its_model_is(capsys):
    launch.run("toy_job.work", ["--help"], {"model": "a run"})
    assert "a run\n" in capsys.readouterr().out


def test_steps_keep_the_share_of_the_warmup(tmp_path):
    file = "--gin_file=train/tvn1.gin"
    launch.run("toy_job.work", [f"--workdir={tmp_path}", file, "--steps=100"])
    recipe = toy_job.CALLS[-1]["recipe"]
    assert (recipe.steps, recipe.warmup_steps, recipe.batch_size) == (100, 8, 128)


MACROS = """
from __gin__ import dynamic_registration
import toy_job
from zoo import training
place = '{}'
long = 40
toy_job.work.workdir = %place
toy_job.work.recipe = @training.Recipe()
training.Recipe.steps = %long
training.Recipe.warmup_steps = %short
short = 4
"""


def test_settings_may_stand_for_others(tmp_path):
    folder = tmp_path / "my runs" / "ä"
    (tmp_path / "a.gin").write_text(MACROS.format(folder), encoding="utf-8")
    launch.run("toy_job.work", [f"--gin_file={tmp_path}/a.gin", "--steps=20"])
    recipe = toy_job.CALLS[-1]["recipe"]
    assert (recipe.steps, recipe.warmup_steps) == (20, 2)
    first, *_ = (folder / "config.gin").read_text("utf-8").splitlines()
    _, argument = shlex.split(first)[-2:]
    assert argument == f"--gin_file={folder}/config.gin"
    launch.run("toy_job.work", [argument])
    assert toy_job.CALLS[-1]["recipe"] == recipe


def test_recipe_can_be_bound_without_a_config(tmp_path):
    run(tmp_path, "--gin_bindings=training.Recipe.batch_size=3")
    assert toy_job.CALLS[-1]["recipe"].batch_size == 3


@pytest.mark.parametrize(
    ("flag", "steps"), [([], 2), (["--steps=5000"], 2), (["--steps=1"], 1)]
)
def test_smoke_shrinks_any_run(flag, steps, tmp_path):
    launch.run("toy_job.work", [f"--workdir={tmp_path}", "--smoke", *flag])
    assert toy_job.CALLS[-1]["recipe"].steps == steps


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        ([], "`workdir` must be given: --workdir, or toy_job.work.workdir in a gin"),
        (["--workdri=a"], "Unknown command line flag 'workdri'. Did you mean: workdir"),
        (["stray"], "arguments must begin with --. Got: stray"),
        (["--seed=x"], "flag --seed=x: invalid literal"),
        (
            ["--gin_file=train/tnv1.gin"],
            "`gin_file` must be a gin file, such as train/",
        ),
        (
            [*NEEDED, "--gin_bindings=toy_job.work.nubmer=1"],
            "Configurable 'toy_job.work' doesn't have a parameter named 'nubmer'. "
            "In --gin_bindings: toy_job.work.nubmer=1",
        ),
        (
            [*NEEDED, "--gin_bindings=training.Recip.steps=1"],
            "Couldn't resolve selector",
        ),
        (
            [*NEEDED, "--gin_bindings=nowhere.f.x=1"],
            "'nowhere' was not provided by an import",
        ),
        (
            [*NEEDED, "--gin_bindings=toy_job.work.number=="],
            "--gin_bindings: Couldn't parse",
        ),
    ],
)
def test_mistakes_get_one_line(argv, expected):
    line = message("toy_job.work", *argv)
    assert "\n" not in line
    assert expected in line


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("toy_job.work.nubmer = 1", "In {path}, line 4: toy_job.work.nubmer = 1"),
        ("toy_job.work.number = = 1", "{path}, line 4: Unable to parse value."),
        ("from toy_job import nothing", "No module named 'toy_job.nothing'"),
        ("include 'no/such.gin'", "Unable to open file: no/such.gin"),
    ],
)
def test_mistake_in_a_file_names_file_and_line(line, expected, tmp_path):
    path = tmp_path / "typo.gin"
    head = "from __gin__ import dynamic_registration\nimport toy_job\n\n"
    path.write_text(head + line)
    shown = message("toy_job.work", *NEEDED, f"--gin_file={path}")
    assert expected.format(path=path) in shown
    assert "\n" not in shown


HEAVY = '''
from typing import Literal

def work(workdir, clips, model=None, word: Literal["loud", "low"] | None = None):
    """Works."""

raise SystemExit("it was imported")
'''


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["--wordkir=a"], "Unknown command line flag 'wordkir'"),
        (["--word=mute"], "flag --word=mute: value should be one of <loud|low>"),
        (["--gin_file=train/tnv1.gin"], "`gin_file` must be a gin file, such as"),
        (["--workdir=a", "--data=nowhere"], "`data` must be a folder or a .csv that"),
        (
            ["--workdir=a", "--data=kinetics:a"],
            "such as kinetics400. Got: 'kinetics:a'",
        ),
        (
            ["--workdir=a", "--data=ucf101:no"],
            "must be ucf101:FOLDER, a folder that ex",
        ),
        (["--workdir=a", "--data=ucf101"], "must be ucf101:FOLDER, a folder that exis"),
        (["--workdir=a", "--model=tvn11"], "`model` must be a path that exists, or"),
        (["--workdir=a", f"--model={300 * 'a'}"], "`model` must be a path that exis"),
        (["--data=moving_shapes"], "`workdir` must be given: --workdir, or heavy_job"),
        (["--workdir=a"], "`clips` must be given: --data, or heavy_job.work.clips in"),
        (["--workdir=a", "--gin_file={config}"], "`clips` must be given"),
    ],
)
def test_mistakes_are_told_before_the_job_is_imported(
    argv, expected, tmp_path, monkeypatch
):
    (tmp_path / "heavy_job.py").write_text(HEAVY)
    (tmp_path / "a.gin").write_text("heavy_job.work.workdir = 'a'")
    monkeypatch.syspath_prepend(tmp_path)
    argv = [word.format(config=tmp_path / "a.gin") for word in argv]
    assert expected in message("heavy_job.work", *argv, options={"word": "how"})


def test_what_configs_and_those_they_include_bind_is_not_asked_for(tmp_path):
    (tmp_path / "inner.gin").write_text(CONFIG.replace("number", "workdir"))
    (tmp_path / "outer.gin").write_text(f"include '{tmp_path}/inner.gin'\n")
    values = flags.parse_flags(
        "toy_job.work", [f"--gin_file={tmp_path}/outer.gin"], {}, ""
    )
    launch._check_early("toy_job.work", values)
    values = flags.parse_flags("toy_job.work", [], {}, "")
    with pytest.raises(ValueError, match="`workdir` must be given"):
        launch._check_early("toy_job.work", values)


def test_help_lists_the_settings_that_pass_through(capsys):
    argv, settings = ["--help"], "toy_job.Clips"
    assert launch.run("toy_job.work", argv, {}, "", settings) is None
    assert "those of toy_job.Clips:\n\n  root='here'\n" in capsys.readouterr().out


def test_packages_can_be_bound_without_a_config():
    launch.gin.clear_config()
    launch.bind("genotypes.ClipSpec.frames = 16")
    assert "genotypes.ClipSpec.frames = 16" in launch.gin.config_str()


def test_faults_of_the_program_are_no_mistakes():
    assert command.mistake(ZeroDivisionError("division by zero")) is None
    assert command.mistake(TypeError("f() takes no arguments")) is None


def test_mistakes_inside_tensorflows_input_are_found():
    kind = type("UnknownError", (Exception,), {"__module__": "tensorflow.errors"})
    error = kind(
        "{{function_node x}} ValueError: `root` must be full. Got: 0\nTraceback"
    )
    assert command.mistake(error) == "`root` must be full. Got: 0"


def test_help_lists_flags_example_and_arguments(capsys):
    assert launch.run("toy_job.work", ["--help"], {"word": "how loud"}, "--x=1") is None
    text = capsys.readouterr().out
    assert text.startswith("Does next to nothing.")
    assert "example: python -m toy_job --x=1" in text
    for name in (
        "--data",
        "--smoke",
        "--word",
        *inspect.signature(toy_job.work).parameters,
    ):
        assert name in text


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        (lambda _: None, 0, ""),
        (lambda _: 3, 3, ""),
        (lambda _: int("x"), 1, "error: invalid literal for int() with base 10: 'x'\n"),
        (lambda _: os.stat("/no/such"), 1, "No such file or directory: '/no/such'\n"),
    ],
)
def test_command_ends_with_a_code(body, code, said, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["command"])
    monkeypatch.setattr(command, "quiet", lambda: None)
    with pytest.raises(SystemExit) as ended:
        command.command(body)
    assert ended.value.code == code
    assert capsys.readouterr().err.endswith(said)


def test_names_that_are_no_text_are_shown_as_they_are(monkeypatch):
    screen = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(screen, "utf-8"))
    monkeypatch.setattr(sys, "argv", ["command"])
    monkeypatch.setattr(command, "quiet", lambda: None)
    with pytest.raises(SystemExit) as ended:
        command.command(lambda _: print(os.fsdecode(b"a/\xe9.mp4"), flush=True))
    assert (ended.value.code, screen.getvalue()) == (0, b"a/\xe9.mp4\n")


def test_interrupt_is_no_error(capsys, monkeypatch):
    def interrupted(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "quiet", lambda: None)
    with pytest.raises(SystemExit) as ended:
        command.command(interrupted)
    assert ended.value.code == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_interrupted_run_goes_on_where_it_has_a_folder(tmp_path, monkeypatch):
    def interrupted(workdir=None):
        raise KeyboardInterrupt

    # A name of its own, as gin keeps the function by its name for later tests.
    monkeypatch.setattr(toy_job, "interrupted", interrupted, raising=False)
    with pytest.raises(KeyboardInterrupt, match="the same command goes on"):
        launch.run("toy_job.interrupted", [f"--workdir={tmp_path / 'a'}"])
    with pytest.raises(KeyboardInterrupt, match=r"^$"):
        launch.run("toy_job.interrupted", [])


@pytest.mark.parametrize("flag", ["--debug", "--debug=1", "--debug=True", "-debug"])
def test_debug_shows_the_traceback(flag, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["command", flag])
    monkeypatch.setattr(command, "quiet", lambda: None)
    with pytest.raises(ValueError, match="invalid literal"):
        command.command(lambda _: int("x"))


def test_tensorflow_is_tamed_where_jax_computes(monkeypatch, tmp_path, capfd):
    (tmp_path / "tensorflow.py").write_text(
        "import os\n"
        "os.write(2, b'chatter')\n"
        "class config:\n"
        "    set_visible_devices = staticmethod(lambda *given: hidden.append(given))\n"
        "hidden = []\n"
    )
    finder = command._TensorFlowFinder()
    monkeypatch.setattr(sys, "meta_path", [finder, *sys.meta_path])
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    for name in ("tensorflow", "keras"):
        monkeypatch.setitem(sys.modules, name, None)  # So that it is put back.
        del sys.modules[name]
    import tensorflow

    assert tensorflow.hidden == [([], "GPU")]
    assert capfd.readouterr().err == ""
    assert finder not in sys.meta_path


def test_same_run_by_another_import_goes_on(tmp_path):
    """A binding may name the job's module as gin does, or with its package."""
    old = "from __gin__ import dynamic_registration\nimport zoo.train\n"
    old += "zoo.train.train.clips = @datasets.moving_shapes.MovingShapes()\n"
    old += "zoo.train.train.save_minutes = 10.0\n"
    new = "train.train.clips = @moving_shapes.MovingShapes()\n"
    record.write(tmp_path, "zoo.train", old)
    (tmp_path / "model.json").write_text("{}")
    record.write(tmp_path, "zoo.train", f"{new}train.train.save_minutes = 5.0\n")
    with pytest.raises(ValueError, match=r"with train.train.save_every not set, now 5"):
        record.write(tmp_path, "zoo.train", f"{new}train.train.save_every = 5\n")


@pytest.mark.parametrize(
    ("model", "names"),
    [("runs/bset.json", False), ("tnv1", True), ("bset.json", False)],
)
def test_a_path_that_is_not_there_brings_no_names(model, names, tmp_path):
    line = message("zoo.train.train", f"--workdir={tmp_path}", f"--model={model}")
    assert line.startswith("`model` must be a path that exists")
    assert (", or a name such as" in line) == names


def test_other_processes_write_no_record(tmp_path, monkeypatch):
    monkeypatch.setenv(record.PROCESS, "1")
    record.write(tmp_path, "zoo.train", "")
    assert list(tmp_path.iterdir()) == []


def test_a_setting_that_nothing_uses_is_refused(config, tmp_path):
    change = "--gin_bindings=genotypes.ClipSpec.height=48"
    line = message("toy_job.work", f"--workdir={tmp_path}", config, change)
    assert line == (
        "`gin_bindings` must be of what this run uses: some setting must be "
        "@genotypes.ClipSpec(). Got: genotypes.ClipSpec.height"
    )
