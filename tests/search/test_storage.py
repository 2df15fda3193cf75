import pytest
from stub_search import report, stub_oracle

from search.ledger import PARENT
from search.storage import BEST, CHECKPOINT, Checkpoints


def kept(folder):
    return {path.parent.name[6:] for path in folder.glob(f"trial_*/{CHECKPOINT}")}


def train(oracle, folder, trial):
    path = folder / f"trial_{trial.trial_id}" / CHECKPOINT
    path.parent.mkdir()
    path.write_text("weights")


def begin(folder, **arguments):
    oracle = stub_oracle(folder, max_trials=60, **arguments)
    oracle.listeners.append(Checkpoints(folder, oracle).prune)
    return oracle


def run(oracle, folder, scores):
    for score in scores:
        trial = oracle.create_trial("tuner0")
        train(oracle, folder, trial)
        report(oracle, trial, score)


def best(oracle):
    ranked = sorted(oracle.records(), key=lambda r: (-r.fitness, r.trial))
    return {record.trial for record in ranked[:BEST]}


@pytest.mark.parametrize("survivor", ["worst", "oldest"])
def test_the_living_and_the_best_ten_keep_their_weights(tmp_path, survivor):
    oracle = begin(tmp_path, survivor=survivor)
    run(oracle, tmp_path, [index * 7 % 40 / 40 for index in range(40)])
    alive = {record.trial for record in oracle.dispatcher.ledger.population}
    assert kept(tmp_path) == alive | best(oracle)
    assert (alive <= best(oracle)) == (survivor == "worst")


def test_the_parent_of_a_running_trial_keeps_its_weights(tmp_path):
    oracle = begin(tmp_path, survivor="oldest", lease_seconds=1e6)
    oracle.distributed = True
    run(oracle, tmp_path, [0.9] * 10 + [0.1] * 4)
    running = oracle.create_trial("slow")
    parent = running.hyperparameters.values[PARENT]
    while parent in best(oracle) | oracle.living() - {parent}:
        run(oracle, tmp_path, [0.95])
    assert parent in kept(tmp_path)
    report(oracle, running, 0.95)
    assert parent not in kept(tmp_path)


def test_ten_or_fewer_are_left_alone(tmp_path):
    oracle = begin(tmp_path)
    run(oracle, tmp_path, [0.5] * 10)
    assert len(kept(tmp_path)) == 10


def test_it_goes_on_after_another_process(tmp_path):
    oracle = begin(tmp_path)
    run(oracle, tmp_path, [index / 100 for index in range(20, 40)])
    oracle.close()
    again = begin(tmp_path)
    run(again, tmp_path, [0.0, 0.99])
    assert kept(tmp_path) == best(again)
    assert "0021" in kept(tmp_path)


def test_in_random_search_only_the_best_are_kept(tmp_path):
    oracle = begin(tmp_path)
    oracle.evolution.selector = None
    run(oracle, tmp_path, [index / 20 for index in range(20)])
    assert kept(tmp_path) == {f"{index:04d}" for index in range(10, 20)}


def test_weights_that_are_gone_are_missed_by_nobody(tmp_path):
    oracle = begin(tmp_path)
    run(oracle, tmp_path, [0.1] * 10)
    (tmp_path / "trial_0003" / CHECKPOINT).unlink()
    run(oracle, tmp_path, [0.5] * 10)
    assert oracle.failure is None
    assert kept(tmp_path) == best(oracle)
