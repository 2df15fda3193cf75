import numpy as np
import pytest
from clip_sources import TINY, ArrayClips, tiny_network
from keras import ops

from zoo import monitor, session, training

RECIPE = training.Recipe(
    steps=6,
    batch_size=4,
    learning_rate=0.1,
    warmup_steps=2,
    weight_decay=1e-3,
    label_smoothing=0.1,
    clip_norm=5.0,
)


class KilledError(Exception):
    pass


def fit(network, workdir=None, clips=None, recipe=RECIPE, **options):
    clips = clips or ArrayClips()
    options = {"save_every": 2, "log_every": 1, "verbose": False, **options}
    return training.fit(network, clips, TINY, recipe, workdir, **options)


def test_score_of_a_task():
    assert training.score_name("single") == "top1"
    assert training.score_name("multi") == "map"
    with pytest.raises(ValueError, match="`task` must be"):
        training.score_name("many")


def test_validation_falls_back_to_training_clips_with_a_warning():
    assert training.validation_split(ArrayClips()) == "validation"
    with pytest.warns(UserWarning, match="no validation clips"):
        assert training.validation_split(ArrayClips(sizes={"validation": 0})) == "train"


@pytest.mark.model
@pytest.mark.parametrize("task", ["single", "multi"])
def test_training_learns(task, tmp_path):
    network = tiny_network()
    recipe = training.Recipe(60, 6, 0.1, 5)
    result = fit(network, tmp_path, ArrayClips(task), recipe, save_every=30)
    name = training.score_name(task)
    assert result["step"] == 60
    assert result["best_score"] >= result[f"validation_{name}"] > 0.9
    scores = training.evaluate(network, ArrayClips(task), TINY, "validation", 2)
    assert scores[name] == pytest.approx(result[f"validation_{name}"], rel=1e-5)
    assert scores["loss"] == pytest.approx(result["validation_loss"], rel=1e-4)


@pytest.mark.model
def test_without_a_workdir_nothing_is_scored():
    clips = ArrayClips()
    result = fit(tiny_network(), clips=clips)
    assert {split for split, *_ in clips.asked} == {"train"}
    assert result.keys() == {"step", "learning_rate", "loss", "accuracy"}


@pytest.mark.model
@pytest.mark.parametrize("task", ["single", "multi"])
def test_resumed_run_equals_the_uninterrupted_one(task, tmp_path, monkeypatch):
    whole = tiny_network()
    fit(whole, tmp_path / "whole", ArrayClips(task))
    _kill_after(5, monkeypatch)
    with pytest.raises(KilledError):
        fit(tiny_network(), tmp_path / "cut", ArrayClips(task))
    monkeypatch.undo()
    resumed, clips = tiny_network(seed=5), ArrayClips(task)
    fit(resumed, tmp_path / "cut", clips)
    assert ("train", 4, 0, 4) in clips.asked
    for one, other in zip(whole.variables, resumed.variables, strict=True):
        np.testing.assert_array_equal(*map(ops.convert_to_numpy, (one, other)))
    tables = [(tmp_path / run / "metrics.csv").read_text() for run in ("whole", "cut")]
    assert tables[0] == tables[1]
    assert tables[0].count("\n") == 7


def _kill_after(step, monkeypatch):
    ends = session.Session.on_train_batch_end

    def end_or_die(self, batch, logs=None):
        ends(self, batch, logs)
        if self.progress.step == step:
            raise KilledError

    monkeypatch.setattr(session.Session, "on_train_batch_end", end_or_die)


@pytest.mark.model
def test_no_row_is_lost_where_a_checkpoint_is_the_last_thing_done(
    tmp_path, monkeypatch
):
    fit(tiny_network(), tmp_path / "whole")
    saves = session.checkpoints.save

    def save_and_die(path, progress, variables):
        saves(path, progress, variables)
        raise KilledError

    monkeypatch.setattr(session.checkpoints, "save", save_and_die)
    with pytest.raises(KilledError):
        fit(tiny_network(), tmp_path / "cut")
    monkeypatch.undo()
    fit(tiny_network(), tmp_path / "cut")
    tables = [(tmp_path / run / "metrics.csv").read_text() for run in ("whole", "cut")]
    assert tables[0] == tables[1]


@pytest.mark.model
def test_finished_run_trains_no_more(tmp_path):
    network, clips = tiny_network(), ArrayClips()
    first = fit(network, tmp_path)
    again = fit(tiny_network(seed=5), tmp_path, clips)
    assert clips.asked == []
    assert again == pytest.approx(first, rel=1e-5)


@pytest.mark.model
def test_best_weights_stay_when_the_score_falls(tmp_path, monkeypatch):
    scores = iter([0.5, 0.9, 0.1])
    fake = lambda: {"loss": 1.0, "top1": next(scores), "top5": 1.0}  # noqa: E731
    monkeypatch.setattr(training, "scorer", lambda *_: fake)
    network = tiny_network()
    saved = []
    monkeypatch.setattr(
        session.weights, "save", lambda *_: saved.append(network.get_weights())
    )
    result = fit(network, tmp_path)
    assert len(saved) == 2
    assert (result["best_score"], result["validation_top1"]) == (0.9, 0.1)


@pytest.mark.model
def test_weights_that_are_no_numbers_are_never_the_best(tmp_path, monkeypatch):
    network = tiny_network()
    fit(network, tmp_path, recipe=training.Recipe(2, 4))
    before = (tmp_path / "best.weights.h5").read_bytes()
    finite = {"loss": 1.0, "top1": 1.0, "top5": 1.0}
    monkeypatch.setattr(training, "scorer", lambda *_: lambda: finite)

    validate = session.Session._validate

    def spoil_and_validate(self, step):
        kernel = self.network.trainable_weights[0]
        kernel.assign(np.full(kernel.shape, np.nan))
        return validate(self, step)

    monkeypatch.setattr(session.Session, "_validate", spoil_and_validate)
    with pytest.raises(training.TrainingDiverged, match="NaN or infinity"):
        fit(network, tmp_path, recipe=training.Recipe(4, 4))
    assert (tmp_path / "best.weights.h5").read_bytes() == before


@pytest.mark.model
def test_divergence_names_the_step_and_the_last_good_state(tmp_path):
    recipe = training.Recipe(50, 4, learning_rate=1e12)
    with pytest.raises(training.TrainingDiverged) as caught:
        fit(tiny_network(), tmp_path, recipe=recipe, save_every=1)
    rows = monitor.read_table(tmp_path / "metrics.csv")
    kept = tmp_path / "checkpoint.npz"
    assert "step" in str(caught.value)
    if rows:
        assert str(kept) in str(caught.value)
        with np.load(kept) as file:
            assert file["step"] == rows[-1]["step"]


@pytest.mark.model
def test_training_clips_are_asked_for_once():
    clips = ArrayClips()
    fit(tiny_network(), clips=clips)
    assert clips.asked == [("train", 4, 0, 0)]


@pytest.mark.model
def test_checkpoint_of_another_model_is_refused(tmp_path):
    fit(tiny_network(), tmp_path)
    with pytest.raises(ValueError, match=r"checkpoint of this model.*head"):
        fit(tiny_network(classes=4), tmp_path)


@pytest.mark.model
def test_damaged_checkpoint_is_refused(tmp_path):
    fit(tiny_network(), tmp_path)
    path = tmp_path / "checkpoint.npz"
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(ValueError, match=r"checkpoint that can be read.*npz"):
        fit(tiny_network(), tmp_path)


@pytest.mark.model
def test_source_that_ends_is_refused():
    class Ending(ArrayClips):
        def _batches(self, *args):
            batches = super()._batches(*args)
            yield from (next(batches) for _ in range(3))

    with (
        pytest.warns(UserWarning, match="ran out of data"),
        pytest.raises(ValueError, match="`clips` must be endless"),
    ):
        fit(tiny_network(), clips=Ending())


def test_empty_split_is_refused():
    clips = ArrayClips(sizes={"test": 0})
    with pytest.raises(ValueError, match="`split` must be one that holds clips"):
        training.evaluate(tiny_network(), clips, TINY, "test", 2)
