import numpy as np
import pytest

from datasets import shapes
from datasets.order import draws

STILL = {name: np.zeros(1) for name in ("angle", "colour")}


@pytest.mark.parametrize("count", [200, pytest.param(1000, marks=pytest.mark.model)])
@pytest.mark.parametrize("action", shapes.ACTIONS)
def test_one_frame_has_the_same_distribution_under_every_action(action, count):
    moment = np.array([1.37])
    poses = [shapes.pose(draws(0, 0, i), action, moment) for i in range(count)]
    size = np.log([p["radius"][0] / shapes.RADII[0] for p in poses])
    quantities = {
        "x": np.array([p["x"][0] % 1.5 / 1.5 for p in poses]),
        "y": np.array([p["y"][0] % 1 for p in poses]),
        "angle": np.array([p["angle"][0] / (2 * np.pi) % 1 for p in poses]),
        "size": size / np.log(shapes.RADII[1] / shapes.RADII[0]),
    }
    for name, values in quantities.items():
        distance = np.abs(np.sort(values) - np.arange(count) / count).max()
        # Kolmogorov-Smirnov: p is about 0.003.
        assert distance < 1.9 / np.sqrt(count), name


def test_actions_move_as_their_names_say():
    times = np.linspace(0, 0.2, 5)

    def change(action, name):
        return np.diff(shapes.pose(draws(0, 0, 4), action, times)[name])

    assert (change("move_left", "x") < 0).all()
    assert (change("move_right", "x") > 0).all()
    assert (change("move_up", "y") < 0).all()
    assert (change("move_down", "y") > 0).all()
    assert (change("turn_clockwise", "angle") > 0).all()
    assert (change("turn_anticlockwise", "angle") < 0).all()
    assert (change("grow", "radius") > 0).all()
    assert (change("shrink", "radius") < 0).all()
    assert (change("circle", "angle") == 0).all()


def test_a_positive_angle_turns_clockwise_on_the_screen():
    pose = {**STILL, "x": np.array([0.5]), "y": np.array([0.5])}
    pose |= {"radius": np.array([0.4]), "angle": np.array([np.pi / 2])}
    rows, columns, alpha = shapes.coverage(0, pose, 64, 64)
    image = np.zeros((64, 64))
    image[rows[0][:, None], columns[0]] = alpha[0]
    # The triangle's tip, up at angle 0, points right.
    assert image[32, 32 + 22] > 0.9
    assert image[32 - 22, 32] == 0


@pytest.mark.parametrize("shape", range(len(shapes.SHAPES)))
def test_no_shape_looks_alike_after_less_than_a_turn(shape):
    turns = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    pose = {"x": np.full(24, 0.5), "y": np.full(24, 0.5), "angle": turns}
    alpha = shapes.coverage(shape, pose | {"radius": np.full(24, 0.4)}, 64, 64)[2]
    changed = np.abs(alpha[1:] - alpha[0]).sum(axis=(1, 2)) / alpha[0].sum()
    assert changed.min() > 0.2


def test_what_leaves_on_one_side_comes_back_on_the_other():
    pose = {**STILL, "x": np.zeros(1), "y": np.zeros(1), "radius": np.array([0.3])}
    rows, columns, alpha = shapes.coverage(1, pose, 20, 30)
    assert set(rows[0]) >= {0, 19}
    assert set(columns[0]) >= {0, 29}
    area = alpha.sum() / 20**2
    corners = np.array(shapes.SHAPES["kite"][0]) * 0.3
    x, y = corners.T
    expected = 0.5 * abs((x * np.roll(y, -1) - y * np.roll(x, -1)).sum())
    assert area == pytest.approx(expected, rel=0.03)


def test_colours_stand_out_from_the_background():
    for index in range(50):
        rng = draws(0, 0, index)
        mean = shapes.background(rng, 8, 12).mean(axis=(0, 1))
        far = np.linalg.norm(shapes.contrasting(rng, mean) - mean, axis=-1)
        assert far.min() > 0.45
