import keras
import numpy as np
import pytest
from helpers import check_layer, known_clip
from keras import ops

from zoo import inference
from zoo.layers.flow import RepresentationFlow, TVL1Flow


def smooth_clip(shape=(1, 3, 16, 16, 3)):
    places = np.meshgrid(*(np.arange(size) for size in shape), indexing="ij")
    b, t, h, w, c = places
    waves = np.sin(0.35 * w + 0.21 * h + 0.6 * t + 0.4 * c + 0.9 * b)
    return (0.5 + 0.5 * waves).astype("float32")


def moving(across: float, down: float, height=96, width=128):
    """Two frames of blurred noise, of which the second is the first moved."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[0:height, 0:width].astype("float64")
    image = np.zeros((2, height, width))
    for _ in range(60):
        fx, fy, phase = *rng.normal(0, 0.12, 2), rng.uniform(0, 2 * np.pi)
        for frame, (x, y) in enumerate([(0, 0), (across, down)]):
            image[frame] += np.sin(fx * (columns - x) + fy * (rows - y) + phase)
    image = (image - image.min()) / (image.max() - image.min())
    return np.repeat(image[None, ..., None], 3, axis=-1).astype("float32")


def run(layer, clip):
    """The layer's output, compiled, as operation by operation it would take long."""
    inputs = keras.Input(clip.shape[1:], batch_size=len(clip))
    return inference.compiled(keras.Model(inputs, layer(inputs)))(clip)


def error(flow, motion, border=20):
    inner = flow[0, 0, border:-border, border:-border]
    return np.sqrt(np.square(inner - np.array(motion)).sum(axis=-1)).mean()


@pytest.mark.model
@pytest.mark.parametrize(
    ("motion", "most"),
    [
        ((0.5, 0.0), 0.05),
        ((1.5, -0.75), 0.05),
        ((-3.0, 2.0), 0.05),
        ((6.0, -4.0), 0.1),
        ((12.0, 5.0), 0.1),
    ],
)
def test_tvl1_finds_how_an_image_moved(motion, most):
    assert error(run(TVL1Flow(bound=None), moving(*motion)), motion) < most


@pytest.mark.model
def test_tvl1_of_equal_frames_is_exactly_zero():
    clip = np.repeat(moving(0, 0)[:, :1], 3, axis=1)
    np.testing.assert_array_equal(run(TVL1Flow(), clip), np.zeros((1, 3, 96, 128, 2)))


SMALLEST = {"scales": 1, "warps": 1, "iterations": 2, "median": False}
SMALL = {"scales": 2, "warps": 2, "iterations": 4, "median": False}


def test_tvl1_of_a_clip_does_not_depend_on_its_neighbours():
    clip, other = known_clip((2, 2, 16, 24, 3)) + 1
    alone = run(TVL1Flow(**SMALLEST), clip[None])
    together = run(TVL1Flow(**SMALLEST), np.stack([clip, 3 * other]))
    # The iterations make much of a last digit, which may differ with the batch's size.
    np.testing.assert_allclose(together[:1], alone, atol=1e-3)


def test_tvl1_is_in_shares_of_its_bound():
    clip = moving(3, 0, 24, 32)
    pixels = run(TVL1Flow(bound=None, **SMALLEST), clip)
    assert np.abs(pixels).max() > 0.5
    shares = run(TVL1Flow(bound=0.5, **SMALLEST), clip)
    np.testing.assert_allclose(shares, np.clip(pixels / 0.5, -1, 1), atol=1e-5)


@pytest.mark.model
@pytest.mark.parametrize("differentiable", [False, True])
def test_tvl1_passes_gradients_only_if_asked(differentiable):
    inputs = keras.Input((2, 16, 16, 3))
    frames = keras.layers.Dense(3, use_bias=False, name="frames")(inputs)
    flow = TVL1Flow(bound=None, differentiable=differentiable, **SMALLEST)(frames)
    # The sum lets a gradient pass in any case.
    model = keras.Model(inputs, flow + ops.mean(1e-30 * frames))
    before = model.get_layer("frames").get_weights()[0]
    model.compile("sgd", loss=lambda _, y: 1e3 * ops.mean(ops.square(y - 3.0)))
    model.train_on_batch(moving(1, 0, 16, 16), np.zeros((1, 1)))
    after = model.get_layer("frames").get_weights()[0]
    assert (not np.array_equal(before, after)) == differentiable


def test_last_frame_has_the_flow_before():
    for layer in (TVL1Flow(**SMALLEST), RepresentationFlow(iterations=1)):
        flow = run(layer, smooth_clip())
        np.testing.assert_array_equal(flow[:, -1], flow[:, -2])
        assert np.abs(flow[:, 1] - flow[:, 0]).max() > 0


def test_representation_flow_equals_the_release():
    """Numbers of AssembleNet's Keras port, run under TensorFlow 2.15."""
    flow = run(RepresentationFlow(iterations=1), smooth_clip())
    first = [-0.23349582, -0.22875582, -0.02196234, -0.29244426, 0.00469269, -0.1031903]
    np.testing.assert_allclose(flow.ravel()[:6], first, atol=1e-6)
    assert flow.mean() == pytest.approx(-0.5450512851, abs=1e-6)
    assert flow.std() == pytest.approx(0.5321967235, abs=1e-6)
    assert np.abs(flow).max() == pytest.approx(1.5561473369, abs=1e-5)
    center = [-0.8169258832931519, -0.49663862586021423]
    np.testing.assert_allclose(flow[0, 0, 8, 8], center, atol=1e-6)
    row = [[0.69175136, -0.23234785], [-1.16064191, -0.70559561]]
    np.testing.assert_allclose(flow[0, 0, 8, :2], row, atol=1e-6)


@pytest.mark.model
def test_representation_flow_of_a_clip_depends_on_its_batch_if_told():
    pair = smooth_clip((2, 3, 16, 16, 3))
    brighter = np.concatenate([pair[:1], 5 * pair[1:]])
    alone = run(RepresentationFlow(1), pair[:1])
    np.testing.assert_allclose(run(RepresentationFlow(1), brighter)[:1], alone, 1e-4)
    mixed = run(RepresentationFlow(1, normalize="batch"), brighter)[:1]
    assert np.abs(mixed - alone).max() > 0.01


def test_representation_flow_of_a_constant_clip_is_zero():
    flow = run(RepresentationFlow(3), np.full((1, 3, 8, 8, 3), 0.4, "float32"))
    assert np.isfinite(flow).all()
    assert np.abs(flow[:, :, 1:-1, 1:-1]).max() == 0


@pytest.mark.model
@pytest.mark.parametrize(
    "layer",
    [TVL1Flow(**SMALL), RepresentationFlow(2), RepresentationFlow(2, learnable=True)],
)
def test_contract(layer):
    check_layer(layer, smooth_clip(), (1, 3, 16, 16, 2))


def test_representation_flow_has_17_weights():
    layer = RepresentationFlow(learnable=True)
    layer.build((None, 3, 16, 16, 3))
    assert sum(np.prod(w.shape) for w in layer.trainable_weights) == 17
    frozen = RepresentationFlow()
    frozen.build((None, 3, 16, 16, 3))
    assert not frozen.trainable_weights


@pytest.mark.parametrize(
    "arguments",
    [{"scales": 0}, {"warps": 0}, {"iterations": 0}, {"bound": 0.0}, {"theta": -1.0}],
)
def test_tvl1_rejects(arguments):
    with pytest.raises(ValueError, match=next(iter(arguments))):
        TVL1Flow(**arguments)


@pytest.mark.parametrize("arguments", [{"iterations": 0}, {"normalize": "mean"}])
def test_representation_flow_rejects(arguments):
    with pytest.raises(ValueError, match=next(iter(arguments))):
        RepresentationFlow(**arguments)


@pytest.mark.parametrize("shape", [(1, 1, 8, 8, 3), (1, 3, 8, 8, 2), (3, 8, 8, 3)])
def test_clips_of_one_frame_or_other_channels_are_refused(shape):
    with pytest.raises(ValueError, match="clip"):
        RepresentationFlow()(np.zeros(shape, "float32"))
