import base64
import dataclasses
import gzip
import html
import itertools
import json
import math
import os
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

import browser
import cells
import pytest
from synthetic_search import SyntheticSearch, write_journal, write_search

from search import facts, figures, journal, operators, story
from search.history import HistoryFiles, Record
from search.promise import Promise
from search.report import main, page, report
from zoo import genotypes, monitor
from zoo.command import mistake
from zoo.files import write_json
from zoo.genotypes.base import ClipSpec
from zoo.genotypes.pseudo3d import Pseudo3DGenotype

GENOTYPE = genotypes.FOUND["tvn1"].to_json()


OPERATIVE = """\
random_search.RandomOracle.max_trials = 9
tournament.TournamentOracle.max_trials = 45
"""


def made(trial, fitness=None, parent=None, mutation="", status="completed", **details):
    return Record(trial, GENOTYPE, status, fitness, parent, mutation, details)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """The folder of a small search, its story and its report."""
    folder = tmp_path_factory.mktemp("small")
    write_search(folder, 40, seed=1)
    told = story.read(folder)
    return folder, told, page(told)


def rows_of(text):
    return json.loads(re.search(r'id="rows">(.*?)</script>', text)[1])


def details_of(text):
    packed = re.search(r'id="packed">(.*?)</script>', text)[1]
    return json.loads(gzip.decompress(base64.b64decode(packed)))


def own_text(text):
    """The page without plotly.js."""
    return text.replace(figures.library(), "")


def end_of_search(events, count):
    """The events up to so many ends."""
    ends = [i for i, event in enumerate(events) if event["event"] == "end"]
    return events[: ends[count - 1] + 1] if count else events[:1]


def test_a_story_counts_trials_time_and_workers(small):
    told = small[1]
    assert (len(told.records), told.total, told.state) == (40, 300, "stopped")
    assert told.workers == ["worker0", "worker1", "worker2"]
    assert told.seconds == max(told.times) == told.times[-1]
    assert told.winner.fitness == max(r.fitness or 0 for r in told.records)
    assert told.lost == ["lease expired"] * len(told.lost)


def test_a_search_that_runs_tells_the_time_left(tmp_path):
    events = end_of_search(SyntheticSearch(30).run(), 25)
    late = time.time() - events[-1]["time"]
    for event in events:
        event["time"] += late
    write_journal(tmp_path, events)
    (tmp_path / "operative.gin").write_text(OPERATIVE)
    told = story.read(tmp_path)
    pace = (told.times[-1] - told.times[-20]) / 19
    assert told.state == "running"
    assert told.left == pytest.approx(20 * pace)
    assert "time left" in page(told)


def test_a_search_that_is_silent_is_not_running(tmp_path):
    write_journal(tmp_path, end_of_search(SyntheticSearch(30).run(), 25))
    told = story.read(tmp_path)
    assert (told.state, told.running, told.left) == ("interrupted", [], None)


def test_a_search_that_was_prolonged_is_not_stopped(tmp_path):
    events = SyntheticSearch(4).run()
    assert events[-1]["event"] == "stop"
    again = {"trial": "0003", "attempt": 2, "tuner": "chief", "time": 1.8e9}
    write_journal(tmp_path, [*events, {"event": "issue", **again}])
    told = story.read(tmp_path)
    assert (told.stopped, told.workers[-1]) == (None, "chief")


def test_the_total_is_that_of_the_last_opening(tmp_path):
    write_search(tmp_path, 4)
    assert story.read(tmp_path).total == 300  # Of `config.gin`.
    with (tmp_path / journal.NAME).open("a") as file:
        for count in (4, 8):
            event = {"event": "open", "time": 1.8e9, "max_trials": count}
            file.write(json.dumps(event) + "\n")
    assert story.read(tmp_path).total == 8


def test_ancestors_are_found_and_a_missing_one_ends_the_line():
    records = [made("0", 0.1, "lost"), made("1", 0.2, "0"), made("2", 0.3, "1")]
    chain = story.ancestors(records, records[2])
    assert [record.trial for record in chain] == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("mutation", "places"),
    [
        ("blocks[1].filters 64 > 128", ["blocks[].filters"]),
        ("8 blocks > 9", ["number of blocks"]),
        (
            "blocks[0].temporal relu 3 1 max_pool > none, streams[0].size 32 > 48",
            ["blocks[].temporal", "streams[].size"],
        ),
        (
            "blocks[0].skip True > False, blocks[1].skip True > False, 2 more",
            ["blocks[].skip"],
        ),
        ("edges ['a', 'b'] > ['a', 'c'], depth 2 > 3", ["edges", "depth"]),
        ("", []),
    ],
)
def test_mutations_are_named_by_their_genes(mutation, places):
    assert operators.places(mutation) == places


def test_operators_tell_who_paid_off():
    records = [
        made("0", 0.5, mutation="given"),
        made("1", 0.75, "0", "blocks[0].filters 8 > 16"),
        made("2", 0.25, "0", "blocks[3].filters 8 > 16, rate 1.0 > 2.0"),
        made("3", None, "0", "blocks[1].filters 8 > 9", "failed"),
    ]
    first, second = operators.operators(records)
    assert (first.place, first.count, first.gains) == (
        "blocks[].filters",
        3,
        (0.25, -0.25),
    )
    assert (first.improved, first.mean_gain) == (0.5, 0.0)
    assert (second.place, second.mean_gain) == ("rate", -0.25)


@pytest.fixture
def by_gradients(tmp_path):
    """The folder of a search by gradients that is in its last epoch."""
    texts = [
        Pseudo3DGenotype(cells.uniform(name)).to_json()
        for name in ("conv3", "skip", "conv1")
    ]
    scores = (0.25, 0.75, 0.5)
    details = {"parameters": 9, "macs": 99, "seconds": 2.5}
    records = [
        Record(f"{i:04d}", text, "completed", score, details=details)
        for i, (text, score) in enumerate(zip(texts, scores, strict=True), 1)
    ]
    HistoryFiles(tmp_path, records, choose=lambda found: found[-1:])
    columns = ["epoch", "entropy", "loss", "accuracy"]
    table = monitor.MetricsTable(tmp_path / "metrics.csv", columns, 0)
    for epoch in (1, 2, 3):
        table.add({"step": 5 * epoch, "epoch": epoch, "entropy": 2.0, "loss": 1.5})
    identity = {"method": "DifferentiableSearch", "epochs": "4"}
    write_json(tmp_path / "search.json", {"search": identity, "machine": {}})
    return tmp_path


def test_of_a_search_by_gradients_each_epoch_is_a_trial(by_gradients):
    told = story.read(by_gradients)
    assert (told.state, told.total, told.times) == ("running", 4, [2.5, 5.0, 7.5])
    assert told.winner == told.records[-1]  # Which was picked, and is not the best.
    assert [row["epoch"] for row in told.epochs] == [1, 2, 3]
    text = own_text(page(told))
    assert "Architecture weights" in text
    assert "Trial 0003, in best.json" in text
    titles = re.findall(r'"title":\{"text":"([^"]+)"\}', text)
    assert {"entropy of the shares (nats)", "loss", "accuracy"} & set(titles) == {
        "entropy of the shares (nats)",
        "loss",
    }


def test_a_search_by_gradients_that_died_is_interrupted(by_gradients):
    for name in ("history.csv", "metrics.csv"):
        os.utime(by_gradients / name, (0, 0))
    assert story.read(by_gradients).state == "interrupted"


def test_the_front_leaves_out_what_is_dominated():
    records = [made(str(i), f, cost=c) for i, (f, c) in enumerate(POINTS)]
    found = story.front(records, lambda record: record.details["cost"])
    assert [record.trial for record in found] == ["3", "0", "2"]


POINTS = [(0.5, 2), (0.4, 3), (0.9, 9), (0.2, 1), (0.1, 1), (0.9, 10)]


def test_failures_are_grouped_by_reason_whatever_the_numbers():
    errors = ["x\nOOM: shape[1,2]", "y\nbad key", "z\nOOM: shape[3,4]", None]
    records = [made(str(i), status="failed", error=e) for i, e in enumerate(errors)]
    grouped = [(why, len(group)) for why, group in story.failures(records)]
    assert grouped == [("OOM: shape[1,2]", 2), ("bad key", 1), ("no reason given", 1)]


def test_the_report_lists_all_trials_with_their_genotypes(small):
    _, told, text = small
    rows, details = rows_of(text), details_of(text)
    assert [row[0] for row in rows] == [record.trial for record in told.records]
    assert [row[2] for row in rows] == [record.fitness for record in told.records]
    assert [d["genotype"] for d in details] == [r.genotype for r in told.records]
    assert all("learning_rate" in d["hyperparameters"] for d in details)


def test_the_report_shows_family_drawings_plots_and_command(small):
    _, told, text = small
    own = own_text(text)
    for record in story.ancestors(told.records, told.winner):
        assert html.escape(record.mutation) in own
        assert f'data-trial="{record.trial}"' in own
    assert own.count("<svg") == 2
    assert 'class="changed"' in own or 'class="new"' in own
    assert own.count("Plotly.newPlot") == 4
    assert "<pre>python -m search.run --gin_file=runs/synthetic/config.gin" in own
    assert "tournament.TournamentOracle.population_size = 40" in own


def test_it_tells_how_the_winner_keeps_the_promised_latency(small, tmp_path):
    told = dataclasses.replace(small[1], workdir=tmp_path)
    plain = list(facts.facts(told))
    kept = Promise(told.winner.trial, 10.0, "adb <x>, 4 threads", 9.6)
    kept.write(tmp_path)
    assert (
        "<dt>measured at the end</dt><dd>9.6 ms<small>promised 10.0 ms (-4 %), by adb "
        "&lt;x&gt;, 4 threads</small>"
    ) in own_text(page(told))
    dataclasses.replace(kept, trial="another").write(tmp_path)
    assert list(facts.facts(told)) == plain


def test_networks_are_drawn_with_the_clips_of_the_search(small, by_gradients):
    told, clip = small[1], ClipSpec(frames=6, rate=3.0, height=40, width=56)
    assert told.clip_spec is None
    shape = " frames of 56x40<"
    assert shape not in small[2]
    searched = dataclasses.replace(told, identity={"clip_spec": repr(clip)})
    assert searched.clip_spec == clip
    assert own_text(page(searched)).count(f"6{shape}") == 2  # And in its parent.
    identity = {"method": "DifferentiableSearch", "epochs": "4"}
    known = {"search": identity | {"clip_spec": repr(clip)}, "machine": {}}
    write_json(by_gradients / "search.json", known)
    assert f"6{shape}" in own_text(page(story.read(by_gradients)))


def traces(plot):
    """What a plot draws, by name."""
    data = plot[plot.index("[", plot.index("Plotly.newPlot")) :]
    return {trace["name"]: trace for trace in json.JSONDecoder().raw_decode(data)[0]}


def test_the_course_shows_the_best_so_far_the_population_and_the_family(small):
    told, drawn = small[1], traces(figures.course(small[1])[0])
    records = [record for record in told.records if record.feasible]
    fitness = [record.fitness for record in records]
    assert drawn["trial"]["y"] == fitness
    assert drawn["trial"]["customdata"] == [record.trial for record in records]
    assert drawn["best so far"]["y"] == list(itertools.accumulate(fitness, max))
    size = len(records) // 3
    assert drawn[f"median of the last {size}"]["y"][-1] == pytest.approx(
        statistics.median(fitness[-size:])
    )
    family = story.ancestors(told.records, told.winner)
    names = [record.trial for record in family if record.feasible]
    assert drawn["winner's family"]["customdata"] == names


def test_the_course_of_a_population_of_one_has_a_median(small):
    alone = dataclasses.replace(small[1], identity={"population_size": 1})
    drawn = traces(figures.course(alone)[0])
    assert len(drawn["median of the last 2"]["y"]) == len(drawn["trial"]["y"]) - 1


def test_wall_time_has_a_fitting_unit(small):
    drawn = traces(figures.course(small[1])[1])
    minutes = [seconds / 60 for seconds in small[1].times]
    assert set(drawn["trial"]["x"]) <= set(minutes)
    assert "wall time (minutes)" in figures.course(small[1])[1]


def test_the_front_is_drawn_from_the_cheapest_on(small):
    line = traces(figures.tradeoff(small[1], "parameters"))["Pareto front"]
    assert line["x"] == sorted(line["x"])
    assert line["y"] == sorted(line["y"])
    assert line["y"][-1] == small[1].winner.fitness


def test_nothing_is_loaded_from_elsewhere(small):
    own = own_text(small[2]).replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?:|['\"(]//\w|@import|\ssrc=|\shref=|url\(", own)
    assert "default-src 'none'" in own


def test_text_of_the_search_is_no_html(tmp_path):
    attack = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
    events = end_of_search(SyntheticSearch(5).run(), 4)
    for event in events:
        if event["event"] == "propose":
            event["values"]["nas/mutation"] = f"{attack} 1 > 2"
            event["values"]["nas/parent"] = f"{attack}parent"
            event["values"]["optimizer"] = attack
        elif event["event"] == "issue":
            event["tuner"] = attack
    events[-1] |= {"status": "failed", "fitness": None}
    events[-1]["details"]["error"] = f"trace\n{attack}"
    events.append({"event": "stop", "time": events[-1]["time"], "reason": attack})
    events[0]["identity"] = {"method": attack}
    folder = tmp_path / "a<b>&"
    folder.mkdir()
    write_journal(folder, events)
    (folder / "config.gin").write_text(f"# Repeats the run: {attack}\n{attack}\n")
    own = own_text(page(story.read(folder)))
    assert "<img" not in own
    assert "<b>&" not in own
    assert "<script>alert" not in own
    assert own.count(html.escape(attack)) >= 6


@pytest.mark.parametrize("ended", [0, 1, 2])
def test_reports_on_a_search_that_has_just_begun(tmp_path, ended):
    write_journal(tmp_path, end_of_search(SyntheticSearch(5, seed=3).run(), ended))
    path = report(tmp_path)
    assert path == tmp_path / "report.html"
    assert len(rows_of(path.read_text())) == ended
    assert [p.name for p in tmp_path.glob(".writing*")] == []


def test_reports_on_an_empty_journal_and_on_a_torn_one(tmp_path):
    path = write_journal(tmp_path, [])
    assert "No trial has a fitness yet" in page(story.read(tmp_path))
    write_journal(tmp_path, SyntheticSearch(5).run())
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.rindex(b'{"event":"stop"') + 20])
    told = story.read(tmp_path)
    assert (len(told.records), told.stopped) == (5, None)


def test_reports_where_no_trial_is_feasible_and_costs_are_unknown(tmp_path):
    events = SyntheticSearch(6).run()
    ends = [event for event in events if event["event"] == "end"]
    for event in ends:
        event |= {"status": "failed", "fitness": None, "details": {}}
    write_journal(tmp_path, events)
    assert "No trial has a fitness yet" in page(story.read(tmp_path))
    for event, latency in zip(ends, (math.nan, None, math.inf, 2, 3, "x"), strict=True):
        details = {"latency_ms": latency, "seconds": None}
        event |= {"status": "completed", "fitness": 0.5, "details": details}
    ends[0]["fitness"] = math.nan
    write_journal(tmp_path, events)
    told = story.read(tmp_path)
    text = own_text(page(told))
    assert told.winner.trial == ends[1]["trial"]
    assert "NaN" not in text.partition("<script>")[0]
    assert text.count("Plotly.newPlot") == 3  # None against parameters.
    assert [row[3] for row in rows_of(text)] == [None, None, None, 2, 3, None]


def few(count):
    """The story of so many trials."""
    records = [made(f"{i:04d}", 0.5 + i / 100, parameters=900) for i in range(count)]
    return story.Story(Path("few"), records, [60.0 * (i + 1) for i in range(count)])


def axes(plot):
    """The axes that a plot was drawn with."""
    text = plot[plot.index("[", plot.index("Plotly.newPlot")) :]
    _, end = json.JSONDecoder().raw_decode(text)
    layout, _ = json.JSONDecoder().raw_decode(text[text.index("{", end) :])
    return layout["xaxis"], layout["yaxis"]


def test_a_single_trial_has_axes_around_it():
    trials, time = map(axes, figures.course(few(1)))
    assert trials[0]["range"] == [0.5, 1.5]
    assert (trials[0]["tickformat"], trials[0]["dtick"]) == (",d", 1)
    assert trials[1]["range"] == pytest.approx([0.45, 0.55])
    assert time[0]["range"] == pytest.approx([0, 66])
    plot = figures.tradeoff(few(1), "parameters")
    assert axes(plot)[0]["range"] == pytest.approx([810, 990])
    assert traces(plot)["trial"]["marker"]["showscale"] is False


@pytest.mark.parametrize("count", [2, 3, 10])
def test_few_trials_have_a_tick_each(count):
    trials, time = map(axes, figures.course(few(count)))
    assert trials[0]["range"] == [0.5, count + 0.5]
    assert trials[0]["dtick"] == 1
    assert "range" not in trials[1]
    assert time[0]["rangemode"] == "tozero"
    marker = traces(figures.tradeoff(few(count), "parameters"))["trial"]["marker"]
    assert marker["showscale"]
    assert (marker["colorbar"]["tickformat"], marker["colorbar"]["dtick"]) == (",d", 1)


def test_many_trials_have_ticks_at_whole_numbers(small):
    axis = axes(figures.course(small[1])[0])[0]
    assert axis["tickformat"] == ",d"
    assert not {"range", "dtick"} & set(axis)


def test_shows_the_hypervolume_where_the_history_has_it(small, tmp_path):
    write_search(tmp_path, 8)
    lines = ["trial,hypervolume\n", *(f"{i:04d},{i / 10}\n" for i in range(7))]
    (tmp_path / "history.csv").write_text("".join(lines))
    assert "hypervolume-against-trials" in page(story.read(tmp_path))
    assert "hypervolume-against-trials" not in small[2]


def test_a_genotype_of_another_version_is_shown_as_text(tmp_path):
    events = SyntheticSearch(4).run()
    for event in events:
        if event["event"] == "propose":
            event["values"]["nas/genotype"] = '{"family":"unknown"}'
    write_journal(tmp_path, events)
    own = own_text(page(story.read(tmp_path)))
    assert "<svg" not in own
    assert "<pre>{&quot;family&quot;:&quot;unknown&quot;}</pre>" in own


def test_a_folder_that_is_no_search_is_told_plainly(tmp_path):
    with pytest.raises(ValueError, match=f"Got: '{tmp_path}'$"):
        story.read(tmp_path)


@pytest.mark.parametrize("broken", ["", "{}\n{}\n"])
def test_a_mistake_is_one_line(tmp_path, broken):
    if broken:
        (tmp_path / "journal.jsonl").write_text(broken)
    with pytest.raises(ValueError, match=r"journal\.jsonl") as raised:
        main([str(tmp_path)])
    assert "\n" not in mistake(raised.value)


def test_a_missing_library_is_named(small, monkeypatch):
    monkeypatch.setitem(sys.modules, "plotly.graph_objects", None)
    with pytest.raises(ValueError, match=r"pip install 'video-zoo\[report\]'"):
        page(small[1])


def test_the_job_writes_where_it_is_told(small, tmp_path, capsys):
    main([str(small[0]), f"--out={tmp_path / 'some.html'}"])
    assert capsys.readouterr().out == f"Report: {tmp_path / 'some.html'}\n"
    assert (tmp_path / "some.html").read_text() == small[2]


@pytest.mark.model
def test_needs_no_keras():
    code = "import sys, search.report; assert 'keras' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


SORTED = """[...document.querySelectorAll(
    '#candidates tbody tr td:nth-child({0})')].map(cell => cell.textContent)"""
PLOTS = "document.querySelectorAll('svg.main-svg').length >= 8"


@pytest.mark.slow
@pytest.mark.skipif(browser.find() is None, reason="needs Chromium")
def test_a_browser_shows_it_without_a_network(tmp_path):
    write_search(tmp_path, 300)
    told, path = story.read(tmp_path), report(tmp_path)
    with browser.page() as opened:
        opened.open(path)
        opened.wait(PLOTS)
        assert opened.run("document.title") == f"Search {tmp_path.name}"
        ordered = sorted([r.fitness for r in told.records if r.fitness], reverse=True)
        shown = [f"{fitness:.4f}" for fitness in ordered]
        assert opened.run(SORTED.format(3)) == shown[:50]
        opened.click("#candidates th:nth-child(3) button")
        assert opened.run(SORTED.format(3)) == shown[::-1][:50]
        opened.click("#on")
        assert opened.run(SORTED.format(3)) == shown[::-1][50:100]
        opened.click(f"[data-trial='{told.winner.trial}']")
        names = [r.trial for r in told.records if r.parent == told.winner.trial]
        found = opened.run(SORTED.format(1))
        assert found[0] == told.winner.trial
        assert set(names) < set(found)
        opened.click("#candidates .open")
        opened.wait("document.querySelector('#candidates pre')")
        area = opened.run("document.querySelector('#candidates pre').textContent")
        assert area == told.winner.genotype
        opened.run("get('filter').value = 'SIZE 3'; get('filter').oninput()")
        texts = [f"{r.trial} {r.parent} {r.mutation}" for r in told.records]
        expected = [text for text in texts if "size" in text and "3" in text]
        count = opened.run("get('place').textContent").split()[-1]
        assert int(count) == len(expected) > 0
        opened.run("rows[0][0] = '10000'; rows[1][0] = '9999'")
        opened.run("get('filter').value = ''")
        opened.click("#candidates th:nth-child(1) button")
        opened.click("#candidates th:nth-child(1) button")
        assert opened.run(SORTED.format(1))[:2] == ["10000", "9999"]
        opened.screenshot(tmp_path / "wide.png")
        opened.open(path, width=400)
        opened.wait(PLOTS)
        assert opened.run("document.documentElement.scrollWidth <= innerWidth")
        opened.screenshot(tmp_path / "narrow.png")
        assert opened.errors == []
        assert set(opened.requests) == {path.resolve().as_uri()}


@pytest.mark.slow
def test_five_thousand_trials_take_seconds(tmp_path):
    events = SyntheticSearch(500).run()
    # The same again under other names, as so many mutations take half a minute.
    more = [
        {**event, "trial": f"{int(event['trial']) + 500 * i:04d}"}
        for i in range(10)
        for event in events
        if "trial" in event
    ]
    write_journal(tmp_path, [events[0], *more])
    start = time.monotonic()
    path = report(tmp_path)
    assert time.monotonic() - start < 10
    assert path.stat().st_size < 12e6
    assert len(rows_of(path.read_text())) == 5000
