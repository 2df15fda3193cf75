import importlib.util
import math
import os

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import api_pb2, metadata

from search.history import Record
from search.hparams import HParamsFiles
from zoo.genotypes import FOUND

GENOTYPE = FOUND["tvn1"].to_json()
DETAILS = {"latency_ms": 2.5, "parameters": 1000, "macs": 1e6, "seconds": 30.0}
DETAILS |= {"metrics": {"top1": 0.5}}
RECORD = Record(
    *("0007", GENOTYPE, "completed", 0.625),
    details=DETAILS,
    hyperparameters={"learning_rate": 0.1, "optimizer": "sgd", "nesterov": True},
)


def read(workdir, trial="0007"):
    events = EventAccumulator(str(workdir / "tensorboard" / trial))
    events.Reload()
    return events


def told(events, tag):
    content = events.SummaryMetadata(tag).plugin_data.content
    if tag == metadata.SESSION_START_INFO_TAG:
        return metadata.parse_session_start_info_plugin_data(content)
    return metadata.parse_session_end_info_plugin_data(content)


def test_tensorboard_reads_a_trial_s_facts_and_scores(tmp_path):
    HParamsFiles(tmp_path).add(RECORD)
    events = read(tmp_path)
    scores = {tag: events.Scalars(tag)[0].value for tag in events.Tags()["scalars"]}
    expected = {"fitness": 0.625, "latency_ms": 2.5, "parameters": 1000, "macs": 1e6}
    assert scores == expected
    start = told(events, metadata.SESSION_START_INFO_TAG)
    facts = {
        name: getattr(value, value.WhichOneof("kind"))
        for name, value in start.hparams.items()
    }
    assert facts == {
        "family": "tiny_video",
        "number of streams": 1,
        "number of blocks": 4,
        "stream frames": 2,
        "stream rate": 3,
        "stream size": 224,
        "learning_rate": 0.1,
        "optimizer": "sgd",
        "nesterov": True,
    }
    end = told(events, metadata.SESSION_END_INFO_TAG)
    assert start.group_name == "0007"
    assert end.status == api_pb2.STATUS_SUCCESS
    assert end.end_time_secs - start.start_time_secs == pytest.approx(30, abs=0.1)


def test_a_failed_trial_has_no_scores_and_a_status(tmp_path):
    details = {"error": "out of memory", "latency_ms": None, "macs": math.nan}
    failed = Record("0008", GENOTYPE, "failed", details=details)
    HParamsFiles(tmp_path).add(failed)
    events = read(tmp_path, "0008")
    assert events.Tags()["scalars"] == []
    end = told(events, metadata.SESSION_END_INFO_TAG)
    assert end.status == api_pb2.STATUS_FAILURE


def test_a_trial_has_one_file_and_none_stays_open(tmp_path):
    files = HParamsFiles(tmp_path)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        files.add(RECORD)
    assert len(os.listdir("/proc/self/fd")) == before
    assert len(list((tmp_path / "tensorboard" / "0007").iterdir())) == 1
    assert len(read(tmp_path).Scalars("fitness")) == 1


def test_does_nothing_without_tensorboard(tmp_path, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda n: None if n == "tensorboard" else find(n)
    )
    HParamsFiles(tmp_path).add(RECORD)
    assert list(tmp_path.iterdir()) == []
