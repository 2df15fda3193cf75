"""A user's own hypermodel, through the API that every keras-tuner has."""

import sys
import warnings

import keras
import keras_tuner
import numpy as np
import pytest
from stub_search import stub_oracle

from search import journal
from search.audit import audit
from search.ledger import GENOTYPE
from search.tuner import ArchitectureTuner
from zoo.genotypes import from_json

pytestmark = [
    pytest.mark.model,
    # As in any tuner: the checkpoint has the optimizer's state, the new model not yet.
    pytest.mark.filterwarnings("ignore:Skipping variable loading"),
]

RNG = np.random.default_rng(0)
X = RNG.random((32, 8), dtype="float32")
Y = (X.sum(axis=1) > 4).astype("int32")
DATA = {"validation_data": (X, Y), "epochs": 1, "verbose": False}
ACCURACY = keras_tuner.Objective("val_accuracy", "max")


class MyHyperModel(keras_tuner.HyperModel):
    """As wide as the first block's filters; a learning rate and a batch beside."""

    def build(self, hp):
        filters = from_json(hp[GENOTYPE]).blocks[0].filters
        rate = hp.Float("learning_rate", 1e-3, 1e-1, sampling="log")
        kind = hp.Choice("optimizer", ["sgd", "adam"])
        with hp.conditional_scope("optimizer", ["sgd"]):
            momentum = hp.Float("momentum", 0.0, 0.9)
        optimizer = (
            keras.optimizers.SGD(rate, momentum)
            if kind == "sgd"
            else keras.optimizers.Adam(rate)
        )
        model = keras.Sequential(
            [
                keras.Input((8,)),
                keras.layers.Dense(filters, activation="relu"),
                keras.layers.Dense(2, activation="softmax"),
            ]
        )
        loss = "sparse_categorical_crossentropy"
        # Eagerly, as nothing is trained for long enough to be worth a graph.
        model.compile(optimizer, loss, metrics=["accuracy"], run_eagerly=True)
        return model

    def fit(self, hp, model, *args, **kwargs):
        batch = hp.Choice("batch", [8, 16])
        return model.fit(*args, batch_size=batch, **kwargs)


def tuner(folder, trials=4, hypermodel=None, **options):
    oracle = stub_oracle(objective=ACCURACY, max_trials=trials)
    return ArchitectureTuner(
        oracle=oracle,
        hypermodel=hypermodel or MyHyperModel(),
        directory=str(folder),
        project_name="mine",
        **{"latency_seconds": None, **options},
    )


def test_the_stock_calls_work(tmp_path, capsys):
    work = tuner(tmp_path)
    work.search(X, Y, **DATA)
    records = work.oracle.records()
    assert [record.status for record in records] == ["completed"] * 4
    for record in records:
        known = record.hyperparameters
        assert {"learning_rate", "optimizer"} <= set(known)
        assert ("momentum" in known) == (known["optimizer"] == "sgd")
    assert "batch" in records[-1].hyperparameters
    work.results_summary()
    out = capsys.readouterr().out
    assert "Results summary" in out
    assert "learning_rate:" in out
    (values,) = work.get_best_hyperparameters()
    leader = max(records, key=lambda record: record.fitness)
    assert values[GENOTYPE] == leader.genotype
    assert values["learning_rate"] == leader.hyperparameters["learning_rate"]
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        (model,) = work.get_best_models()
    assert not [str(w.message) for w in heard if "optimizer" in str(w.message)]
    scored = model.evaluate(X, Y, verbose=0, return_dict=True)
    assert scored["accuracy"] == pytest.approx(leader.fitness, abs=1e-6)
    assert work.hypermodel.build(values).count_params() == model.count_params()


def test_values_are_drawn_and_the_audit_knows_them(tmp_path):
    work = tuner(tmp_path, trials=4)
    work.search(X, Y, **DATA)
    rates = {r.hyperparameters["learning_rate"] for r in work.oracle.records()}
    assert len(rates) == 4
    assert all(record.feasible for record in work.oracle.records())
    events = [*journal.read(work.oracle.journal_path)]
    counts = audit(stub_oracle(objective=ACCURACY, max_trials=4), events)
    assert counts["space"] >= 1  # It grew after the search began.


def test_a_resumed_search_knows_the_hyperparameters(tmp_path):
    tuner(tmp_path / "parts", trials=2).search(X, Y, **DATA)
    resumed = tuner(tmp_path / "parts", trials=4)
    resumed.search(X, Y, **DATA)
    whole = tuner(tmp_path / "whole", trials=4)
    whole.search(X, Y, **DATA)
    parts = [(r.genotype, r.hyperparameters) for r in resumed.oracle.records()]
    assert parts == [(r.genotype, r.hyperparameters) for r in whole.oracle.records()]


def test_tensorboard_among_the_callbacks(tmp_path):
    board = keras.callbacks.TensorBoard(str(tmp_path / "logs"))
    tuner(tmp_path, trials=2).search(X, Y, callbacks=[board], **DATA)
    for trial in ("0000", "0001"):
        assert [*(tmp_path / "logs" / trial).glob("**/events.out.tfevents*")]


def test_it_works_where_tensorboard_is_not_installed(tmp_path, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("tensorboard")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    work = tuner(tmp_path, trials=2)
    work.search(X, Y, **DATA)
    assert [record.status for record in work.oracle.records()] == ["completed"] * 2


def test_ordinary_hyperparameters_may_be_fixed_in_advance(tmp_path):
    hp = keras_tuner.HyperParameters()
    hp.Fixed("learning_rate", 0.05)
    oracle = stub_oracle(
        objective=ACCURACY, max_trials=2, hyperparameters=hp, tune_new_entries=False
    )
    folder = {"directory": str(tmp_path), "latency_seconds": None}
    work = ArchitectureTuner(oracle, MyHyperModel(), **folder)
    work.search(X, Y, **DATA)
    for record in oracle.records():
        assert record.hyperparameters["learning_rate"] == 0.05
        assert record.hyperparameters["optimizer"] == "sgd"


def test_what_the_oracle_does_not_allow_is_refused(tmp_path):
    oracle = stub_oracle(objective=ACCURACY, allow_new_entries=False)
    with pytest.raises(ValueError, match=r"`hypermodel` must be free of .*optimizer"):
        ArchitectureTuner(oracle, MyHyperModel(), directory=str(tmp_path))


def test_executions_are_averaged(tmp_path):
    scores = iter([0.2, 0.4, 0.6, 1.0])

    class Scored(MyHyperModel):
        def fit(self, *args, **kwargs):
            return {"val_accuracy": next(scores)}

    work = tuner(tmp_path, 2, Scored(), executions_per_trial=2)
    work.search(X, Y, **DATA)
    fitness = [record.fitness for record in work.oracle.records()]
    assert fitness == pytest.approx([0.3, 0.8])


class StockTuner(keras_tuner.Tuner):
    """As users have written them."""

    def run_trial(self, trial, x, y, **kwargs):
        hp = trial.hyperparameters
        model = self.hypermodel.build(hp)
        history = model.fit(x, y, verbose=0, validation_data=(x, y), epochs=1)
        return {"val_accuracy": history.history["val_accuracy"][-1]}


@pytest.mark.parametrize("kind", [StockTuner, keras_tuner.Tuner])
def test_a_stock_tuner_takes_the_oracle(tmp_path, kind):
    options = {"directory": str(tmp_path), "project_name": "stock"}
    work = kind(
        stub_oracle(objective=ACCURACY, max_trials=3), MyHyperModel(), **options
    )
    arguments = {} if kind is StockTuner else DATA
    work.search(X, Y, **arguments)
    records = work.oracle.records()
    assert [record.status for record in records] == ["completed"] * 3
    work.results_summary()
    leader = max(records, key=lambda record: record.fitness)
    assert work.get_best_hyperparameters()[0][GENOTYPE] == leader.genotype
    work.oracle.close()
    again = kind(
        stub_oracle(objective=ACCURACY, max_trials=3), MyHyperModel(), **options
    )
    again.search(X, Y, **arguments)
    assert again.oracle.records() == records
