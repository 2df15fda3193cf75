import csv
import dataclasses
import functools
import math

import keras
import numpy as np
import pytest
from clip_sources import ArrayClips
from keras import layers, ops

from search import gradients, run
from search.descent import Adam, ConstantRate, CosineRate, StepRate
from search.differentiable import DifferentiableSearch
from search.one_shot import OneShotConnections
from search.spaces.assemblenet import AssembleNetSpace
from search.spaces.pseudo3d import Pseudo3DSpace
from search.spaces.tiny_video import TinyVideoSpace
from zoo import genotypes, monitor, registry, training
from zoo.genotypes import ClipSpec
from zoo.layers.mixture import CellWeights, MixedOperation
from zoo.layers.normalization import BatchNorm
from zoo.training import Recipe

SPACE = Pseudo3DSpace(
    nodes=2, search_cells=1, search_channels=2, search_reductions=(0,), channels=4
)
CLIP = ClipSpec(frames=2, rate=4.0, height=8, width=8)
RECIPE = Recipe(
    batch_size=2, learning_rate=0.1, weight_decay=1e-3, clip_norm=5.0, momentum=0.9
)
BEST = 0.9  # Of the second epoch where nothing is computed.


def search(folder, clips=None, recipe=RECIPE, options=(), **arguments):
    arguments = {"space": SPACE, "clip_spec": CLIP, "epochs": 3, **arguments}
    method = functools.partial(DifferentiableSearch, **arguments)
    return run.search(
        method, clips or ArrayClips(), str(folder), recipe, **dict(options)
    )


def table(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def instant(monkeypatch):
    """Trains nothing: each step adds its rate to the first operation of each edge."""
    calls = []

    def supernet(genotype, shape, num_classes, **options):
        calls.append(("supernet", shape, num_classes, options))
        clip = keras.Input(shape)
        shares = CellWeights(5, 8, name="cell")(clip)
        x = layers.GlobalAveragePooling3D()(clip) + ops.sum(shares)
        return keras.Model(clip, layers.Dense(num_classes)(x))

    def step(state, rate, training, held_out):
        number = int(state.counts[0]) + 1
        calls.append((number, float(rate), training, held_out))
        [logits] = state.architecture
        first = np.eye(8, dtype="float32")[0]
        return state._replace(
            architecture=[logits + rate * first],
            counts=[state.counts[0] + 1],
            sums=[total + number for total in state.sums],
        )

    def scorer(*args, **kwargs):
        scores = iter([0.5, BEST, 0.7, 0.6])
        return lambda: {"loss": 1.0, "top1": next(scores), "top5": 1.0}

    monkeypatch.setattr(registry, "supernet", supernet)
    monkeypatch.setattr(gradients, "compiled", lambda _: step)
    monkeypatch.setattr(training, "scorer", scorer)
    return calls


def test_it_writes_a_row_for_each_epoch_and_the_last_network(tmp_path, instant, capsys):
    record = search(tmp_path)
    history, metrics = (table(tmp_path / f"{n}.csv") for n in ("history", "metrics"))
    assert [row["trial"] for row in history] == ["0001", "0002", "0003"]
    assert [float(row["fitness"]) for row in history] == [0.5, BEST, 0.7]
    assert [row["step"] for row in metrics] == ["3", "6", "9"]
    assert [row["epoch"] for row in metrics] == ["1", "2", "3"]
    assert [float(row["loss"]) for row in metrics] == [2, 5, 8]  # Of 1 to 3, 4 to 6.
    assert record.genotype == history[2]["genotype"]
    assert (tmp_path / "best.json").read_text() == record.genotype + "\n"
    assert record.fitness == 0.7
    genotype = genotypes.from_json(record.genotype)
    assert genotype.cells == SPACE.cells
    assert set(genotype.cell.operations) == {"conv1"}
    cost = genotype.cost(3, CLIP.shape)
    assert record.details["parameters"] == cost.parameters
    out, err = capsys.readouterr()
    assert f"python -m zoo.train --model={tmp_path / 'best.json'}" in out
    assert "epoch 3: validation loss 1" in err
    assert "step 9/9" in err


def test_every_epoch_measures_the_architecture(tmp_path, instant):
    search(tmp_path, schedule=ConstantRate(), recipe=Recipe(5, 2, 1.0))
    rows = table(tmp_path / "metrics.csv")
    # Of eight equal logits, one has grown by 3, 6, 9.
    for row, logit in zip(rows, (3, 6, 9), strict=True):
        rest = 1 / (math.exp(logit) + 7)
        own = 1 - 7 * rest
        entropy = -own * math.log(own) - 7 * rest * math.log(rest)
        assert float(row["entropy"]) == pytest.approx(entropy, rel=0.02)
        # Two pools, the skip and the zero.
        assert float(row["parameter_free"]) == pytest.approx(4 * rest, rel=0.02)
        assert float(row["derived_parameter_free"]) == 0


def test_the_best_epoch_may_be_picked_also_afterwards(tmp_path, instant):
    search(tmp_path)
    steps = len(instant)
    record = search(tmp_path, pick="best")
    assert record.fitness == BEST
    assert (tmp_path / "best.json").read_text() == record.genotype + "\n"
    assert [call[0] for call in instant[steps:]] == ["supernet"]
    assert search(tmp_path).fitness == 0.7


def test_halves_are_for_weights_and_for_the_architecture(tmp_path, instant):
    search(tmp_path, ArrayClips(sizes={"train": 8}), steps_per_epoch=4, epochs=1)
    batches = [[ops.convert_to_numpy(b[1]) for b in call[2:]] for call in instant[1:]]
    labels = np.concatenate(batches, axis=1)
    # Clips 0 to 3 and 4 to 7, twice.
    np.testing.assert_array_equal(labels[0], [0, 1, 2, 0] * 2)
    np.testing.assert_array_equal(labels[1], [1, 2, 0, 1] * 2)


def test_one_level_has_all_clips_and_none_held_out(tmp_path, instant):
    search(tmp_path, algorithm="one_level", epochs=1)
    steps = instant[1:]
    assert len(steps) == 6  # Of 12 clips.
    assert {call[3] for call in steps} == {()}


def test_the_rate_follows_the_schedule(tmp_path, instant):
    schedule = StepRate(epochs=2, factor=0.1)
    search(tmp_path / "step", schedule=schedule, steps_per_epoch=2)
    search(tmp_path / "cosine", schedule=CosineRate(0.02), steps_per_epoch=2)
    steps = [call[1] for call in instant if call[0] != "supernet"]
    np.testing.assert_allclose(steps[:6], [0.1] * 4 + [0.01] * 2)
    shares = [(1 + math.cos(math.pi * n / 6)) / 2 for n in range(6)]
    np.testing.assert_allclose(steps[6:], [0.02 + 0.08 * s for s in shares], 1e-6)
    rows = table(tmp_path / "step" / "metrics.csv")
    assert [float(row["learning_rate"]) for row in rows] == [0.1, 0.1, 0.01]


def test_weights_warm_up_before_the_architecture_moves(tmp_path, instant, monkeypatch):
    acts, step = [], gradients.compiled(None)

    def compiled(act):
        return lambda *given: acts.append(act.__name__) or step(*given)

    monkeypatch.setattr(gradients, "compiled", compiled)
    search(tmp_path, warmup_epochs=1)
    assert acts == ["weights_alone"] * 3 + ["first_order"] * 6
    losses = [row["architecture_loss"] for row in table(tmp_path / "metrics.csv")]
    assert [bool(loss) for loss in losses] == [False, True, True]


def test_no_epoch_of_the_warm_up_is_picked(tmp_path, instant):
    record = search(tmp_path, warmup_epochs=2, pick="best")  # The second is the best.
    assert (record.trial, record.fitness) == ("0003", 0.7)
    assert (tmp_path / "best.json").read_text() == record.genotype + "\n"


class Killed(ArrayClips):
    """Is cut off before the seventh step."""

    def _batches(self, *args):
        for index, batch in enumerate(super()._batches(*args)):
            if args[1] == "train" and index == 6:
                raise KeyboardInterrupt
            yield batch


def test_a_kill_within_an_epoch_changes_nothing(tmp_path, instant, monkeypatch):
    given = {"steps_per_epoch": 4, "save_every": 3}
    with pytest.raises(KeyboardInterrupt):
        search(tmp_path / "cut", Killed(), **given)
    assert len(table(tmp_path / "cut" / "metrics.csv")) == 1
    scores = iter([BEST, 0.7])
    scored = lambda: {"loss": 1.0, "top1": next(scores), "top5": 1.0}  # noqa: E731
    before = len(instant)
    with monkeypatch.context() as patch:
        patch.setattr(training, "scorer", lambda *args, **kwargs: scored)
        search(tmp_path / "cut", **given)
    resumed, before = instant[before + 1 :], len(instant)
    search(tmp_path / "whole", **given)
    whole = instant[before + 1 :]
    assert [call[:2] for call in resumed] == [call[:2] for call in whole[6:]]
    for (_, _, *own), (_, _, *theirs) in zip(resumed, whole[6:], strict=True):
        for one, other in zip(
            [*own[0], *own[1]], [*theirs[0], *theirs[1]], strict=True
        ):
            np.testing.assert_array_equal(*map(ops.convert_to_numpy, (one, other)))
    assert_same(tmp_path)


def assert_same(folder, names=("metrics", "history")):
    for name in names:
        rows = [table(folder / part / f"{name}.csv") for part in ("cut", "whole")]
        for row in [*rows[0], *rows[1]]:
            row.pop("seconds", None)
        assert rows[0] == rows[1]
    texts = [(folder / part / "best.json").read_text() for part in ("cut", "whole")]
    assert texts[0] == texts[1]


def test_a_row_that_was_written_without_its_checkpoint_goes(
    tmp_path, instant, monkeypatch
):
    def torn(*args):
        raise KeyboardInterrupt

    search(tmp_path, epochs=3)
    rows = table(tmp_path / "history.csv")
    with monkeypatch.context() as patch:
        patch.setattr("zoo.checkpoints.save", torn)
        with pytest.raises(KeyboardInterrupt):
            search(tmp_path / "other")
    assert len(table(tmp_path / "other" / "history.csv")) == 1
    search(tmp_path / "other")
    again = table(tmp_path / "other" / "history.csv")
    assert [row["genotype"] for row in again] == [row["genotype"] for row in rows]


def test_a_folder_without_its_history_is_refused(tmp_path, instant):
    search(tmp_path)
    (tmp_path / "history.csv").unlink()
    with pytest.raises(ValueError, match=r"`workdir` must be .* with 3 epochs"):
        search(tmp_path)


OTHERS = {
    "seed": {"seed": 1},
    "epochs": {"epochs": 4},
    "algorithm": {"algorithm": "second_order"},
    "schedule": {"schedule": ConstantRate()},
    "architecture": {"architecture": Adam(1e-3)},
    "space": {"space": dataclasses.replace(SPACE, channels=8)},
    "recipe": {"recipe": Recipe(batch_size=3)},
    "clip_spec": {"clip_spec": ClipSpec(3, 4.0, 8, 8)},
    "options": {"options": {"dropout": 0.5}},
    "clips": {"clips": ArrayClips(sizes={"train": 14})},
}


def test_the_workdir_of_another_search_is_refused(tmp_path, instant):
    search(tmp_path, epochs=1)
    for named, change in OTHERS.items():
        with pytest.raises(ValueError, match=f"`workdir` must be new.* with {named} "):
            search(tmp_path, **{"epochs": 1, **change})


def test_the_workdir_of_a_one_shot_is_another_search(tmp_path, instant):
    search(tmp_path)
    space = AssembleNetSpace(stems=(2,), splits=(0, 0), depth=26, width=1 / 32)
    method = functools.partial(OneShotConnections, space=space)
    with pytest.raises(ValueError, match="`workdir` must be new"):
        run.search(method, ArrayClips(), str(tmp_path), RECIPE)


def test_a_loss_that_is_no_number_ends_the_search(tmp_path, instant, monkeypatch):
    def step(state, *args):
        return state._replace(sums=[total + np.nan for total in state.sums])

    search(tmp_path, epochs=3)
    monkeypatch.setattr(gradients, "compiled", lambda _: step)
    with pytest.raises(training.TrainingDiverged, match="not a number in step 1 to 1"):
        search(tmp_path / "other")


def test_weights_that_are_no_numbers_are_not_kept(tmp_path, instant, monkeypatch):
    def step(state, *args):
        return state._replace(weights=[w + np.inf for w in state.weights])

    monkeypatch.setattr(gradients, "compiled", lambda _: step)
    with pytest.raises(training.TrainingDiverged, match=r"infinity in .* after step 3"):
        search(tmp_path)
    assert not (tmp_path / "checkpoint.npz").exists()


@pytest.mark.parametrize(
    "bad",
    [
        {"space": TinyVideoSpace()},
        {"algorithm": "third_order"},
        {"epochs": 0},
        {"steps_per_epoch": 0},
        {"warmup_epochs": 50},
        {"pick": "first"},
        {"seed": -1},
        {"save_every": 0},
    ],
)
def test_nonsense_is_refused(bad):
    with pytest.raises(ValueError, match=f"`{next(iter(bad))}` must be"):
        DifferentiableSearch(3, **{"space": SPACE, **bad})


def test_what_no_supernet_has_is_refused_before_the_folder_is_taken(tmp_path, instant):
    with pytest.raises(ValueError, match=r"`options` must be some of .*'dropout'"):
        search(tmp_path, options={"drop_path": 0.1})
    with pytest.raises(ValueError, match="`scores` must be some of"):
        search(tmp_path, options={"scores": ("map",)})
    with pytest.raises(ValueError, match="`method` must be an evolution, where"):
        search(tmp_path, options={"audit": True})
    for name, value in [("ema", 0.9), ("optimizer", "adamw"), ("accumulate", 2)]:
        with pytest.raises(ValueError, match=f"`{name}` must be .* in this search"):
            search(tmp_path, recipe=dataclasses.replace(RECIPE, **{name: value}))
    assert not (tmp_path / "search.json").exists()
    assert instant == []


def test_clips_that_can_not_be_halved_are_refused(tmp_path, instant):
    class Whole(ArrayClips):
        def __getattribute__(self, name):
            if name == "halves":
                raise AttributeError(name)
            return super().__getattribute__(name)

    with pytest.raises(ValueError, match="`clips` must be a source with `halves`"):
        search(tmp_path, Whole())
    assert not (tmp_path / "search.json").exists()


@pytest.fixture
def small(monkeypatch):
    """A supernet of few layers, with all the state that a resume must bring back."""

    def supernet(genotype, shape, num_classes, **options):
        clip = keras.Input(shape)
        shares = CellWeights(5, 8, name="cell")(clip)
        x = [layers.Dense(4, activation="tanh")(clip), layers.Dense(4)(clip)]
        [x] = MixedOperation([1], [[0], [2]], 4)([shares, *x])
        x = BatchNorm(momentum=0.8, scale=False, center=False)(x)
        x = layers.GlobalAveragePooling3D()(layers.Activation("tanh")(x))
        return keras.Model(clip, layers.Dense(num_classes)(layers.Dropout(0.3)(x)))

    monkeypatch.setattr(registry, "supernet", supernet)


@pytest.mark.model
@pytest.mark.parametrize(
    ("algorithm", "task"),
    [("first_order", "single"), ("second_order", "multi"), ("one_level", "single")],
)
def test_a_search_that_was_cut_off_ends_the_same(tmp_path, small, algorithm, task):
    given = {"algorithm": algorithm, "epochs": 2, "architecture": Adam(0.1)}
    given |= {"steps_per_epoch": 4, "save_every": 3, "verbose": False}
    with pytest.raises(KeyboardInterrupt):
        search(tmp_path / "cut", Killed(task), **given)
    assert len(table(tmp_path / "cut" / "metrics.csv")) == 1
    for name in ("cut", "whole"):
        search(tmp_path / name, ArrayClips(task), **given)
    assert_same(tmp_path)
    files = [np.load(tmp_path / n / "checkpoint.npz") for n in ("cut", "whole")]
    assert files[0].files == files[1].files
    for name in files[0].files:
        np.testing.assert_array_equal(files[0][name], files[1][name])


@pytest.mark.model
def test_a_supernet_learns_and_decides(tmp_path):
    space = dataclasses.replace(SPACE, nodes=1, cells=2, channels=2, reductions=(1,))
    given = {"space": space, "epochs": 4, "steps_per_epoch": 10, "verbose": False}
    record = search(tmp_path, architecture=Adam(0.03), **given)
    rows = monitor.read_table(tmp_path / "metrics.csv")
    assert rows[-1]["loss"] < rows[0]["loss"]
    assert rows[-1]["entropy"] < rows[0]["entropy"] < math.log(8)
    genotype = genotypes.from_json(record.genotype)
    assert genotype == dataclasses.replace(genotype, **space.layout)
