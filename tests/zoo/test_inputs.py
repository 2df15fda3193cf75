import dataclasses

import keras
import numpy as np
import pytest
from clip_sources import TINY, ArrayClips, tiny_network
from keras import layers
from synthesis import write_video

import zoo
from zoo import evaluate, inference, inputs, predict, train, training
from zoo.genotypes.assemblenet import AssembleNetGenotype, Node
from zoo.genotypes.found.assemblenet import block
from zoo.layers.objects import ObjectPool

RECIPE = training.Recipe(3, 2, 0.05)
GENOTYPE = AssembleNetGenotype(
    (Node("rgb", 4), Node("object", 5), block(4, (0, 1), 2, weights=(0.5, 0.5))),
    modules=(1,) * 4,
    attention="peer",
)


class ObjectClips(ArrayClips):
    """The same with a class of objects that is the class of the clip."""

    inputs = ("clip", "objects")

    def _batches(self, *arguments):
        for clip, label, *keys in super()._batches(*arguments):
            number = label if self.task == "single" else label.argmax(axis=-1)
            maps = np.zeros(clip.shape[:-1], "uint8") + number[:, None, None, None]
            yield {"clip": clip, "objects": maps.astype("uint8")}, label, *keys


def network(classes=3):
    """It sees objects alone, and knows the classes by them."""
    keras.utils.set_random_seed(0)
    clip = keras.Input(TINY.shape, name="clip")
    objects = keras.Input(TINY.shape[:3], dtype="uint8", name="objects")
    x = layers.GlobalAveragePooling3D()(ObjectPool(classes)(objects))
    x = layers.Concatenate()([x, 0 * layers.GlobalAveragePooling3D()(clip)])
    return keras.Model([clip, objects], layers.Dense(classes, name="head")(x))


def test_a_model_takes_what_it_reads():
    model, clip = network(), {"objects": 1, "clip": 2, "flow": 3}
    assert inputs.names(model) == ["clip", "objects"]
    assert inputs.picked(model, clip) == [2, 1]
    assert inputs.picked(tiny_network(), clip) == 2
    assert inputs.picked(tiny_network(), 5) == 5
    both = keras.Model(inputs.named(model), model.output)
    assert inputs.picked(both, clip) == {"clip": 2, "objects": 1}


MISSING = r"`clips` must give what .*, clip, objects \(`objects` of .* Got: clip$"


def test_a_source_must_give_what_the_network_reads():
    model = network()
    with pytest.raises(ValueError, match=MISSING):
        training.fit(model, ArrayClips(), TINY, RECIPE)
    with pytest.raises(ValueError, match=MISSING):
        training.evaluate(model, ArrayClips(), TINY, "validation", 2)
    inputs.check_source(tiny_network(), ObjectClips())


@pytest.mark.model
def test_a_source_without_objects_leaves_no_folder(tmp_path):
    path = tmp_path / "best.json"
    path.write_text(GENOTYPE.to_json())
    with pytest.raises(ValueError, match=MISSING):
        train.train(str(tmp_path / "run"), str(path), ArrayClips(), clip_spec=TINY)
    assert not (tmp_path / "run").exists()


@pytest.mark.model
@pytest.mark.parametrize("task", ["single", "multi"])
def test_training_learns_from_objects(task):
    model, clips = network(), ObjectClips(task)
    training.fit(model, clips, TINY, training.Recipe(150, 6, 0.5), verbose=False)
    scores = training.evaluate(model, clips, TINY, "validation", 2)
    assert scores[training.score_name(task)] == 1


@pytest.mark.model
def test_a_network_without_objects_takes_clips_with_them():
    found = []
    for clips in (ArrayClips(), ObjectClips()):
        model = tiny_network()
        training.fit(model, clips, TINY, RECIPE, verbose=False)
        found.append(training.evaluate(model, clips, TINY, "test", 2)["loss"])
    assert found[0] == pytest.approx(found[1], abs=1e-6)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Trained on videos with maps beside them."""
    root = tmp_path_factory.mktemp("objects")
    for split in ("train", "validation", "test"):
        for number, name in enumerate("ab"):
            place = f"{split}/{name}/1"
            write_video(root / "videos" / f"{place}.mp4", frames=8)
            path = root / "maps" / f"{place}.npz"
            path.parent.mkdir(parents=True)
            maps = np.full((4, 12, 16), number, "uint8")
            np.savez(path, maps=maps, times=np.arange(4) / 10)
    (root / "best.json").write_text(GENOTYPE.to_json())
    spec = dataclasses.replace(TINY, height=16, width=16)
    train.train(
        str(root / "run"),
        str(root / "best.json"),
        source(root),
        recipe=RECIPE,
        clip_spec=spec,
        verbose=False,
    )
    return zoo.load(root / "run")


def source(root, **options):
    from datasets.folder import VideoFolder

    options = {"objects": str(root / "maps"), **options}
    return VideoFolder(root / "videos", **options)


@pytest.mark.model
def test_a_trained_network_reads_clips_and_objects(run):
    clips = {
        "clip": np.random.default_rng(0).random((2, *TINY.shape)),
        "objects": np.zeros((2, *TINY.shape[:3]), "uint8"),
    }
    both = run.predict(clips)
    assert both.shape == (2, 2)
    first = {name: values[0] for name, values in clips.items()}
    np.testing.assert_allclose(run.predict(first), both[0], atol=1e-5)
    model = inference.compiled(run.model)
    np.testing.assert_allclose(model(clips), run.logits(clips), atol=1e-5)
    with pytest.raises(ValueError, match=r"`clip` must be a dict of \['clip', 'obj"):
        run.predict(clips["clip"])
    with pytest.raises(ValueError, match=r"`objects` must be of shape \(2, 16, 16\)"):
        run.predict({**clips, "objects": np.zeros((2, 2, 8, 16))})
    with pytest.raises(ValueError, match="arrays of the same batch"):
        run.predict({**clips, "objects": clips["objects"][:1]})


@pytest.mark.model
def test_it_is_evaluated_on_clips_with_objects_alone(run, capsys):
    root = run.workdir.parent
    scores = evaluate.evaluate(str(run.workdir), source(root))
    assert scores["clips"] == 2
    with pytest.raises(ValueError, match="`clips` must give what the network reads"):
        evaluate.evaluate(str(run.workdir), source(root, objects=None))
    with pytest.raises(ValueError, match="`model` must be one that reads a clip alone"):
        predict.main([f"--model={run.workdir}", str(root / "videos")])


@pytest.mark.model
def test_its_latency_is_measured(run):
    from zoo import cost

    assert cost.latency_ms(run.model, seconds=0, least=1) > 0
