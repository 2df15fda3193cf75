import math

import pytest

from zoo import monitor


def test_rows_are_appended_and_missing_numbers_stay_empty(tmp_path):
    table = monitor.MetricsTable(tmp_path / "m.csv", ["loss", "top1"], 0)
    table.add({"step": 1, "loss": 0.5})
    table.add({"step": 2, "loss": 1 / 3, "top1": 1.0})
    text = (tmp_path / "m.csv").read_text()
    assert text == "step,loss,top1\n1,0.5,\n2,0.3333333,1\n"
    rows = monitor.read_table(tmp_path / "m.csv")
    assert rows == [{"step": 1, "loss": 0.5}, {"step": 2, "loss": 0.3333333, "top1": 1}]


def test_resumed_table_drops_later_rows_and_a_torn_line(tmp_path):
    path = tmp_path / "m.csv"
    path.write_text("step,loss\n1,0.5\n2,0.4\n3,0.3\n4")
    table = monitor.MetricsTable(path, ["loss"], 2)
    table.add({"step": 3, "loss": 0.25})
    assert path.read_text() == "step,loss\n1,0.5\n2,0.4\n3,0.25\n"


@pytest.mark.parametrize("torn", ["4,0.3,2.5", "4,0.3,2.5e-", "4,0.3"])
def test_a_line_that_was_cut_off_is_no_row(torn, tmp_path):
    path = tmp_path / "m.csv"
    path.write_text(f"step,loss,top1\n3,0.5,0.25\n{torn}")
    assert monitor.read_table(path) == [{"step": 3, "loss": 0.5, "top1": 0.25}]


def test_no_table_has_no_rows(tmp_path):
    assert monitor.read_table(tmp_path / "m.csv") == []


def test_new_run_forgets_the_rows_of_one_that_never_saved(tmp_path):
    path = tmp_path / "m.csv"
    path.write_text("step,loss\n1,0.5\n")
    monitor.MetricsTable(path, ["loss"], 0)
    assert path.read_text() == "step,loss\n"


def test_tensorboard_reads_the_events(tmp_path):
    from tensorboard.backend.event_processing import event_file_loader

    events = monitor.event_file(tmp_path, 4)
    events.add(5, {"loss": 0.5, "validation_top1": 0.25})
    read = list(event_file_loader.LegacyEventFileLoader(str(events.path)).Load())
    assert read[0].file_version == "brain.Event:2"
    assert (read[1].step, read[1].session_log.status) == (5, 1)
    values = {v.tag: v.simple_value for v in read[2].summary.value}
    assert (read[2].step, values) == (5, {"loss": 0.5, "validation_top1": 0.25})


def test_progress_shows_step_numbers_rate_and_time_left(capsys, monkeypatch):
    now = iter([0.0, 1.0, 1.0, 5.0, 5.0, 31.0, 31.0])
    monkeypatch.setattr(monitor.time, "monotonic", lambda: next(now))
    line = monitor.ProgressLine(steps=100, batch_size=8, start=0)
    assert line.due(1)
    line.show(1, {"loss": 2.0})
    assert not line.due(2)
    monkeypatch.setattr(monitor.time, "monotonic", lambda: 31.0)
    assert line.due(61)
    line.show(61, {"loss": 1.25, "accuracy": 0.5}, "30 % waiting for clips")
    assert capsys.readouterr().err == (
        "step 1/100  loss 2\n"
        "step 61/100  loss 1.25  accuracy 0.5  16 clips/s  0:20 left  "
        "30 % waiting for clips\n"
    )


def test_short_work_shows_nothing(capsys, monkeypatch):
    monkeypatch.setattr(monitor.time, "monotonic", lambda: 10.0)
    line = monitor.ProgressLine(3, 4, 0, unit="batch", patience=3.0)
    assert not line.due(1)
    assert not line.due(3)
    monkeypatch.setattr(monitor.time, "monotonic", lambda: 13.0)
    assert line.due(2)
    line.show(2, {})
    assert capsys.readouterr().err.startswith("batch 2/3")


def test_line_that_stops_early_is_ended_once(capsys):
    line = monitor.ProgressLine(3, 4, 0)
    line.in_place = True
    line.show(1, {})
    line.end()
    line.end()
    assert capsys.readouterr().err.count("\n") == 1


def test_invisible_progress_shows_nothing(capsys):
    line = monitor.ProgressLine(10, 1, 0, visible=False)
    line.note("resumed")
    assert not line.due(10)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(7.4, "0:07"), (59.6, "1:00"), (3723, "1:02:03"), (math.inf, "?")],
)
def test_times_are_short(seconds, shown):
    assert monitor.clock(seconds) == shown
