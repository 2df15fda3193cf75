"""Where training runs: on one device, on several, or on several machines.

TensorFlow spreads batches over devices by `tf.distribute`, JAX by Keras'
`DataParallel`. Either way a batch is one: its loss, its gradient and its batch norm are
those of all its clips, unless batch norm is told to take groups of them.
"""

import contextlib
import functools
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import keras

from zoo import devices
from zoo.genotypes.base import check, check_whole

AUTO, NONE = "auto", "none"
MIRRORED, MULTI_WORKER, TPU, DATA_PARALLEL = KINDS = (
    "mirrored",
    "multi_worker",
    "tpu",
    "data_parallel",
)
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
ADDRESSES = "KERAS_DISTRIBUTION_JOB_ADDRESSES"


@dataclass(frozen=True)
class Placement:
    """Where the code runs that asks `current()`.

    Args:
        replicas: Devices that a batch is spread over, of all processes together.
        processes: Processes that train together.
        process: The number of this one.
    """

    replicas: int = 1
    processes: int = 1
    process: int = 0

    @property
    def leads(self) -> bool:
        """Whether this process is the one that writes files and shows progress."""
        return self.process == 0

    def check_batch(self, batch_size: int) -> None:
        """Raises ValueError unless a batch can be spread evenly."""
        rule = f"a multiple of the {self.replicas} devices that it is spread over"
        check(batch_size % self.replicas == 0, "batch_size", rule, batch_size)

    def part_of(self, clips):
        """This process' part of a clip source."""
        return (
            clips.shard(self.process, self.processes) if self.processes > 1 else clips
        )


def current() -> Placement:
    """The placement within `placed`; elsewhere one device."""
    if keras.backend.backend() == "tensorflow":
        return Placement(devices.mirrors())
    found = keras.distribution.distribution()
    if found is None:
        return Placement()
    import jax  # The only other backend that places.

    return Placement(found.num_model_replicas, jax.process_count(), jax.process_index())


@contextlib.contextmanager
def placed(
    distribution: str = AUTO,
    tpu: str | None = None,
    num_virtual_devices: int | None = None,
    precision: str | None = None,
) -> Iterator[Placement]:
    """A context in which models are built for, and trained on, certain devices.

    Args:
        distribution: "none" is one device. TensorFlow has "mirrored", all GPUs of this
            machine, and "tpu"; JAX has "data_parallel", all devices that it sees here,
            and "multi_worker", those of all processes, of which Keras' environment
            variables tell (`KERAS_DISTRIBUTION_JOB_ADDRESSES`, `..._NUM_PROCESSES`,
            `..._PROCESS_ID`; on TPU pods and under Slurm none are needed). "auto" is
            what there is: "multi_worker" where those variables are set, a TPU where
            `tpu` is, several devices, or one.
        tpu: For TensorFlow, the name of a TPU, or "local" for those of this machine.
        num_virtual_devices: Splits this machine's CPU into so many devices, to try a
            distribution. Before anything else is computed.
        precision: "float32", "mixed_bfloat16" or "mixed_float16", of what is built;
            None is as Keras has it, which is "float32" by default.

    Raises:
        ValueError: The backend has no such distribution, or there are no such devices.
    """
    kinds = (AUTO, NONE, *KINDS)
    rule = f"one of {', '.join(kinds)}"
    check(distribution in kinds, "distribution", rule, distribution)
    rule = f"one of {', '.join(PRECISIONS)}"
    check(precision in (None, *PRECISIONS), "precision", rule, precision)
    if num_virtual_devices is not None:
        check_whole(num_virtual_devices, "num_virtual_devices", least=1)
    backend = {"tensorflow": _tensorflow, "jax": _jax}[keras.backend.backend()]
    before = keras.config.dtype_policy()
    with backend(distribution, tpu, num_virtual_devices):
        if precision is not None:
            keras.config.set_dtype_policy(precision)
        try:
            yield current()
        finally:
            keras.config.set_dtype_policy(before)


def _tensorflow(distribution: str, tpu: str | None, virtual: int | None):
    """The scope of a strategy of TensorFlow."""
    import tensorflow as tf

    if distribution in (MULTI_WORKER, DATA_PARALLEL):
        rule = "of TensorFlow, or KERAS_BACKEND=jax"
        what = {MULTI_WORKER: f" ({ADDRESSES} is for JAX)"}.get(distribution, "")
        check(False, "distribution", rule + what, distribution)
    wants_tpu = distribution == TPU or (distribution == AUTO and tpu is not None)
    check(wants_tpu == (tpu is not None), "tpu", "given with distribution tpu", tpu)
    if wants_tpu:
        check(virtual is None, "num_virtual_devices", "left out with a TPU", virtual)
        return _tpu(tpu).scope()
    devices = [f"GPU:{n}" for n, _ in enumerate(tf.config.list_physical_devices("GPU"))]
    if virtual is not None:
        devices = _virtual_cpus(virtual)
    if distribution == NONE or (distribution == AUTO and len(devices) < 2):
        return contextlib.nullcontext()
    return _mirrored(*devices or ["CPU:0"]).scope()


@functools.cache
def _mirrored(*devices: str):
    """One for all of a process: the messages of two on the same devices get mixed."""
    import tensorflow as tf

    return tf.distribute.MirroredStrategy(devices)


def _virtual_cpus(count: int) -> list[str]:
    import tensorflow as tf

    cpu = tf.config.list_physical_devices("CPU")[0]
    parts = [tf.config.LogicalDeviceConfiguration() for _ in range(count)]
    with _too_late(RuntimeError):
        if len(tf.config.get_logical_device_configuration(cpu) or [cpu]) != count:
            tf.config.set_logical_device_configuration(cpu, parts)
    return [f"CPU:{number}" for number in range(count)]


def _tpu(name: str):
    import tensorflow as tf

    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver(tpu=name)
        if name != "local":
            tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
    except (ValueError, KeyError, OSError, tf.errors.OpError) as error:
        why = str(error).splitlines()[0]
        rule = 'the name of a TPU, or "local" on a TPU machine'
        raise ValueError(f"`tpu` must be {rule}. Got: {name!r}, {why}") from None
    return tf.distribute.TPUStrategy(resolver)


def _jax(distribution: str, tpu: str | None, virtual: int | None):
    """The scope of a distribution of Keras."""
    import jax

    if distribution in (MIRRORED, TPU) or tpu is not None:
        name, value = (
            ("tpu", tpu) if tpu is not None else ("distribution", distribution)
        )
        rule = "left out on JAX, which sees TPUs and GPUs by itself (data_parallel)"
        check(False, name, rule, value)
    if virtual is not None:
        with _too_late(RuntimeError):
            if jax.config.jax_num_cpu_devices != virtual:
                jax.config.update("jax_num_cpu_devices", virtual)
            jax.config.update("jax_platforms", "cpu")
    several = distribution == AUTO and ADDRESSES in os.environ
    if (several or distribution == MULTI_WORKER) and not _is_initialized():
        _join()
    if distribution == NONE or (distribution == AUTO and jax.device_count() == 1):
        return contextlib.nullcontext()
    # Each process reads its own part of the clips.
    devices = {"devices": keras.distribution.list_devices()}
    return keras.distribution.DataParallel(**devices, auto_shard_dataset=False).scope()


def _is_initialized() -> bool:
    import jax

    return jax.distributed.is_initialized()


def _join() -> None:
    """Joins the other processes; waits until all are there."""
    print("waiting for the other processes", file=sys.stderr, flush=True)
    try:
        keras.distribution.initialize()
    except (ValueError, RuntimeError) as error:
        why = str(error).splitlines()[0]
        rule = f"of processes that find each other ({ADDRESSES}, ...)"
        raise ValueError(
            f"`distribution` must be {rule}. Got: 'multi_worker', {why}"
        ) from None


@contextlib.contextmanager
def _too_late(*errors: type[Exception]) -> Iterator[None]:
    try:
        yield
    except errors as error:
        rule = "set before anything is computed: in a new process"
        why = str(error).splitlines()[0]
        message = f"`num_virtual_devices` must be {rule}. Got: {why}"
        raise ValueError(message) from None


def spread(values: list, clip) -> tuple:
    """Arguments of an inference by JAX, such that all devices of a process share it.

    Args:
        values: Lists of arrays that all devices have.
        clip: An array, or a structure of such, of a batch of clips.

    Returns:
        The lists and the clip; of several processes those of one device, so that each
        process can infer by itself.
    """
    here, found = current(), keras.distribution.distribution()
    if here.processes > 1:
        return *keras.tree.map_structure(lambda x: x.addressable_data(0), values), clip
    size = len(keras.tree.flatten(clip)[0])
    if here.replicas == 1 or size % here.replicas:
        return *values, clip
    import jax

    def put(x):
        return jax.device_put(x, found.get_data_layout(x.shape).backend_layout)

    return *values, keras.tree.map_structure(put, clip)


def any_of(value: bool) -> bool:
    """Whether a process says yes, of all that train together; each must ask."""
    import numpy as np
    from jax.experimental import multihost_utils

    return bool(multihost_utils.process_allgather(np.int32(value)).any())


def check_same(value: int, name: str, rule: str) -> None:
    """Raises ValueError unless all processes that train together give one value.

    Args:
        value: Of this process.
        name: Of the argument, for the error.
        rule: What it must be, for the error.
    """
    if current().processes == 1:
        return
    import numpy as np
    from jax.experimental import multihost_utils

    found = multihost_utils.process_allgather(np.int64(value)).tolist()
    check(len({*found}) == 1, name, rule, f"{found}, by process")


def even(gradients: list) -> list:
    """The mean gradient of all devices, where TensorFlow has one of each device."""
    if devices.mirrors() == 1:
        return gradients
    import tensorflow as tf

    context = tf.distribute.get_replica_context()
    known = [gradient for gradient in gradients if gradient is not None]
    means = iter(context.all_reduce("MEAN", known))
    return [None if gradient is None else next(means) for gradient in gradients]


def share(loss):
    """A replica's mean loss as its share of the mean over all replicas.

    TensorFlow sums gradients over replicas; JAX sees the batch as one.
    """
    return loss / devices.mirrors()
