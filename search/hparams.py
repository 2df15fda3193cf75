"""Shows a search's trials in TensorBoard's table of hyperparameters."""

import importlib.util
import io
import json
import time
from pathlib import Path

from search.history import Record
from search.story import number

METRICS = ("latency_ms", "parameters", "macs")
FOLDER = "tensorboard"
# TensorBoard finds files by a part of their name. A trial has one, whoever ends it.
FILE = "events.out.tfevents.0.trial"


class HParamsFiles:
    """Writes the facts and scores of each trial to a folder of its own.

    It does nothing where tensorboard is not installed.

    Args:
        workdir: Folder of the search; the files are in its `tensorboard`.
    """

    def __init__(self, workdir: str | Path):
        self.folder = Path(workdir, FOLDER)
        self.installed = importlib.util.find_spec("tensorboard") is not None

    def add(self, record: Record) -> None:
        """Writes a trial that ended."""
        if not self.installed:
            return
        folder = self.folder / record.trial
        folder.mkdir(parents=True, exist_ok=True)
        # At once, as thousands of open files would be too many.
        (folder / FILE).write_bytes(_event_bytes(record))


def hyperparameters(record: Record) -> dict[str, bool | float | str]:
    """The ordinary hyperparameters of a trial, and facts of its genotype."""
    genes = json.loads(record.genotype)
    genes.pop("version", None)
    found = {f"number of {k}": len(v) for k, v in genes.items() if isinstance(v, list)}
    found |= _scalars(genes)
    for stream in genes.get("streams", [])[:1]:
        found |= {f"stream {name}": value for name, value in _scalars(stream).items()}
    return found | _scalars(record.hyperparameters)


def metrics(record: Record) -> dict[str, float]:
    """What a trial is worth and what it costs, as far as it is known."""
    values = {"fitness": record.fitness}
    values |= {name: record.details.get(name) for name in METRICS}
    return {k: v for k, v in values.items() if number(v) is not None}


def _scalars(values: dict) -> dict[str, bool | float | str]:
    plain = (bool, int, float, str)
    return {name: value for name, value in values.items() if isinstance(value, plain)}


def _event_bytes(record: Record) -> bytes:
    """An event file of the trial."""
    # Optional, and slow to import. Nothing in it needs TensorFlow.
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams.summary_v2 import hparams_pb
    from tensorboard.summary.writer.record_writer import RecordWriter

    now = time.time()
    start = now - (number(record.details.get("seconds")) or 0.0)
    scores = Summary()
    for name, value in metrics(record).items():
        scores.value.add(tag=name, simple_value=value)
    events = [
        Event(file_version="brain.Event:2"),
        Event(summary=hparams_pb(hyperparameters(record), record.trial, start)),
        Event(summary=scores),
        Event(summary=_end(record, now)),
    ]
    data = io.BytesIO()
    for event in events:
        event.wall_time = now
        RecordWriter(data).write(event.SerializeToString())
    return data.getvalue()


def _end(record: Record, now: float):
    """The summary that tells how a trial ended."""
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2

    failed = record.status == "failed"
    status = api_pb2.STATUS_FAILURE if failed else api_pb2.STATUS_SUCCESS
    info = plugin_data_pb2.SessionEndInfo(status=status, end_time_secs=now)
    data = plugin_data_pb2.HParamsPluginData(session_end_info=info)
    summary = Summary()
    tag, about = metadata.SESSION_END_INFO_TAG, metadata.create_summary_metadata(data)
    summary.value.add(tag=tag, metadata=about, tensor=metadata.NULL_TENSOR)
    return summary
