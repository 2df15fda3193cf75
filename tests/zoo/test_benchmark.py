import keras
import pytest
from clip_sources import TINY, tiny_genotype

from zoo import benchmark, comparison, cost, genotypes, inference, weights
from zoo.comparison import Row

ABOUT = inference.Description(tiny_genotype(), ("dark", "light", "wet"), "single", TINY)


@pytest.fixture
def compared(monkeypatch):
    """What the command compares; nothing is measured."""

    def compare(names, kinds, *how):
        asked.append((names, kinds, *how[:-1]))
        return [
            Row(name, (2, 8, 8, 3), len(name), 10, 10, failures=failures)
            for name in names
        ]

    asked, failures = [], {}
    monkeypatch.setattr(comparison, "compare", compare)
    monkeypatch.setattr(comparison, "check_runtimes", lambda kinds: None)
    compare.asked, compare.failures = asked, failures
    return compare


def test_the_command_s_orders_are_those_of_the_table():
    assert set(benchmark.SORTS) == set(comparison.ORDERS)


def test_flags_reach_the_comparison_and_the_table_is_sorted(compared, capsys):
    argv = ["tvn_mobile1", "tvn1", "--runtimes=litert, onnx", "--sort=params"]
    argv += ["--threads=2", "--batch_size=4", "--seconds=0.5", "tvn1"]
    assert benchmark.main(argv) == 0
    names, kinds = ["tvn_mobile1", "tvn1"], ["litert", "onnx"]
    assert compared.asked == [(names, kinds, 4, 2, 0.5, 400)]
    how, _, first, second = capsys.readouterr().out.splitlines()
    assert how.startswith("4 clips a call, 2 threads; peak MB")
    assert [first.split()[0], second.split()[0]] == ["tvn1", "tvn_mobile1"]


def test_what_does_not_run_is_an_exit_code(compared, capsys):
    compared.failures["onnx"] = "no reason"
    assert benchmark.main(["tvn1", "--runtimes=onnx"]) == 1
    assert "tvn1 does not run on onnx: no reason" in capsys.readouterr().out


def test_default_is_the_backend_and_none_measures_nothing(compared, capsys):
    for flag in ([], ["--runtimes=none"]):
        assert benchmark.main(["tvn1", *flag]) == 0
    assert [kinds for _, kinds, *_ in compared.asked] == [
        [keras.backend.backend()],
        [],
    ]
    assert capsys.readouterr().out


@pytest.mark.usefixtures("compared")
def test_nothing_is_overwritten_unasked(tmp_path, capsys):
    argv = ["tvn1", "--runtimes=none", f"--out={tmp_path}/new"]
    assert benchmark.main(argv) == 0
    assert f"More in {tmp_path}/new; no network has both" in capsys.readouterr().out
    with pytest.raises(ValueError, match="`out` must be a folder without a benchmark"):
        benchmark.main(argv)
    assert benchmark.main([*argv, "--overwrite"]) == 0


def test_a_place_that_can_not_be_written_to_is_told_first(compared, tmp_path):
    (tmp_path / "file").write_text("")
    argv = ["tvn1", "--runtimes=none", f"--out={tmp_path}/file/new"]
    with pytest.raises(ValueError, match="`out` must be a folder that can be written"):
        benchmark.main(argv)
    assert compared.asked == []


def test_a_runtime_is_measured_once(compared):
    assert benchmark.main(["tvn1", "--runtimes=onnx,litert,onnx"]) == 0
    assert compared.asked[0][1] == ["onnx", "litert"]


@pytest.mark.parametrize(
    ("argv", "reason"),
    [
        ([], "`model` must be given"),
        (["tvn2", "tnv1"], r"a run, or a name such as tvn1, .* Got: 'tnv1'"),
        (["tvn1", "--runtimes=tflite"], "`runtimes` must be of .* Got: 'tflite'"),
        (["tvn1", "--sort=size"], "`sort` must be one of latency"),
        (["tvn1", "--batch_size=0"], "`batch_size` must be"),
        (["tvn1", "--seconds=-1"], "`seconds` must be"),
        (["tvn1", "--threads=0", "--runtimes=none"], "`threads` must be"),
        (["--modle=x"], "Unknown command line flag 'modle'"),
    ],
)
def test_mistakes_are_named(argv, reason):
    with pytest.raises(ValueError, match=reason):
        benchmark.main(argv)


def test_the_other_backend_is_refused():
    other = {"jax": "tensorflow", "tensorflow": "jax"}[keras.backend.backend()]
    with pytest.raises(ValueError, match="`runtime` must be that of Keras"):
        benchmark.main(["tvn1", f"--runtimes={other}"])


def test_help_shows_an_example(capsys):
    assert benchmark.main(["--help"]) == 0
    assert "example: python -m zoo.benchmark" in capsys.readouterr().out


@pytest.mark.model
def test_a_run_is_measured_beside_a_named_network(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(cost, "TURN", 0.0)
    monkeypatch.setitem(genotypes.FOUND, "tiny", ABOUT.genotype)
    inference.describe(tmp_path / "run", ABOUT)
    weights.save(ABOUT.build(), tmp_path / "run/best.weights.h5")
    run = str(tmp_path / "run")
    argv = [run, "tiny", "--seconds=0", "--num_classes=3", f"--out={tmp_path}"]
    assert benchmark.main(argv) == 0
    said = capsys.readouterr()
    _, _, *lines, _ = said.out.splitlines()
    medians = {line.split()[0]: float(line.split()[5]) for line in lines}
    assert medians.keys() == {run, "tiny"}
    assert 0 < min(medians.values()) == float(lines[0].split()[5])
    assert "preparing tiny, 2 of 2" in said.err
    assert (tmp_path / "benchmark.json").exists()
