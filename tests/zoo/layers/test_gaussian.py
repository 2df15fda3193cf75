import helpers
import keras
import numpy as np
import pytest
from helpers import check_layer, fill, known_clip
from keras import ops

from zoo.layers.gaussian import InflatedTGM

CLIP = known_clip((2, 6, 7, 6, 3))


def filled(shape=CLIP.shape, **arguments):
    """A layer with known weights, in a model of its own."""
    known = {"filters": 5, "kernel_size": (3, 3, 3), "kernel_initializer": "zeros"}
    layer = InflatedTGM(**{**known, **arguments})
    clip = keras.Input(shape[1:])
    fill(keras.Model(clip, layer(clip)))
    return layer


def kernel_of(layer):
    return ops.convert_to_numpy(layer.inflated_kernel())


def test_the_gaussians_by_hand():
    layer = filled(gaussians=2)
    layer.centre.assign([0.0, np.arctanh(0.5)])
    layer.width.assign([np.log(2.0), np.log(0.5)])
    layer.mixture_logits.assign(np.log([[1, 3], [1, 1], [3, 1], [1, 4], [4, 1]]))
    first = np.exp([-1 / 4, 0, -1 / 4])  # Around 1, of variance 2.
    second = np.exp([-2.25, -0.25, -0.25])  # Around 1.5, of variance 1 / 2.
    bells = np.stack([first / first.sum(), second / second.sum()])
    np.testing.assert_allclose(layer.profiles(), bells, rtol=1e-5)
    shares = [[0.25, 0.75], [0.5, 0.5], [0.75, 0.25], [0.2, 0.8], [0.8, 0.2]]
    over_time = np.dot(shares, bells).T[:, None, None, None, :]
    kernel = ops.convert_to_numpy(layer.kernel) * over_time
    np.testing.assert_allclose(layer.inflated_kernel(), kernel, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("profile", ["gaussian", "cauchy"])
@pytest.mark.parametrize("time", [3, 11])
def test_the_sum_over_time_is_the_spatial_kernel(profile, time):
    layer = filled(kernel_size=(time, 2, 3), profile=profile)
    total = kernel_of(layer).sum(axis=0)
    np.testing.assert_allclose(total, layer.kernel, atol=2e-6)


# Of the released code, with weights and a clip of known numbers.
BELLS = [
    [0.13463281095027924, 0.39669057726860046, 0.46867603063583374],
    [0.21196140348911285, 0.4969104826450348, 0.29112765192985535],
    [0.1492210179567337, 0.4192967116832733, 0.4314817786216736],
    [0.13433411717414856, 0.36498787999153137, 0.5006774663925171],
]
KERNEL = {
    "mean": 0.017848089791512416,
    "std": 0.1236900204753851,
    "max": 0.25476139783859253,
    "first": [
        -0.08564386516809464,
        -0.023677010089159012,
        0.06715327501296997,
        -0.07601024210453033,
        -0.057039640843868256,
        0.05985235795378685,
    ],
}
OUTPUTS = {
    "mean": 0.01730813109118313,
    "std": 0.4414124329089787,
    "max": 1.6335523128509521,
    "first": [
        -0.20944641530513763,
        0.12300293892621994,
        0.31927210092544556,
        -0.19513091444969177,
        -0.12375291436910629,
        0.36093705892562866,
    ],
}


def assert_golden(values, golden):
    values = ops.convert_to_numpy(values)
    found = {
        "mean": values.mean(),
        "std": values.std(),
        "max": np.abs(values).max(),
        "first": values.ravel()[:6],
    }
    for name, expected in golden.items():
        np.testing.assert_allclose(found[name], expected, atol=1e-6, err_msg=name)


def test_the_released_form_has_the_released_numbers():
    clip = known_clip((1, 12, 6, 6, 2))
    layer = filled(clip.shape, filters=3, profile="cauchy")
    assert layer.mixture_logits.shape == (6, 4)
    np.testing.assert_allclose(layer.profiles(), BELLS, atol=1e-6)
    assert layer.inflated_kernel().shape == (3, 3, 3, 2, 3)
    assert_golden(layer.inflated_kernel(), KERNEL)
    outputs = layer(clip)
    assert outputs.shape == (1, 12, 6, 6, 3)
    assert_golden(outputs, OUTPUTS)


FORMS = [
    {},
    {"kernel_size": (5, 3, 2), "strides": (2, 1, 2)},
    {"kernel_size": (3, 1, 1), "strides": (2, 2, 3)},
    {"kernel_size": (3, 3, 3), "padding": "valid", "profile": "cauchy"},
    {"kernel_size": (1, 3, 3), "strides": (1, 2, 2)},
    {"kernel_size": (1, 3, 3), "strides": (2, 1, 1), "padding": "valid"},
    {"kernel_size": (1, 1, 1), "strides": (2, 2, 2)},
    {"kernel_size": (5, 3, 2), "strides": (1, 2, 3), "padding": "valid"},
    {"kernel_size": (7, 1, 1), "strides": (1, 2, 2)},
    {"kernel_size": (17, 3, 3)},
    {"kernel_size": (17, 3, 3), "profile": "cauchy"},
    *[{"kernel_size": (17, 2, 2), "strides": (stride, 1, 1)} for stride in (2, 5)],
]


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_it_folds_to_a_plain_convolution(form):
    layer = filled(**form)
    folded = layer.fold()
    assert type(folded) is keras.layers.Conv3D
    assert folded.built
    assert folded.name == layer.name
    assert folded.bias is None
    np.testing.assert_allclose(folded(CLIP), layer(CLIP), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("profile", "strides"), [("gaussian", 1), ("gaussian", 2), ("cauchy", 2)]
)
def test_a_single_frame_sees_the_middle_of_the_kernel(profile, strides):
    frame = CLIP[:, :1]
    form = {"kernel_size": (5, 3, 3), "strides": (strides, 1, 1)}
    layer = filled(frame.shape, **form, profile=profile)
    middle = kernel_of(layer)[2]
    expected = ops.conv(frame[:, 0], middle, padding="same")
    np.testing.assert_allclose(layer(frame)[:, 0], expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(layer.inflated_kernel(1), middle[None], atol=1e-7)


@pytest.mark.parametrize(
    ("form", "separates"),
    [
        ({}, True),
        ({"strides": (1, 2, 2)}, True),
        ({"padding": "valid"}, True),
        ({"strides": (2, 1, 1)}, False),
        ({"profile": "cauchy"}, False),
        ({"kernel_size": (1, 3, 3)}, False),
    ],
    ids=str,
)
def test_separates_where_no_work_is_lost(form, separates):
    layer = InflatedTGM(**{"filters": 5, "kernel_size": (3, 3, 3), **form})
    assert layer.separates is separates


def test_learns_as_the_folded_kernel_does(monkeypatch):
    weights = []
    for separates in (True, False):
        if not separates:
            monkeypatch.setattr(InflatedTGM, "separates", False)
        layer = filled(kernel_size=(17, 2, 3))
        model = keras.Sequential([keras.Input(CLIP.shape[1:]), layer])
        loss = lambda _, y: ops.sum(ops.square(y - 0.5))  # noqa: E731
        model.compile("sgd", loss=loss, run_eagerly=not helpers.COMPILED)
        before = layer.get_weights()
        model.train_on_batch(CLIP, CLIP[..., :1])
        pairs = zip(layer.get_weights(), before, strict=True)
        weights.append([new - old for new, old in pairs])
    for own, folded in zip(*weights, strict=True):
        np.testing.assert_allclose(own, folded, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("form", [FORMS[index] for index in (0, 1, 3, 4)], ids=str)
def test_contract(form):
    layer = InflatedTGM(5, **{"kernel_size": (3, 3, 3), **form})
    check_layer(layer, CLIP, layer.compute_output_shape(CLIP.shape))


@pytest.mark.parametrize(
    ("profile", "rows"), [("gaussian", 5), ("cauchy", 15)], ids=["gaussian", "cauchy"]
)
def test_parameters_do_not_grow_with_time(profile, rows):
    counts = {
        time: filled(kernel_size=(time, 3, 3), profile=profile).count_params()
        for time in (1, 3, 9)
    }
    kernel = 3 * 3 * 3 * 5
    assert counts == {1: kernel, 3: kernel + 8 + 4 * rows, 9: kernel + 8 + 4 * rows}


def test_one_frame_has_no_mixture():
    layer = filled(kernel_size=(1, 3, 3))
    assert [weight.name for weight in layer.weights] == ["kernel"]
    np.testing.assert_array_equal(kernel_of(layer)[0], layer.kernel)


def test_the_mixture_is_of_full_precision():
    whole = filled(profile="cauchy")
    half = InflatedTGM.from_config({**whole.get_config(), "dtype": "mixed_bfloat16"})
    half.build(CLIP.shape)
    half.set_weights(whole.get_weights())
    np.testing.assert_array_equal(kernel_of(half), kernel_of(whole))
    # Within a call, too, only the product is rounded, as the folded layer's is.
    outputs, folded = (ops.cast(f(CLIP), "float32") for f in (half, half.fold()))
    np.testing.assert_array_equal(outputs, folded)


def test_half_precision_is_near_the_whole():
    whole = filled()
    half = InflatedTGM.from_config({**whole.get_config(), "dtype": "mixed_bfloat16"})
    half.build(CLIP.shape)
    half.set_weights(whole.get_weights())
    outputs = ops.cast(half(CLIP), "float32")
    np.testing.assert_allclose(outputs, whole(CLIP), rtol=0.02, atol=0.02)


def test_starts_as_the_paper_and_its_code_do():
    keras.utils.set_random_seed(0)
    layer = InflatedTGM(60, (5, 3, 3), gaussians=400)
    layer.build((None, 4, 4, 4, 50))
    expected = {
        "kernel": np.sqrt(2 / (9 * 50)),
        "centre": 0.5,
        "width": 0.1,
        "mixture_logits": 0.88,  # Of a normal cut off at 2.
    }
    for name, deviation in expected.items():
        values = ops.convert_to_numpy(getattr(layer, name))
        assert values.std() == pytest.approx(deviation, rel=0.15), name
        assert abs(values.mean()) < 0.1 * deviation + 0.02, name


def test_costs_what_the_convolution_does():
    layer = filled(strides=(1, 2, 2))
    places = 6 * 4 * 3
    assert layer.cost((None, 6, 7, 6, 3)) == (places * 27 * 3 * 5, places * 5)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("filters", 0),
        ("kernel_size", (2, 3, 3)),
        ("kernel_size", (0, 3, 3)),
        ("kernel_size", (-1, 3, 3)),
        ("kernel_size", (3, 0, 3)),
        ("kernel_size", (3, 3)),
        ("kernel_size", 3),
        ("kernel_size", (3.0, 3, 3)),
        ("strides", (1, 0, 1)),
        ("strides", 2),
        ("gaussians", 0),
        ("gaussians", -2),
        ("profile", "laplace"),
        ("padding", "causal"),
    ],
)
def test_rejects(name, value):
    arguments = {"filters": 5, "kernel_size": (3, 3, 3), name: value}
    with pytest.raises(ValueError, match=f"^`{name}` must be .* Got: ") as error:
        InflatedTGM(**arguments)
    assert str(error.value).endswith(f"Got: {value!r}")


def test_rejects_what_it_can_not_fold():
    with pytest.raises(ValueError, match="built"):
        InflatedTGM(5, (3, 3, 3)).fold()


@pytest.mark.parametrize(
    "form", [{"profile": "cauchy"}, {"strides": (2, 1, 1)}], ids=str
)
def test_rejects_what_it_can_not_take_apart(form):
    with pytest.raises(ValueError, match="separates"):
        filled(**form).mixture()


def test_refuses_a_size_that_is_not_static():
    with pytest.raises(ValueError, match="static"):
        InflatedTGM(5, (3, 3, 3))(keras.Input((4, None, None, 3)))
