import functools
import json
import pathlib

import keras
import numpy as np
import pytest
from clip_sources import TINY, ArrayClips, tiny_genotype
from helpers import known_clip
from keras import layers, ops
from synthesis import write_video

import zoo
from datasets import flow, prepare
from datasets.shards import VideoShards
from zoo import (
    ensemble,
    evaluate,
    inference,
    inputs,
    predict,
    streams,
    summary,
    train,
    training,
)
from zoo.genotypes import ClipSpec
from zoo.genotypes.evanet import Branch, EvaNetBlock, EvaNetGenotype
from zoo.genotypes.space_time import SpaceTimeConv
from zoo.layers.flow import FLOWS, TVL1Flow

CLASSES = ("dark", "grey", "light")
GENOTYPE = EvaNetGenotype(
    stem=SpaceTimeConv("conv3d", 1),
    pool_times=(1,),
    blocks=(EvaNetBlock(8, 1, (Branch("point"),)),),
)


class FlowClips(ArrayClips):
    """The same as if they were optical flow."""

    channels, inputs = 2, ("flow",)

    def clip(self, *arguments):
        clip, label = super().clip(*arguments)
        return 2 * clip[..., :2] - 1, label


def network(channels=2, name="network"):
    """The mean of each channel, over all of a clip."""
    clip = keras.Input((*TINY.shape[:3], channels), name="clip")
    x = layers.GlobalAveragePooling3D()(clip)
    return keras.Model(clip, layers.Dense(3, name="head")(x), name=name)


def run_of(model=None, channels=3, spec=TINY):
    folder = pathlib.Path("nowhere")
    return inference.Run(model, CLASSES, "single", spec, folder, channels)


def said(model, clip):
    return ops.convert_to_numpy(model(clip, training=False))


def test_a_run_knows_that_it_reads_flow(tmp_path):
    about = inference.Description(GENOTYPE, CLASSES, "single", TINY, channels=2)
    inference.describe(tmp_path, about)
    record = json.loads((tmp_path / "model.json").read_text())
    assert record["preprocessing"] == "flow in pixels / 20, in [-1, 1]"
    assert inference.read_description(tmp_path) == about
    assert about.shape == (2, 16, 16, 2)
    rgb = inference.Description(GENOTYPE, CLASSES, "single", TINY)
    with pytest.raises(ValueError, match="of a run with the same channels"):
        inference.describe(tmp_path, rgb)


def test_a_source_must_give_rgb_or_flow_as_the_network_reads():
    inputs.check_source(network(), FlowClips())
    inputs.check_source(network(3), ArrayClips())
    rule = r"must give what the network reads, flow \(shards of .*--flow`\). Got: clip"
    with pytest.raises(ValueError, match=rule):
        inputs.check_source(network(), ArrayClips())
    rule = r"must give what the network reads, clip \(RGB\). Got: flow"
    with pytest.raises(ValueError, match=rule):
        training.evaluate(network(3), FlowClips(), TINY, "validation", 2)


def test_clips_of_flow_and_of_rgb_are_two_inputs():
    runs = {"a": run_of(), "b": run_of(channels=2)}
    both = ensemble.Ensemble(runs, pathlib.Path())
    assert both.clip_specs == {"clip": TINY, "flow": TINY}
    assert both.clip_spec is None


@pytest.mark.parametrize("channels", [(2, 2), (3, 2), (2,)])
def test_ensembles_of_flow_are_used_like_a_run(channels, monkeypatch):
    monkeypatch.setattr(inference, "compiled", lambda m: lambda clip: said(m, clip))
    rgb = network(3)
    monkeypatch.setattr(streams, "from_rgb", lambda model: rgb)
    runs = {
        f"m{i}": run_of(rgb if n == 3 else network(), n) for i, n in enumerate(channels)
    }
    both = ensemble.Ensemble(runs, pathlib.Path())
    if 3 not in channels:
        assert both.clip_spec == TINY
        clip = known_clip(both.clip_spec.shape)[None, ..., :2]
        expected = np.mean([run.predict(clip) for run in runs.values()], axis=0)
        np.testing.assert_allclose(both.predict(clip), expected, atol=1e-6)
    ready = zoo.Predictor(both)
    assert ready.clip_spec == TINY
    frames = np.full(TINY.shape, 51, "uint8")
    expected = run_of(rgb).predict(frames / np.float32(255))
    np.testing.assert_allclose(ready(frames), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (5, "`model` must be a functional model of one input and one output. Got: 5"),
        (network(3), r"one that reads optical flow, 2 channels. Got: \(2, 16, 16, 3\)"),
    ],
)
def test_a_model_that_reads_no_flow_is_refused(model, message):
    with pytest.raises(ValueError, match=message):
        zoo.from_rgb(model)


def test_runs_of_rgb_stay_as_they_are():
    run = run_of()
    assert streams.online(run) is run
    both = ensemble.Ensemble({"a": run, "b": run}, pathlib.Path())
    assert streams.online(both) == both


@pytest.fixture
def quick(monkeypatch):
    """The layer of flow with few iterations, as it takes long."""
    layer = functools.partial(TVL1Flow, scales=1, warps=1, iterations=2)
    monkeypatch.setitem(FLOWS, "tvl1", layer)
    return layer


@pytest.mark.model
def test_a_stream_of_flow_runs_on_rgb(tmp_path, quick):
    clip = known_clip((2, *TINY.shape)) / 2 + 0.5
    flow_model, rgb = network(), network(3, "rgb")
    online = zoo.from_rgb(flow_model)
    assert online.get_layer("flow").bound == 20
    expected = said(flow_model, quick()(clip))
    np.testing.assert_allclose(said(online, clip), expected, atol=1e-6)
    both = zoo.fuse([rgb, online])
    assert [tensor.name for tensor in both.inputs] == ["clip"]
    each = [ops.softmax(logits) for logits in (rgb(clip), expected)]
    mean = ops.convert_to_numpy(sum(each) / 2)
    np.testing.assert_allclose(said(both, clip), mean, atol=1e-5)
    both.save(tmp_path / "both.keras")
    again = keras.saving.load_model(tmp_path / "both.keras")
    np.testing.assert_allclose(said(again, clip), mean, atol=1e-5)
    # An ensemble of their runs is the same.
    runs = {"rgb": run_of(rgb), "flow": run_of(flow_model, 2)}
    pair = streams.online(ensemble.Ensemble(runs, tmp_path))
    np.testing.assert_allclose(pair.predict(clip), mean, atol=1e-5)
    # Probabilities are not fused as if they were logits.
    final = keras.Model(flow_model.input, layers.Softmax()(flow_model.output))
    with pytest.raises(ValueError, match="`models` must be such that put out logits"):
        zoo.fuse([rgb, zoo.from_rgb(final)])


@pytest.mark.model
def test_a_graph_of_sources_is_no_stream_of_flow(tmp_path):
    rule = r"`input_shape` must be of RGB, 3 channels, .* Got: \(2, 16, 16, 2\)"
    folder = str(tmp_path / "run")
    with pytest.raises(ValueError, match=rule):
        train.train(folder, "assemblenet50", FlowClips(), clip_spec=TINY)
    assert not (tmp_path / "run").exists()


@pytest.mark.model
def test_the_cost_is_that_of_two_channels():
    for genotype in (GENOTYPE, tiny_genotype()):
        about = inference.Description(genotype, CLASSES, "single", TINY, channels=2)
        model = about.build()
        count = sum(int(np.prod(w.shape)) for w in model.trainable_weights)
        assert genotype.cost(3, about.shape).parameters == count


def test_what_is_told_of_a_training_is_of_its_own_channels(capsys):
    for channels in (2, 3):
        about = inference.Description(
            GENOTYPE, CLASSES, "single", TINY, channels=channels
        )
        summary.announce("net", about, ArrayClips(), training.Recipe())
        macs = GENOTYPE.cost(3, (2, 16, 16, channels)).macs
        assert f", {macs / 1e9:.3g} GMAC a clip" in capsys.readouterr().out
        assert summary._network(about)["multiply-accumulates a clip"] == f"{macs:,}"


def first_number(images):
    """In place of flow, which takes long to compute: by the first picture's grey."""
    grey = images[:-1].mean(axis=-1, keepdims=True) / 255
    return np.concatenate([grey, -grey], axis=-1)


@pytest.mark.model
@pytest.mark.usefixtures("quick")
def test_a_network_is_trained_on_prepared_flow(tmp_path, monkeypatch):
    for split, name in [(s, n) for s in ("train", "validation", "test") for n in "ab"]:
        path = tmp_path / "videos" / split / name / "0.mp4"
        write_video(path, frames=6 if name == "a" else 4, size=(16, 16), rate=4)
    out, folder = tmp_path / "flow", tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(flow, "between", first_number)
        prepare.main([str(tmp_path / "videos"), f"--out={out}", "--flow"])
    genotype = tmp_path / "best.json"
    genotype.write_text(GENOTYPE.to_json())
    recipe = training.Recipe(2, 2, 0.05)
    clips, spec = VideoShards(str(out)), ClipSpec(2, 4.0, 16, 16)
    train.train(str(folder), str(genotype), clips, recipe, spec, verbose=False)
    run = zoo.load(folder)
    assert (run.channels, run.model.input_shape) == (2, (None, 2, 16, 16, 2))
    scores = evaluate.evaluate(str(folder), clips, batch_size=2)
    assert scores["clips"] == 2
    # What the network said is fused with what another says.
    other = tmp_path / "other"
    evaluate.evaluate(str(folder), clips, batch_size=2, out=str(other))
    both = [str(folder / "evaluation-test"), str(other)]
    assert evaluate.evaluate(both, None)["top1"] == scores["top1"]
    # On videos it computes the flow itself.
    path = str(tmp_path / "videos/test/a/0.mp4")
    [(_, chances)] = predict.predict(run, [path])
    assert chances.shape == (2,)
    assert chances.sum() == pytest.approx(1, abs=1e-5)
