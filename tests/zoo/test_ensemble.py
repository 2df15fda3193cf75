import json
import pathlib

import keras
import numpy as np
import pytest
from clip_sources import TINY, tiny_genotype
from keras import layers, ops

import zoo
from zoo import ensemble, inference, metrics, weights
from zoo.genotypes import ClipSpec

CLASSES = ("dark", "grey", "light")
HALF, THIRD = np.log([[0.5, 0.25, 0.25]]), np.log([[0.2, 0.2, 0.6]])


def constant(logits, shape=(2, 4, 4, 3)):
    """A model that always says the same."""
    clip = keras.Input(shape, name="clip")
    dense = layers.Dense(len(logits), kernel_initializer="zeros", name="head")
    model = keras.Model(clip, dense(layers.GlobalAveragePooling3D()(clip)))
    dense.bias.assign(logits)
    return model


def noise(*shape):
    return np.random.default_rng(0).random((5, *shape), dtype="float32")


def said(model, clip):
    return ops.convert_to_numpy(model(clip, training=False))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [0.35, 0.225, 0.425]),
        ({"weights": [3, 1]}, [0.425, 0.2375, 0.3375]),
        ({"weights": [1, 0]}, [0.5, 0.25, 0.25]),
        # The geometric mean, of sum 1.
        ({"average": "logits"}, np.sqrt([2, 1, 3]) / np.sqrt([2, 1, 3]).sum()),
    ],
)
def test_fused_are_means_of_probabilities_or_of_logits(options, expected):
    model = zoo.fuse([constant(HALF[0]), constant(THIRD[0])], **options)
    clip = noise(2, 4, 4, 3)
    np.testing.assert_allclose(said(model, clip), [expected] * 5, atol=1e-6)
    by_hand = metrics.fused("single", [HALF, THIRD], **options)
    np.testing.assert_allclose(by_hand, [expected], atol=1e-6)


def test_sum_of_softmax_ranks_like_the_ensemble_of_the_paper():
    models = [constant(np.random.default_rng(i).normal(size=6)) for i in range(3)]
    clip = noise(2, 4, 4, 3)
    paper = sum(metrics.probabilities("single", said(m, clip)) for m in models)
    fused = said(zoo.fuse(models), clip)
    np.testing.assert_array_equal(np.argsort(paper), np.argsort(fused))
    np.testing.assert_allclose(fused, paper / 3, atol=1e-6)


def test_many_labels_have_sigmoids():
    logits = np.array([[0.0, 2.0]]), np.array([[1.0, -1.0]])
    models = [constant(part[0]) for part in logits]
    expected = np.mean([1 / (1 + np.exp(-part)) for part in logits], axis=0)
    fused = said(zoo.fuse(models, "multi"), noise(2, 4, 4, 3)[:1])
    np.testing.assert_allclose(fused, expected, atol=1e-6)
    np.testing.assert_allclose(metrics.fused("multi", logits), expected, atol=1e-6)


def test_one_model_is_itself():
    model = zoo.fuse([constant(HALF[0])])
    np.testing.assert_allclose(said(model, noise(2, 4, 4, 3)[:1]), np.exp(HALF))


def learned(shape, seed):
    """A model that hears to its clip, with layers named like all others."""
    keras.utils.set_random_seed(seed)
    clip = keras.Input(shape, name="clip")
    x = layers.Conv3D(4, 1, activation="relu", name="block0")(clip)
    x = layers.GlobalAveragePooling3D()(x)
    return keras.Model(clip, layers.Dense(3, name="head")(x), name="same")


@pytest.fixture
def streams():
    """Models of colour, flow and colour, clips for them, and what they say together."""
    colour = [learned((4, 8, 8, 3), seed) for seed in (0, 1)]
    flow = learned((4, 8, 8, 2), 2)
    clips = {"clip": noise(4, 8, 8, 3), "flow": noise(4, 8, 8, 2)}
    alone = [said(colour[0], clips["clip"]), said(flow, clips["flow"])]
    alone.append(said(colour[1], clips["clip"]))
    return [colour[0], flow, colour[1]], clips, metrics.fused("single", alone)


def test_streams_of_colour_and_of_flow_have_inputs_of_their_own(streams):
    models, clips, expected = streams
    model = zoo.fuse(models)
    assert model.input.keys() == clips.keys()
    np.testing.assert_allclose(said(model, clips), expected, atol=1e-6)


@pytest.mark.model
def test_ensemble_is_compiled_and_saved_like_any_model(streams, tmp_path):
    models, clips, expected = streams
    model = zoo.fuse(models)
    np.testing.assert_allclose(inference.compiled(model)(clips), expected, atol=1e-6)
    model.save(tmp_path / "two.keras")
    again = keras.saving.load_model(tmp_path / "two.keras")
    np.testing.assert_allclose(said(again, clips), expected, atol=1e-6)
    assert [layer.name for layer in again.layers if "same" in layer.name] == []
    assert {"member0", "member1", "member2"} <= {layer.name for layer in again.layers}


@pytest.mark.parametrize(
    ("shapes", "inputs", "names"),
    [
        ([(2, 4, 4, 3)] * 2, None, None),
        ([(2, 4, 4, 3)] * 2, ["early", "late"], ["early", "late"]),
        ([(2, 4, 4, 3), (4, 4, 4, 3)], None, ["clip0", "clip1"]),
        (
            [(2, 4, 4, 2), (2, 4, 4, 3), (2, 8, 8, 2)],
            None,
            ["clip", "flow0", "flow1"],
        ),
    ],
)
def test_inputs_are_shared_by_shape_or_name(shapes, inputs, names):
    model = zoo.fuse([constant(HALF[0], shape) for shape in shapes], inputs=inputs)
    if names is None:
        assert model.input.name == "clip"
    else:
        assert sorted(model.input) == names
        assert all(model.input[name].name == name for name in names)


def test_models_stay_as_they_are_and_share_their_weights():
    first, second = constant(HALF[0]), constant(THIRD[0])
    before = first.get_config()
    model = zoo.fuse([first, second])
    assert first.get_config() == before
    second.get_layer("head").bias.assign(HALF[0])
    np.testing.assert_allclose(said(model, noise(2, 4, 4, 3)[:1]), np.exp(HALF))


@pytest.mark.parametrize(
    ("models", "options", "reason"),
    [
        ([], {}, "`models` must be one or more"),
        (["a"], {}, "`models` must be functional models"),
        ([HALF, np.zeros((1, 5))], {}, r"same number of classes\. Got: \[3, 5\]"),
        ([HALF], {"task": "both"}, '`task` must be "single" or "multi"'),
        ([HALF], {"average": "median"}, "`average` must be one of"),
        ([HALF, HALF], {"weights": [1]}, "`weights` must be 2 finite numbers"),
        ([HALF, HALF], {"weights": [0, 0]}, "not all 0"),
        ([HALF, HALF], {"weights": [2, -1]}, "from 0 on"),
        ([HALF, HALF], {"weights": [1, np.nan]}, "finite"),
        ([HALF, HALF], {"inputs": ["clip"]}, "`inputs` must be a name for each of 2"),
    ],
)
def test_mistakes_are_named(models, options, reason):
    models = [m if isinstance(m, str) else constant(m[0]) for m in models]
    with pytest.raises(ValueError, match=reason):
        zoo.fuse(models, **options)


def test_models_without_a_classifier_are_refused():
    clip = keras.Input((2, 4, 4, 3))
    body = keras.Model(clip, layers.Conv3D(3, 1)(clip))
    with pytest.raises(ValueError, match="functional models of one input and one vec"):
        zoo.fuse([body])


def test_inputs_of_other_shapes_can_not_be_shared():
    models = [constant(HALF[0]), constant(HALF[0], (4, 4, 4, 3))]
    with pytest.raises(ValueError, match="`inputs` must be the same only for models"):
        zoo.fuse(models, inputs=["clip", "clip"])


@pytest.mark.parametrize("kind", ["dense", "activation", "layer", "ensemble"])
def test_models_of_probabilities_are_refused(kind):
    plain = constant(HALF[0])
    outputs = {
        "dense": lambda x: layers.Dense(3, activation="softmax")(x),
        "activation": layers.Activation("sigmoid"),
        "layer": layers.Softmax(),
    }
    if kind == "ensemble":
        model = zoo.fuse([plain, plain])
    else:
        model = keras.Model(plain.input, outputs[kind](plain.output))
    with pytest.raises(ValueError, match="`models` must be such that put out logits"):
        zoo.fuse([model])


FAST = ClipSpec(frames=2, rate=8.0, height=16, width=16)
LARGE = ClipSpec(frames=2, rate=4.0, height=24, width=24)


def run_of(spec=TINY, seed=0, model=None, classes=CLASSES, task="single"):
    model = model or learned(spec.shape, seed)
    return inference.Run(model, classes, task, spec, pathlib.Path())


@pytest.fixture
def plain(monkeypatch):
    """Nothing is compiled, which takes long."""
    monkeypatch.setattr(inference, "compiled", lambda m: lambda clip: said(m, clip))


@pytest.mark.usefixtures("plain")
@pytest.mark.parametrize(
    ("specs", "names"),
    [
        ([TINY, TINY], ["clip", "clip"]),
        ([TINY, FAST, TINY], ["clip0", "clip1", "clip0"]),
        ([TINY, LARGE], ["clip0", "clip1"]),
    ],
)
def test_ensemble_reads_the_clips_of_its_members(specs, names):
    runs = {f"m{seed}": run_of(spec, seed) for seed, spec in enumerate(specs)}
    both = ensemble.Ensemble(runs, pathlib.Path())
    assert (both.classes, both.task) == (CLASSES, "single")
    assert both.clip_spec == (TINY if names == ["clip", "clip"] else None)
    assert both.clip_specs == dict(zip(names, specs, strict=True))
    clips = {name: noise(*spec.shape) for name, spec in both.clip_specs.items()}
    pairs = zip(runs.values(), names, strict=True)
    alone = [said(run.model, clips[name]) for run, name in pairs]
    expected = metrics.fused("single", alone)
    np.testing.assert_allclose(both.predict(clips), expected, atol=1e-5)
    given = clips if len(clips) > 1 else clips["clip"]
    np.testing.assert_allclose(both.predict(given), expected, atol=1e-5)
    np.testing.assert_allclose(said(both.model, given), expected, atol=1e-5)
    single = {name: clip[1] for name, clip in clips.items()}
    np.testing.assert_allclose(both.predict(single), expected[1], atol=1e-5)


@pytest.mark.usefixtures("plain")
def test_ensemble_has_shares_and_a_kind_of_mean():
    runs = {name: run_of(seed=seed) for seed, name in enumerate("ab")}
    both = ensemble.Ensemble(runs, pathlib.Path(), (3, 1), "logits")
    clip = noise(*TINY.shape)
    logits = [said(run.model, clip) for run in runs.values()]
    expected = metrics.probabilities("single", 0.75 * logits[0] + 0.25 * logits[1])
    np.testing.assert_allclose(both.predict(clip), expected, atol=1e-5)
    np.testing.assert_allclose(said(both.model, clip), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"classes": ("dark", "red")}, r"same classes.*\(dark, .*\) of a and .* of b"),
        ({"task": "multi"}, "same task. Got: 'single' of a and 'multi' of b"),
    ],
)
def test_members_of_another_kind_are_refused(change, reason):
    runs = {"a": run_of(model=True), "b": run_of(model=True, **change)}
    with pytest.raises(ValueError, match=f"`model` must be of runs with the {reason}"):
        ensemble.Ensemble(runs, pathlib.Path())


def test_ensembles_do_not_nest(tmp_path):
    one = ensemble.Ensemble({"a": run_of(model=True)}, tmp_path)
    with pytest.raises(ValueError, match="`model` must be of single networks"):
        ensemble.Ensemble({"b": run_of(model=True), "c": one}, tmp_path)
    ensemble.describe(tmp_path, ["."])
    with pytest.raises(ValueError, match="`members` must be single networks"):
        zoo.load(tmp_path)


def test_wrong_clips_are_refused():
    runs = {"a": run_of(model=True), "b": run_of(FAST, model=True)}
    both = ensemble.Ensemble(runs, pathlib.Path())
    with pytest.raises(
        ValueError, match=r"`clip` must be a dict of \['clip0', 'clip1'"
    ):
        both.predict(noise(*TINY.shape))


def test_folder_keeps_an_ensemble(tmp_path, monkeypatch):
    ensemble.describe(tmp_path, ["member0", "b/c"], [3, 1], "logits")
    assert ensemble.is_ensemble(tmp_path)
    assert not ensemble.is_ensemble(tmp_path / "member0")
    load = inference.load
    known = {tmp_path / "member0": run_of(model=1), tmp_path / "b/c": run_of(model=2)}
    monkeypatch.setattr(inference, "load", known.get)
    both = load(tmp_path)
    assert [(name, run.model) for name, run in both.members.items()] == [
        ("member0", 1),
        ("b/c", 2),
    ]
    assert (both.weights, both.average, both.workdir) == ((3, 1), "logits", tmp_path)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"version": 9}, "`version` must be 1"),
        ({"members": 3}, "must be an iterable"),
        ({"weights": [1]}, "`weights` must be 2"),
    ],
)
def test_foreign_description_is_refused(change, reason, tmp_path, monkeypatch):
    ensemble.describe(tmp_path, ["member0", "member1"])
    path = tmp_path / "model.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    monkeypatch.setattr(inference, "load", lambda _: run_of(model=True))
    with pytest.raises(ValueError, match=reason):
        ensemble.load(tmp_path)


@pytest.mark.model
def test_folder_of_trained_networks_is_loaded_like_a_run(tmp_path):
    for number, spec in enumerate([TINY, LARGE]):
        about = inference.Description(tiny_genotype(), CLASSES, "single", spec)
        inference.describe(tmp_path / f"member{number}", about)
        path = tmp_path / f"member{number}" / "best.weights.h5"
        weights.save(about.build(), path)
    ensemble.describe(tmp_path, ["member0", "member1"])
    both = zoo.load(tmp_path)
    clips = {"clip0": noise(*TINY.shape), "clip1": noise(*LARGE.shape)}
    alone = [
        zoo.load(tmp_path / f"member{i}").predict(clips[f"clip{i}"]) for i in range(2)
    ]
    expected = np.mean(alone, axis=0)
    np.testing.assert_allclose(both.predict(clips), expected, atol=1e-5)
    both.model.save(tmp_path / "both.keras")
    again = keras.saving.load_model(tmp_path / "both.keras")
    np.testing.assert_allclose(said(again, clips), expected, atol=1e-5)
    (tmp_path / "member1" / "best.weights.h5").unlink()
    with pytest.raises(ValueError, match=r"saved best.weights.h5.*member1"):
        zoo.load(tmp_path)
