"""The chief and its workers as threads of one process, over real gRPC."""

import os
import socket
import threading
import time
import types

import keras
import pytest
from stub_search import StubTuner, report, stub_oracle, stub_tuner

from search import network
from search.audit import audit
from search.journal import read
from search.ledger import ATTEMPT, GENOTYPE
from search.messages import HEARTBEAT
from search.network import RemoteOracle
from search.verdict import MOST_DETAILS


@pytest.fixture
def port(monkeypatch):
    monkeypatch.setattr(keras.backend, "clear_session", lambda: None)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = str(probe.getsockname()[1])
    monkeypatch.setenv(network.IP, "127.0.0.1")
    monkeypatch.setenv(network.PORT, free)
    monkeypatch.setenv(network.TUNER_ID, "worker")
    monkeypatch.setattr(network, "POLL", 0.01)
    monkeypatch.setattr(network, "SOON", 0.05)
    return free


class Chief:
    """Serves an oracle from a thread."""

    def __init__(self, folder, **arguments):
        self.oracle = stub_oracle(folder, **arguments)
        self.oracle.distributed = True
        self.oracle.open()
        self.thread = threading.Thread(target=network.serve, args=[self.oracle])
        self.thread.start()

    def __enter__(self):
        return self.oracle

    def __exit__(self, *_):
        self.oracle.dispatcher.aborted = True
        self.oracle._tuners.clear()
        self.thread.join(5)
        self.oracle.close()


def remote(patience=5):
    return RemoteOracle(stub_oracle(), patience)


def beat(worker, trial):
    attempt = trial.hyperparameters.values[ATTEMPT]
    answer = worker.update_trial(trial.trial_id, {HEARTBEAT: float(attempt)})
    return answer.status


def wait(condition):
    end = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def expire(oracle):
    """As if all workers had been silent for the length of a lease."""
    for lease in oracle.dispatcher.leases:
        lease.expires = 0


def test_a_search_over_grpc_is_that_in_one_process(tmp_path, port):
    alone = stub_oracle(tmp_path / "alone")
    while (trial := alone.create_trial("a")).status == "RUNNING":
        report(alone, trial, len(alone.records()) * 7 % 20, parameters=7)
    with Chief(tmp_path / "served") as oracle:
        worker = remote()
        while (trial := worker.create_trial("a")).status == "RUNNING":
            report(worker, trial, len(oracle.records()) * 7 % 20, parameters=7)
        assert trial.status == "STOPPED"
        assert oracle.records() == alone.records()
        assert oracle.finished()
        assert oracle.forsaken()


def test_what_training_taught_comes_to_the_chief_digit_by_digit(tmp_path, port):
    edges = {f"{i}>{i + 1}": 1 / 3**i for i in range(40)} | {"é": -0.0}
    with Chief(tmp_path) as oracle:
        trial = remote().create_trial("a")
        report(remote(), trial, 0.1 + 0.2, feedback=edges)
        (record,) = oracle.records()
    assert record.details["feedback"] == edges
    assert record.fitness == 0.1 + 0.2
    assert record.details["metrics"]["fitness"] == 0.1 + 0.2


def test_a_lost_trial_goes_to_another_and_its_first_end_counts(tmp_path, port):
    with Chief(tmp_path, lease_seconds=50) as oracle:
        first, second = remote(), remote()
        trial = first.create_trial("a")
        assert beat(first, trial) == "RUNNING"
        expire(oracle)
        again = second.create_trial("b")
        assert again.trial_id == trial.trial_id
        assert again.hyperparameters.values[ATTEMPT] == 2
        genotype = trial.hyperparameters.values[GENOTYPE]
        assert again.hyperparameters.values[GENOTYPE] == genotype
        assert beat(first, trial) == "STOPPED"
        assert beat(second, again) == "RUNNING"
        report(first, trial, 0.75)
        assert beat(second, again) == "STOPPED"
        report(second, again, 0.25)
        assert [record.fitness for record in oracle.records()] == [0.75]


def test_a_late_failure_does_not_end_what_another_runs(tmp_path, port):
    with Chief(tmp_path, lease_seconds=50, max_retries_per_trial=1) as oracle:
        first, second = remote(), remote()
        trial = first.create_trial("a")
        expire(oracle)
        again = second.create_trial("b")
        report(first, trial, None, "FAILED", message="the machine is ill")
        assert oracle.records() == []
        assert beat(second, again) == "RUNNING"
        report(second, again, 0.25)
        assert [record.fitness for record in oracle.records()] == [0.25]


def test_heartbeats_keep_a_trial_and_silence_loses_it(tmp_path, port):
    now = [0.0]
    with Chief(tmp_path, lease_seconds=60) as oracle:
        leases = oracle.dispatcher.leases
        leases._clock = lambda: now[0]
        worker = remote()
        trial = worker.create_trial("a")
        for _ in range(5):
            now[0] += 50
            assert beat(worker, trial) == "RUNNING"
        now[0] += 61
        wait(lambda: not len(leases))
        assert beat(worker, trial) == "STOPPED"
        assert oracle.dispatcher.ledger[trial.trial_id].deaths == 1


def test_a_worker_that_comes_again_has_lost_its_trial(tmp_path, port):
    with Chief(tmp_path) as oracle:
        worker = remote()
        trial = worker.create_trial("a")
        again = worker.create_trial("a")
        assert again.trial_id == trial.trial_id
        assert again.hyperparameters.values[ATTEMPT] == 2
        assert oracle.dispatcher.ledger[trial.trial_id].deaths == 1


def test_a_new_chief_lets_the_workers_of_the_old_one_go_on(tmp_path, port):
    worker, other = remote(), remote()
    with Chief(tmp_path, max_trials=3):
        trial = worker.create_trial("a")
        report(worker, other.create_trial("b"), 0.5)
        silent = other.create_trial("b")
    with Chief(tmp_path, max_trials=3) as oracle:
        assert len(oracle.dispatcher.leases) == 2
        assert not oracle.forsaken()
        assert other.create_trial("c").status == "IDLE"
        assert beat(worker, trial) == "RUNNING"
        report(worker, trial, 0.25)
        report(worker, trial, 0.25)
        expire(oracle)
        again = other.create_trial("c")
        assert again.trial_id == silent.trial_id
        report(other, again, 0.75)
        assert other.create_trial("c").status == "STOPPED"
    events = [*read(oracle.journal_path)]
    ends = [event["trial"] for event in events if event["event"] == "end"]
    assert sorted(ends) == ["0000", "0001", "0002"]
    audit(stub_oracle(max_trials=3), events)


def test_a_finished_search_sends_workers_away(tmp_path, port):
    with Chief(tmp_path, max_trials=1):
        worker = remote()
        report(worker, worker.create_trial("a"))
    size = (tmp_path / "trials" / "journal.jsonl").stat().st_size
    chief = Chief(tmp_path, max_trials=1)
    chief.thread.join(5)
    assert not chief.thread.is_alive()
    chief.oracle.close()
    assert (tmp_path / "trials" / "journal.jsonl").stat().st_size == size


def test_workers_idle_while_others_finish(tmp_path, port):
    with Chief(tmp_path, max_trials=1) as oracle:
        worker = remote()
        trial = worker.create_trial("a")
        assert worker.create_trial("b").status == "IDLE"
        assert not oracle.finished()
        report(worker, trial)
        assert worker.create_trial("b").status == "STOPPED"
        assert not oracle.forsaken()  # "a" does not know yet.
        assert worker.create_trial("a").status == "STOPPED"
        assert oracle.forsaken()


def test_who_trains_is_not_gone(tmp_path, port, monkeypatch):
    now = [0.0]
    clock = types.SimpleNamespace(monotonic=lambda: now[0])
    monkeypatch.setattr("search.oracle.time", clock)
    with Chief(tmp_path, lease_seconds=60) as oracle:
        worker = remote()
        trial = worker.create_trial("a")
        for _ in range(5):
            now[0] += 25
            beat(worker, trial)
            assert not oracle.forsaken()
        now[0] += 31
        assert oracle.forsaken()


@pytest.mark.parametrize(
    "metrics", [{"loss": 1.0}, {HEARTBEAT: 1.0}, {ATTEMPT: 1.0, "fitness": 0.5}]
)
def test_news_of_an_unknown_trial_end_nothing(tmp_path, port, metrics):
    with Chief(tmp_path) as oracle:
        worker = remote()
        assert worker.update_trial("0099", metrics).status == "STOPPED"
        trial = worker.create_trial("a")
        trial.trial_id = "0099"
        worker.end_trial(trial)
        assert oracle.failure is None
        assert worker.create_trial("b").status == "RUNNING"


def test_a_port_in_use_is_one_line(tmp_path, port, capfd):
    with Chief(tmp_path / "a"):
        remote().get_space()  # It is there now.
        oracle = stub_oracle(tmp_path / "b")
        capfd.readouterr()
        with pytest.raises(
            ValueError, match=f"`address` must .* free.*{port}"
        ) as error:
            network.serve(oracle)
    assert "\n" not in str(error.value)
    assert capfd.readouterr().err == ""  # gRPC's library in C, too.


def test_a_chief_that_does_not_answer_is_one_line(port):
    with pytest.raises(ValueError, match=r"did not answer for 0.2 s") as error:
        remote(patience=0.2).create_trial("a")
    assert f"127.0.0.1:{port}" in str(error.value)
    assert "\n" not in str(error.value)


def test_an_answer_that_is_an_error_is_one_line(tmp_path, port, monkeypatch):
    with Chief(tmp_path) as oracle:
        monkeypatch.setattr(oracle, "get_space", lambda: 1 / 0)
        with pytest.raises(ValueError, match=r"failed: .*division by zero"):
            remote().get_space()


def test_a_worker_waits_for_a_chief_that_starts_later(tmp_path, port):
    chiefs, timer = [], threading.Timer(0.1, lambda: chiefs.append(Chief(tmp_path)))
    timer.start()
    assert remote().create_trial("a").status == "RUNNING"
    timer.join()
    chiefs[0].__exit__()


@pytest.mark.parametrize("address", ["", "8700", "host:", ":8700", "h:0", "h:65536"])
def test_addresses_that_are_none(address):
    with pytest.raises(ValueError, match="`address` must be a host and a port"):
        network.set_role(address, "worker")
    assert network.IP not in os.environ


def test_a_worker_runs_trials_to_the_end(tmp_path, port):
    with Chief(tmp_path, max_trials=5) as oracle:
        stub_tuner(tmp_path / "worker").search(verbose=False)
        records = oracle.records()
    assert [record.details["worker"] for record in records] == ["worker"] * 5
    for record in records:
        edge = record.details["feedback"]["0>1"]
        assert edge == pytest.approx(record.fitness / 3, rel=1e-12)
    assert [*(tmp_path / "worker").iterdir()] == []


def test_a_workers_traceback_is_read_at_the_chief(tmp_path, port):
    with Chief(tmp_path, max_trials=2) as oracle:
        stub_tuner(tmp_path / "worker").search(0, True, verbose=False)
        first, second = oracle.records()
    for text in (first.details["error"], oracle.trials[second.trial].message):
        assert text.startswith("Traceback (most recent call last)")
        assert "in run_trial" in text
        assert text.endswith("OSError: the disk is full\n")


def test_ten_crashes_in_a_row_end_chief_and_workers(tmp_path, port):
    chief = Chief(tmp_path, max_trials=50)
    workers = [stub_tuner(tmp_path / name) for name in "ab"]
    for number, worker in enumerate(workers):
        worker.tuner_id = str(number)
    threads = [
        threading.Thread(target=w.search, args=[0, True], kwargs={"verbose": False})
        for w in workers
    ]
    for thread in threads:
        thread.start()
    for thread in [*threads, chief.thread]:
        thread.join(5)
        assert not thread.is_alive()
    chief.oracle.close()
    assert (
        chief.oracle.stop_reason
        == "10 trials in a row crashed: OSError: the disk is full"
    )


def test_feedback_of_more_than_a_message_fails_its_trial_alone(
    tmp_path, port, monkeypatch
):
    def much(self, trial, *_, **__):
        if trial.trial_id == "0001":
            self._details["feedback"] = {"0>1": "x" * MOST_DETAILS}
        return {"fitness": 0.5}

    monkeypatch.setattr(StubTuner, "run_trial", much)
    with Chief(tmp_path, max_trials=4) as oracle:
        stub_tuner(tmp_path / "worker").search(verbose=False)
        statuses = {record.trial: record.status for record in oracle.records()}
        error = oracle.trials["0001"].message
    assert [*statuses.values()].count("completed") == 3
    assert statuses["0001"] == "failed"
    assert "`feedback` must be at most 1,048,576 characters" in error


def test_a_worker_drops_a_trial_that_another_has(tmp_path, port, monkeypatch):
    def long(self, trial, *_, **__):
        if trial.trial_id == "0000" and not dropped:
            expire(oracle)
            oracle.create_trial("other")
            while True:  # Until a heartbeat is answered.
                self.on_batch_end(trial, None, 0)
                time.sleep(0.01)
        return {"fitness": 0.5}

    dropped = []
    monkeypatch.setattr(StubTuner, "run_trial", long)
    with Chief(tmp_path, max_trials=3) as oracle:
        worker = stub_tuner(tmp_path / "worker", stub_oracle(lease_seconds=0.1))
        thread = threading.Thread(target=worker.search, kwargs={"verbose": False})
        thread.start()
        wait(lambda: len(oracle.records()) == 2)
        assert [lease.tuner for lease in oracle.dispatcher.leases] == ["other"]
        dropped.append(True)
        expire(oracle)
        thread.join(5)
        assert not thread.is_alive()
        assert len(oracle.records()) == 3


def test_an_idle_worker_asks_less_and_less_often(tmp_path, port, monkeypatch):
    pauses = []
    with Chief(tmp_path, max_trials=1):
        busy = remote()
        trial = busy.create_trial("a")

        def rest(seconds):
            pauses.append(seconds)
            if sum(pauses) > 20:
                report(busy, trial)

        worker = stub_tuner(tmp_path / "worker")
        with monkeypatch.context() as patch:
            clock = types.SimpleNamespace(sleep=rest, monotonic=time.monotonic)
            patch.setattr("search.trial_loop.time", clock)
            worker.search(verbose=False)
        busy.create_trial("a")
    times = [sum(pauses[:i]) for i in range(len(pauses))]
    seconds = [sum(second <= t < second + 1 for t in times) for second in range(20)]
    assert max(seconds) <= 5
    assert max(seconds[3:]) <= 1


def test_overwrite_on_a_worker_deletes_nothing(tmp_path, port):
    with Chief(tmp_path, max_trials=2) as oracle:
        (tmp_path / "trials" / "trial_0000").mkdir()
        before = oracle.journal_path.stat().st_ino
        worker = stub_tuner(tmp_path / "trials", overwrite=True)
        worker.search(verbose=False)
        assert oracle.journal_path.stat().st_ino == before
        assert (tmp_path / "trials" / "trial_0000").is_dir()
        assert len(oracle.records()) == 2
