import numpy as np
import pytest
from clip_sources import TINY, ArrayClips, tiny_network

from zoo import inference, metrics, outputs
from zoo.outputs import Saved, Views
from zoo.record import PREDICTIONS


@pytest.fixture(scope="module")
def predict():
    return inference.compiled(tiny_network())


@pytest.mark.parametrize("split", ["validation", "train"])
def test_predictions_cover_a_split_in_order(split, predict):
    clips = ArrayClips()
    keys, labels, logits = outputs.predictions(predict, clips, TINY, split, 2)
    size = clips.size(split)
    assert keys == (
        [] if split == "train" else [f"validation/{i}.mp4" for i in range(5)]
    )
    assert labels.tolist() == [i % 3 for i in range(size)]
    assert logits.shape == (size, 3)
    alone = clips.clip(TINY, split, 4)[0]
    np.testing.assert_allclose(logits[4], predict(alone[None])[0], atol=1e-5)


@pytest.mark.parametrize(
    ("patience", "verbose", "lines"), [(0, True, 2), (0, False, 0), (60, True, 0)]
)
def test_long_predictions_show_their_progress(
    patience, verbose, lines, capsys, monkeypatch
):
    monkeypatch.setattr(outputs, "PATIENCE", patience)
    say = lambda clip: np.zeros((len(clip), 3))  # noqa: E731
    clips = ArrayClips()
    outputs.predictions(say, clips, TINY, "validation", 2, verbose=verbose)
    shown = capsys.readouterr().err
    assert shown.count("\n") == lines
    assert ("validation batch 3/3" in shown) == (lines > 0)


def test_predictions_stop_at_a_limit(predict):
    _, labels, _ = outputs.predictions(predict, ArrayClips(), TINY, "validation", 2, 3)
    assert len(labels) == 4


@pytest.mark.parametrize(
    ("batch_size", "limit", "name"),
    [(0, None, "batch_size"), (2, 0, "limit"), (2, -1, "limit"), (2, 1.5, "limit")],
)
def test_numbers_that_make_no_sense_are_refused(batch_size, limit, name, predict):
    rule = f"`{name}` must be a whole number of at least 1"
    with pytest.raises(ValueError, match=rule):
        outputs.predictions(predict, ArrayClips(), TINY, "test", batch_size, limit)


def test_rows_of_one_key_are_told_apart():
    clip, label = np.zeros((3, 1)), np.array([0, 1, 2])
    parts = [(["x", "x", "y"], label, clip), (["y", "x", "x"], label[[2, 0, 1]], clip)]
    keys, labels, _ = outputs.aligned(parts)
    assert (keys, labels.tolist()) == (["x", "x", "y"], [0, 1, 2])
    parts[1] = (["y", "x", "x"], label, clip)
    with pytest.raises(ValueError, match="of the same labels for every clip spec"):
        outputs.aligned(parts)
    parts[1] = (["a", "b", "c"], label, clip)
    with pytest.raises(ValueError, match="with the same keys for every clip spec"):
        outputs.aligned(parts)


def test_labels_that_depend_on_the_clip_are_those_of_any():
    labels = np.array([[1, 0], [0, 0]]), np.array([[0, 1], [0, 0]])
    parts = [([], hot, np.zeros((2, 1))) for hot in labels]
    keys, joined, _ = outputs.aligned(parts)
    assert (keys, joined.tolist()) == ([], [[1, 1], [0, 0]])


class ViewedClips(ArrayClips):
    """Each view of a video shows its clip, brighter by the number of the view."""

    def views(self, spec, split, batch_size, clips, crops):
        self.asked.append((split, clips, crops))
        rows = [(i, v) for i in range(self.size(split)) for v in range(clips * crops)]
        for first in range(0, len(rows), batch_size):
            part = rows[first : first + batch_size]
            made = [self.clip(spec, split, i) for i, _ in part]
            brighter = [clip + v for (clip, _), (_, v) in zip(made, part, strict=True)]
            keys = np.array([f"{split}/{i}.mp4" for i, _ in part], dtype=object)
            yield np.stack(brighter), np.stack([label for _, label in made]), keys


def brightness(clip):
    """Logits that tell how bright a clip is, exactly for any batch."""
    mean = np.asarray(clip, "float64").reshape(len(clip), -1).mean(axis=1)
    return np.stack([np.zeros_like(mean), mean, -mean], axis=1)


@pytest.mark.parametrize("batch_size", [1, 4, 7, 24])
@pytest.mark.parametrize("join", ["mean", "max"])
def test_views_are_joined_by_their_probabilities(join, batch_size):
    clips = ViewedClips()
    said = outputs.predictions(
        brightness, clips, TINY, "test", batch_size, views=Views(2, 3, join)
    )
    keys, labels, logits = said
    assert clips.asked == [("test", 2, 3)]
    assert keys == [f"test/{i}.mp4" for i in range(4)]
    assert labels.tolist() == [0, 1, 2, 0]
    for i, row in enumerate(metrics.probabilities("single", logits)):
        clip = clips.clip(TINY, "test", i)[0]
        views = brightness(np.stack([clip + v for v in range(6)]))
        expected = getattr(metrics.probabilities("single", views), join)(axis=0)
        np.testing.assert_allclose(row, expected / expected.sum(), rtol=1e-5)


def test_of_many_labels_each_class_has_its_own_maximum():
    logits = np.array([[[2.0, -1.0], [-3.0, 4.0]]])
    joined = Views(2, 1, "max").joined("multi", logits)
    np.testing.assert_allclose(joined, [[2.0, 4.0]], rtol=1e-5)


def test_a_limit_leaves_no_video_with_a_part_of_its_views():
    clips = ViewedClips()
    keys, *_ = outputs.predictions(
        brightness, clips, TINY, "test", 4, limit=1, views=Views(3, 1)
    )
    assert keys == ["test/0.mp4"]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"clips": 0}, "`views` must be a whole number of at least 1. Got: 0"),
        ({"crops": 2}, r"`crops` must be one of \(1, 3, 5\). Got: 2"),
        ({"join": "sum"}, r"`join` must be one of \('mean', 'max'\). Got: 'sum'"),
    ],
)
def test_views_that_make_no_sense_are_refused(options, reason):
    with pytest.raises(ValueError, match=reason):
        Views(**options)


@pytest.mark.parametrize(
    ("clips", "split", "reason"),
    [
        (ArrayClips(), "test", "`views` must be 1, as these clips have no `views`"),
        (ViewedClips(), "train", "`split` must be validation or test"),
    ],
)
def test_what_has_no_views_is_refused(clips, split, reason):
    with pytest.raises(ValueError, match=reason):
        outputs.predictions(brightness, clips, TINY, split, 4, views=Views(2))


@pytest.mark.parametrize("task", ["single", "multi"])
def test_what_was_said_is_kept(task, tmp_path):
    labels = np.array([0, 2]) if task == "single" else np.eye(3)[[0, 2]]
    logits = np.array([[1, 2, 3], [4, 5, 6]], "float32")
    said = Saved(("a", "b", "ç"), task, "test", ["x#1.mp4", "y.mp4"], labels, logits)
    said.save(tmp_path)
    assert outputs.is_saved(tmp_path)
    read = outputs.load(tmp_path)
    for name in ("classes", "task", "split", "keys"):
        assert getattr(read, name) == getattr(said, name)
    np.testing.assert_array_equal(read.labels, labels)
    np.testing.assert_array_equal(read.logits, logits)


@pytest.mark.parametrize("cut", [0, 40, -30])
def test_a_broken_file_is_refused(cut, tmp_path):
    Saved(("a", "b"), "single", "test", ["x"], np.array([0]), np.eye(2)[:1]).save(
        tmp_path
    )
    path = tmp_path / PREDICTIONS
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(ValueError, match=r"must be written by zoo.evaluate\. Got: "):
        outputs.load(tmp_path)


def test_mixed_clips_are_not_scored():
    clips = ArrayClips()
    clips.soft_labels = True
    with pytest.raises(ValueError, match="`split` must be one whose clips are not mix"):
        outputs.predictions(brightness, clips, TINY, "train", 4)
