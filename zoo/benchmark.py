"""The command `python -m zoo.benchmark`: networks side by side on this machine."""

if __name__ == "__main__":  # First, as the libraries below write on the screen.
    from zoo.command import command, function

    command(lambda argv: function("zoo.benchmark.main")(argv))

import difflib
import os
import pathlib
import sys

from absl import flags

from zoo import genotypes
from zoo.files import check_writable
from zoo.flags import read_arguments
from zoo.genotypes.base import check, check_whole
from zoo.record import BENCHMARK

USAGE = """Compares networks: cost, latency on this machine, accuracy.

usage: python -m zoo.benchmark [flags] NAME_OR_RUN ...

example: python -m zoo.benchmark tvn1 i3d resnet2plus1d_50 runs/mine --out=bench

Networks are named as zoo.list_models() has them, or by the folder of a training run,
whose own score is shown; of others it is what their paper reports, on the data set that
stands beside it. All are in memory at once and take turns, so that whatever else the
machine does slows all of them alike.

  --runtimes     of tensorflow, litert, onnx, jax, with commas between (default: Keras'
                 backend); none measures nothing
  --sort         latency (of the first runtime), rate (its MACs a second), params, macs,
                 memory, accuracy or name (default latency)
  --threads      of the runtimes (default: their own choice)
  --batch_size   clips a call (default 1)
  --seconds      how long each network is measured with each runtime (default 3)
  --num_classes  of the named networks (default 400)
  --out          folder for benchmark.json, benchmark.csv and accuracy-latency.svg
  --overwrite    replace what the folder holds of these
  --debug        show the traceback of an error
"""
SORTS = ("latency", "rate", "params", "macs", "memory", "accuracy", "name")


def benchmark(
    names: list[str],
    runtimes: list[str] | None = None,
    sort: str = "latency",
    threads: int | None = None,
    batch_size: int = 1,
    seconds: float = 3.0,
    num_classes: int = 400,
    out: str | None = None,
    overwrite: bool = False,
) -> list:
    """Compares networks, prints the table, and writes it to a folder.

    Args:
        names: Of published networks, and folders of training runs.
        runtimes: See `zoo.runtimes.RUNTIMES`; None is Keras' backend.
        sort: The table's order, one of `SORTS`.
        threads: Of the runtimes.
        batch_size: Clips a call.
        seconds: How long each network is measured with each runtime.
        num_classes: Of the published networks.
        out: Folder for the files of `record.BENCHMARK`; None writes nothing.
        overwrite: Whether to replace them.

    Returns:
        A `zoo.comparison.Row` for each network, in the table's order.

    Raises:
        ValueError: A name is unknown, or an argument is not what it must be.
    """
    names = list(dict.fromkeys(names))
    _check_names(names)
    check(sort in SORTS, "sort", f"one of {', '.join(SORTS)}", sort)
    check_whole(batch_size, "batch_size")
    check_whole(num_classes, "num_classes")
    check(seconds >= 0, "seconds", "0 or more", seconds)
    _check_out(out, overwrite)
    # Keras and a backend, which a mistake above does not wait for.
    import keras

    from zoo import comparison

    kinds = [keras.backend.backend()] if runtimes is None else runtimes
    kinds = list(dict.fromkeys(kinds))
    comparison.check_runtimes(kinds)
    _limit(threads, kinds)
    how = (batch_size, threads, seconds, num_classes, _tell)
    rows = comparison.compare(names, kinds, *how)
    rows = comparison.ordered(rows, sort, kinds)
    print(_settings(kinds, batch_size, threads))
    print(comparison.table(rows, kinds, batch_size), flush=True)
    if out is not None:
        settings = {"batch_size": batch_size, "threads": threads, "seconds": seconds}
        drawn = comparison.write(out, rows, kinds, settings)
        missing = "" if drawn else "; no network has both an accuracy and a latency"
        print(f"More in {out}{missing}", flush=True)
    return rows


def _check_names(names: list[str]) -> None:
    check(len(names) > 0, "model", "given: names of networks, or runs", names)
    for name in names:
        known = name in genotypes.FOUND or os.path.isdir(name)
        near = difflib.get_close_matches(name, genotypes.FOUND, cutoff=0.5)
        rule = "the folder of a run, or a name such as "
        rule += ", ".join(near or sorted(genotypes.FOUND))
        check(known, "model", rule, name)


def _check_out(out: str | None, overwrite: bool) -> None:
    if out is None:
        return
    there = any(pathlib.Path(out, name).exists() for name in BENCHMARK)
    rule = "a folder without a benchmark; --overwrite replaces it"
    check(overwrite or not there, "out", rule, out)
    check_writable(out, name="out")


def _limit(threads: int | None, kinds: list[str]) -> None:
    """Sets the threads of TensorFlow, which can be done once in a process."""
    if threads is None:
        return
    check_whole(threads, "threads")
    check("jax" not in kinds, "threads", "left out for jax", threads)
    if "tensorflow" in kinds:
        import tensorflow as tf  # Only where it is measured.

        try:
            tf.config.threading.set_intra_op_parallelism_threads(threads)
            tf.config.threading.set_inter_op_parallelism_threads(1)
        except RuntimeError:
            rule = "set before TensorFlow has computed anything"
            check(False, "threads", rule, threads)


def _settings(kinds: list[str], batch_size: int, threads: int | None) -> str:
    how = f"{batch_size} clip{'s' * (batch_size > 1)} a call, "
    how += f"{threads or 'as many'} thread{'s' * (threads != 1)}"
    how += "" if threads else f" as the runtimes take of {os.cpu_count()} cores"
    memory = "peak MB is an estimate of what is alive at once"
    return f"{how}; {memory}" if kinds else memory


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main(argv: list[str]) -> int:
    """Runs the command; 1 where a runtime could not run a network."""
    values = flags.FlagValues()
    flags.DEFINE_string("runtimes", None, "", flag_values=values)
    flags.DEFINE_string("sort", "latency", "", flag_values=values)
    flags.DEFINE_integer("threads", None, "", flag_values=values)
    flags.DEFINE_integer("batch_size", 1, "", flag_values=values)
    flags.DEFINE_float("seconds", 3.0, "", flag_values=values)
    flags.DEFINE_integer("num_classes", 400, "", flag_values=values)
    flags.DEFINE_string("out", None, "", flag_values=values)
    for name in ("overwrite", "debug", "help"):
        flags.DEFINE_boolean(name, False, "", flag_values=values)
    names = read_arguments(values, argv)
    if values.help:
        print(USAGE)
        return 0
    given = values.runtimes
    kinds = None if given is None else [x.strip() for x in given.split(",") if x]
    kinds = [] if kinds == ["none"] else kinds
    known = ("sort", "threads", "batch_size", "seconds", "num_classes")
    options = {name: values[name].value for name in (*known, "out", "overwrite")}
    rows = benchmark(names, kinds, **options)
    return int(any(row.failures for row in rows))
