import logging

import numpy as np
import pytest
from av.video.reformatter import VideoReformatter
from synthesis import number, write_video

from datasets import flow, prepare, sharding, sheet
from datasets.augment import Augmentation
from datasets.clips import View, read
from datasets.decode import BrokenVideoError, Video
from datasets.folder import VideoFolder
from datasets.shards import VideoShards
from datasets.transcode import Form
from zoo.genotypes import ClipSpec

SPEC = ClipSpec(frames=3, rate=20, height=48, width=64)


def numbered(images):
    """In place of a flow: the numbers of both pictures, as levels from 128 on."""
    numbers = np.array([number(image) for image in images]) / 127
    shape = (len(images) - 1, *images.shape[1:3])
    return np.stack(
        [np.broadcast_to(n[:, None, None], shape) for n in (numbers[:-1], numbers[1:])],
        axis=-1,
    )


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Two classes; video k has 5 + k frames."""
    root = tmp_path_factory.mktemp("videos")
    for name in "ab":
        for k in range(2):
            write_video(root / "train" / name / f"{k}.mp4", frames=5 + k)
    return root


@pytest.fixture(scope="module")
def shards(root, tmp_path_factory):
    out = tmp_path_factory.mktemp("flow")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flow, "between", numbered)
        patch.setattr(flow, "CHUNK_PIXELS", 2 * 48 * 64)  # So that pairs are parted.
        prepare.main([str(root), f"--out={out}", "--flow", "--workers=2"])
    return out


def test_levels_are_the_flow_within_a_half():
    exact = np.linspace(-1.5, 1.5, 1001)
    values = (flow.levels(exact).astype(float) - flow.STILL) / flow.LEVELS
    assert np.abs(values - np.clip(exact, -1, 1)).max() <= 0.5 / 127 + 1e-9
    assert flow.levels(np.array([0.0, -9, 9])).tolist() == [128, 1, 255]


def test_a_scaled_picture_moves_as_far_as_it_is_scaled():
    levels = np.full((10, 20, 2), 128 + 40, "uint8")
    levels[..., 1] = 128 - 40
    scaler = VideoReformatter()
    wide = flow.resized(levels, (5, 40), scaler)
    assert wide.shape == (5, 40, 2)
    assert (wide == [128 + 80, 128 - 20]).all()
    # Beyond 20 pixels is 20 pixels.
    assert (flow.resized(levels, (40, 80), scaler) == [255, 1]).all()
    assert flow.resized(levels, (10, 20), scaler) is levels


def test_scaled_levels_are_rounded_once():
    rng = np.random.default_rng(0)
    levels = rng.integers(1, 256, (2, 2, 2)).astype("uint8").repeat(8, 0).repeat(8, 1)
    halved = flow.resized(levels, (8, 8), VideoReformatter()).astype(float) - 128
    exact = (levels[::2, ::2].astype(float) - 128) / 2
    corners = np.s_[1::5, 1::5]  # Away from the edges, which are smooth.
    assert np.abs(halved - exact)[corners].max() <= 0.5 + 1e-6


def test_a_mirrored_clip_moves_the_other_way():
    levels = np.zeros((1, 1, 3, 2), "uint8")
    levels[..., 0], levels[..., 1] = [1, 128, 200], [9, 8, 7]
    turned = flow.turned(levels)
    assert turned[0, 0, :, 0].tolist() == [255, 128, 56]
    assert turned[0, 0, :, 1].tolist() == [9, 8, 7]


def test_each_frame_has_the_flow_to_the_next(shards):
    source = VideoShards(shards)
    assert (source.channels, source.inputs) == (2, ("flow",))
    with source._open("train/a/1.mp4") as video:
        assert video.stored_shape == (48, 64)
        assert len(video.times) == 6
        wanted = [5, 0, 0, 3, 4, 2, 1]  # In any order: no picture leaves a trace.
        found = [image.reshape(-1, 2).tolist() for image in video.frames(wanted)]
    for index, image in zip(wanted, found, strict=True):
        first = min(index, 4)  # The last one has that of the one before.
        assert image == [[128 + first, 129 + first]] * (48 * 64)


def test_a_part_of_a_picture_is_cropped_scaled_and_mirrored(shards):
    source = VideoShards(shards)
    spec = ClipSpec(2, 20, 24, 24)
    with source._open("train/a/0.mp4") as video:
        views = [View(mirrored=True), View()]
        clips = read(video, spec, np.array([2, 3]), views)
    assert clips.shape == (2, 2, 24, 24, 2)
    levels = clips[:, :, 0, 0].tolist()
    # Half as large: 2 and 3 are 1 and 1.5, 3 and 4 are 1.5 and 2; halves to even.
    assert levels == [[[127, 130], [126, 130]], [[129, 130], [130, 130]]]


def test_batches_are_what_the_layer_gives(root, shards):
    source = VideoShards(shards, flip=False, resize=(1.0, 1.0))
    spec = ClipSpec(5, 20, 48, 64)
    clip, label = next(iter(source.batches(spec, "train", 4, seed=1)))
    assert clip.shape == (4, 5, 48, 64, 2)
    numbers = np.round(127 * clip[:, :, 0, 0]).astype(int)
    np.testing.assert_allclose(
        clip,
        np.broadcast_to(numbers[:, :, None, None] / np.float32(127), clip.shape),
        atol=1e-6,
    )
    # Rows are the numbers of a frame and of the next.
    assert (numbers[..., 1] - numbers[..., 0] == 1).all()
    same = VideoFolder(root, flip=False, resize=(1.0, 1.0))
    frames, labels = next(iter(same.batches(spec, "train", 4, seed=1)))
    assert labels.tolist() == label.tolist()
    shown = [number(255 * frame) for frame in frames[:, 0]]
    assert numbers[:, 0, 0].tolist() == shown


def test_a_single_frame_does_not_move(tmp_path):
    path = write_video(tmp_path / "a.mp4", frames=1)
    times, (file,), shape = flow.flow_pngs(path, Form(flow=True, short_side=24))
    assert (times, shape) == ([0.0], (24, 32))
    stored = flow.StoredFlow("a", Files([file]), times, [(0, len(file))])
    assert (stored.frames([0])[0] == np.full((24, 32, 2), 128)).all()


class Files:
    def __init__(self, files):
        self.files = files

    def read(self, index, length, checksum=None):
        return self.files[index]


def test_what_does_not_decode_has_no_flow(tmp_path, monkeypatch):
    path = write_video(tmp_path / "a.mp4", frames=2)
    monkeypatch.setattr(Video, "_try", lambda self, packet: [])
    with pytest.raises(BrokenVideoError, match="no frame decodes"):
        flow.flow_pngs(path, Form(flow=True))


def test_the_size_of_shards_needs_no_flow(root, monkeypatch):
    monkeypatch.setattr(flow, "between", None)
    groups = sharding.list_records(VideoFolder(root), str(root))
    size = sharding._mean_size(groups, Form(flow=True))
    assert size == sharding._mean_size(groups, Form(frames=True)) > 1


@pytest.mark.parametrize("name", ["brightness", "hue", "rand_augment"])
def test_flow_has_no_colours(shards, name):
    value = 1 if name == "rand_augment" else 0.25
    rule = f"`{name}` must be 0 where clips are of flow, .* Got: {value}"
    with pytest.raises(ValueError, match=rule):
        VideoShards(shards, augmentation=Augmentation(**{name: value}))


def test_flow_comes_without_objects(shards):
    with pytest.raises(ValueError, match="`objects` must be left out where clips are"):
        VideoShards(shards, objects="maps")


def test_other_augmentation_is_of_flow_too(shards):
    how = Augmentation(aspect=(0.5, 2.0), area=(0.1, 1.0), erase=1.0, mixup=1.0)
    source = VideoShards(shards, augmentation=how)
    clips = np.concatenate([source.training_clip(SPEC, 0, k)[0] for k in range(2)])
    assert clips.shape == (2, *SPEC.shape[:3], 2)
    rng = np.random.default_rng(0)
    mixed, _ = how.mixed(rng, clips, np.eye(2, dtype="float32"))
    assert clips.min() <= mixed.min() < mixed.max() <= clips.max()
    source = VideoShards(shards, augmentation=Augmentation(erase=1.0), flip=False)
    clip, _, _ = source.training_clip(SPEC, 0, 0)
    erased = (clip == 128).all(axis=-1)
    assert erased.any()
    assert not erased.all()


def test_says_once_that_the_rate_is_another(shards, caplog):
    slow = ClipSpec(frames=2, rate=10, height=48, width=64)
    source = VideoShards(shards)
    with caplog.at_level(logging.WARNING):
        source.training_clip(ClipSpec(2, 19, 48, 64), 0, 0)
        source.training_clip(ClipSpec(2, 10, 48, 64, segments=2), 0, 0)
        assert not caplog.records
        for position in range(3):
            source.training_clip(slow, 0, position)
    assert len(caplog.records) == 1
    assert "is of 20 frames a second, clips are of 10: " in caplog.text


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"frames": True}, "`flow` must be left out with frames. Got: True"),
        ({"gop": 8}, "`gop` must be left out with flow. Got: 8"),
    ],
)
def test_says_in_a_line_what_form_makes_no_sense(settings, message):
    with pytest.raises(ValueError, match=message):
        Form(flow=True, **settings)


def test_flow_is_shown_in_colours(shards, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(sheet, "_draw", lambda path, clips, names: drawn.append(clips))
    sheet.sheet(VideoShards(shards), str(tmp_path / "a.png"), SPEC, rows=2)
    (clips,) = drawn
    assert clips.shape == (2, 3, 48, 64, 3)
    assert (clips[..., 2] == 0.5).all()
    assert 0.4 < clips.min() < clips.max() < 0.6


def moving(path):
    """Writes four frames of a pattern that moves by 2 pixels right and 1 down."""
    rows, columns = np.mgrid[0:32, 0:32] / 32 * 2 * np.pi
    picture = 0.5 + 0.25 * (np.sin(2 * rows) + np.cos(3 * columns))
    clip = [np.roll(picture, (k, 2 * k), (0, 1)) for k in range(4)]
    clip = np.repeat(np.array(clip)[..., None], 3, axis=-1)
    prepare.write_video(path, clip, 10)


@pytest.mark.model
def test_stored_flow_is_that_of_the_layer(tmp_path):
    from keras import ops

    from zoo.layers.flow import TVL1Flow

    for name in "ab":
        moving(tmp_path / "videos" / name / "0.mp4")
    out = tmp_path / "out"
    prepare.main([str(tmp_path / "videos"), f"--out={out}", "--flow"])
    spec = ClipSpec(frames=4, rate=10, height=32, width=32)
    (stored, label, keys), *_ = VideoShards(out).batches(spec, "validation", 2)
    folder = VideoFolder(tmp_path / "videos")
    (clip, labels, _), *_ = folder.batches(spec, "validation", 2)
    assert (label.tolist(), keys[0]) == (labels.tolist(), "a/0.mp4")
    online = ops.convert_to_numpy(TVL1Flow(bound=20)(clip))
    assert np.abs(stored - online).max() <= 0.5 / 127 + 1e-4
    middle = 20 * stored[0, :, 8:24, 8:24].mean(axis=(0, 1, 2))
    np.testing.assert_allclose(middle, [2, 1], atol=0.3)
