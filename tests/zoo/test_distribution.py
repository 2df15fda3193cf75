import json
import os
import pathlib
import signal
import socket
import subprocess
import sys

import keras
import numpy as np
import pytest
from clip_sources import tiny_genotype

from zoo.distribution import ADDRESSES, Placement, current, placed

SCRIPT = pathlib.Path(__file__).parent.parent / "distributed.py"
BACKEND = keras.backend.backend()
OTHER = {"tensorflow": "data_parallel", "jax": "mirrored"}[BACKEND]


def test_elsewhere_is_one_device():
    assert current() == Placement(replicas=1, processes=1, process=0)
    assert current().leads
    assert not Placement(8, 2, 1).leads


def test_a_batch_is_spread_evenly():
    Placement(4).check_batch(12)
    with pytest.raises(ValueError, match=r"`batch_size` must be a multiple of the 4"):
        Placement(4).check_batch(13)


def test_one_process_reads_all_clips():
    assert Placement(4).part_of("clips") == "clips"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"distribution": "both"}, "`distribution` must be one of .*Got: 'both'"),
        ({"distribution": OTHER}, "`distribution` must be .*(jax|JAX).*Got: '"),
        ({"precision": "float8"}, "`precision` must be .*Got: 'float8'"),
        ({"num_virtual_devices": 0}, "`num_virtual_devices` must be a whole number"),
    ],
)
def test_mistakes(arguments, reason):
    with pytest.raises(ValueError, match=reason), placed(**arguments):
        pass


@pytest.mark.parametrize(
    ("distribution", "tpu", "reason"),
    {
        "tensorflow": [
            ("tpu", "local", "`tpu` must be the name of a TPU"),
            ("auto", "pod", "`tpu` must be the name of a TPU"),
            ("tpu", None, "`tpu` must be given with distribution tpu"),
            ("none", "local", "`tpu` must be given with distribution tpu"),
            ("multi_worker", None, "`distribution` must be of TensorFlow, or .*=jax"),
        ],
        "jax": [
            ("auto", "local", "`tpu` must be left out on JAX"),
            ("tpu", None, "`distribution` must be left out on JAX"),
            ("multi_worker", None, "`distribution` must be of processes that find"),
        ],
    }[BACKEND],
)
def test_tpus_and_machines_that_are_not_there(distribution, tpu, reason, monkeypatch):
    monkeypatch.delenv(ADDRESSES, raising=False)
    with pytest.raises(ValueError, match=reason):
        placed(distribution, tpu).__enter__()


def test_precision_is_of_what_is_built_within():
    with placed("none", precision="mixed_bfloat16"):
        assert keras.layers.Dense(1).compute_dtype == "bfloat16"
    assert keras.layers.Dense(1).compute_dtype == "float32"


def test_devices_are_parted_before_anything_is_computed():
    keras.ops.zeros(1)
    with pytest.raises(ValueError, match="must be set before anything is computed"):
        placed(num_virtual_devices=3).__enter__()


def environment(**more):
    """That of a process whose devices nothing else tells."""
    tests = str(SCRIPT.parent)
    return {
        **{k: v for k, v in os.environ.items() if k != "XLA_FLAGS"},
        "PYTHONPATH": os.pathsep.join([str(SCRIPT.parent.parent), tests]),
        **more,
    }


def run(*arguments, stderr=None, **variables):
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), *arguments],
        env=environment(**variables),
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
    )


def run_two(mode, folder, **options):
    """Two processes that train together."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    return [
        run(
            mode,
            str(folder),
            KERAS_DISTRIBUTION_JOB_ADDRESSES=address,
            KERAS_DISTRIBUTION_NUM_PROCESSES="2",
            KERAS_DISTRIBUTION_PROCESS_ID=str(number),
            **options,
        )
        for number in range(2)
    ]


def check_same(one, other, tolerance=1e-4):
    np.testing.assert_allclose(one["losses"], other["losses"], atol=tolerance)
    np.testing.assert_allclose(one["sums"], other["sums"], rtol=10 * tolerance)


@pytest.mark.model
def test_four_devices_train_as_one_does(tmp_path):
    process = run("spread", str(tmp_path))
    found = json.loads(process.communicate(timeout=300)[0].splitlines()[-1])
    assert found["one"]["replicas"] == 1
    assert found["four"]["replicas"] == 4
    check_same(found["four"], found["one"])
    check_same(found["four_grouped"], found["one_grouped"])
    check_same(found["four_adamw"], found["one_adamw"])
    check_same(found["four_half"], found["one"], tolerance=0.05)
    for part in ("validation_loss", "validation_top1"):
        values = [found[name]["result"][part] for name in ("one", "four")]
        np.testing.assert_allclose(*values, atol=1e-4)
    # Groups are another computation, and a run goes on with other devices.
    assert abs(found["one_grouped"]["losses"][0] - found["one"]["losses"][0]) > 1e-4
    assert len(found["resumed"]["losses"]) == 2
    np.testing.assert_allclose(
        found["resumed"]["losses"], found["longer"]["losses"][4:], atol=1e-4
    )


@pytest.mark.model
def test_a_command_trains_on_two_devices(tmp_path):
    (tmp_path / "tiny.json").write_text(tiny_genotype().to_json())
    kind = {"tensorflow": "mirrored", "jax": "data_parallel"}[BACKEND]
    flags = f"--smoke --distribution={kind} --num_virtual_devices=2"
    places = f"--model={tmp_path}/tiny.json --workdir={tmp_path}/run"
    command = f"-m zoo.train {flags} {places} --data=moving_shapes".split()
    result = subprocess.run(
        [sys.executable, *command], env=environment(), capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    assert "2 steps of 2, each spread over 2 devices: " in result.stdout
    assert len((tmp_path / "run/metrics.csv").read_text().splitlines()) == 3


@pytest.mark.model
@pytest.mark.jax
def test_two_processes_train_as_one_does(tmp_path):
    processes = run_two("process", tmp_path / "two")
    first, second = (
        json.loads(process.communicate(timeout=300)[0].splitlines()[-1])
        for process in processes
    )
    assert (first["process"], second["process"]) == (0, 1)
    assert first["replicas"] == 2
    check_same(first, second, tolerance=0)
    alone = run("alone", str(tmp_path / "one"))
    check_same(first, json.loads(alone.communicate()[0].splitlines()[-1]))


@pytest.mark.model
@pytest.mark.jax
def test_two_processes_stop_as_one_does(tmp_path):
    processes = run_two("endless", tmp_path, stderr=subprocess.PIPE)
    for process in processes:
        assert any(line == "trains\n" for line in process.stderr)
    processes[1].send_signal(signal.SIGTERM)  # The one that does not write.
    texts = [process.communicate(timeout=120)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert "saved: resume with the same command" in texts[0]
    assert "saved" not in texts[1]
    with np.load(tmp_path / "checkpoint.npz") as file:
        assert file["step"] > 0
        assert file["step"] % 10 == 0
