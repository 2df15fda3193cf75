"""What the clips of `moving_shapes` show: actions, shapes, colours, and their drawing.

NumPy only. Lengths are fractions of the frame's short side; the frame is a torus: what
leaves on one side comes back on the other.
"""

from collections.abc import Callable

import numpy as np

RADII = (0.13, 0.3)
Motion = Callable[[np.random.Generator, np.ndarray], dict[str, np.ndarray]]


def _move(heading: float) -> Motion:
    def motion(rng, times):
        angle = heading + rng.uniform(-0.3, 0.3)
        # Below half a frame a second: the direction is plain even at 1 frame a second.
        distance = rng.uniform(0.25, 0.45) * times
        return {"x": np.cos(angle) * distance, "y": np.sin(angle) * distance}

    return motion


def _turn(sign: int) -> Motion:
    return lambda rng, times: {"angle": sign * rng.uniform(1.8, 3.6) * times}


def _scale(sign: int) -> Motion:
    return lambda rng, times: {"size": sign * rng.uniform(0.4, 0.8) * times}


def _to_and_fro(distances: tuple[float, float], rates: tuple[float, float]) -> Motion:
    def motion(rng, times):
        angle = rng.uniform(0, 2 * np.pi)
        phase = rng.uniform() + rng.uniform(*rates) * times
        distance = rng.uniform(*distances) * np.abs(2 * (phase % 1) - 1)
        return {"x": np.cos(angle) * distance, "y": np.sin(angle) * distance}

    return motion


def _circle(rng: np.random.Generator, times: np.ndarray) -> dict[str, np.ndarray]:
    phase = rng.choice([-1, 1]) * rng.uniform(4.0, 7.0) * times
    phase = phase + rng.uniform(0, 2 * np.pi)
    radius = rng.uniform(0.15, 0.25)
    return {"x": radius * np.cos(phase), "y": radius * np.sin(phase)}


def _blink(rng: np.random.Generator, times: np.ndarray) -> dict[str, np.ndarray]:
    phase = rng.uniform() + rng.uniform(1.5, 2.5) * times
    return {"colour": np.floor(2 * phase) % 2}


# y points down, so a growing angle turns clockwise on the screen.
ACTIONS: dict[str, Motion] = {
    "move_left": _move(np.pi),
    "move_right": _move(0.0),
    "move_up": _move(-np.pi / 2),
    "move_down": _move(np.pi / 2),
    "turn_clockwise": _turn(1),
    "turn_anticlockwise": _turn(-1),
    "grow": _scale(1),
    "shrink": _scale(-1),
    "bounce": _to_and_fro((0.3, 0.45), (0.5, 0.8)),
    "circle": _circle,
    "shake": _to_and_fro((0.07, 0.1), (2.5, 4.0)),
    "blink": _blink,
}

# Unions of convex polygons, corners clockwise on the screen, within the unit circle.
# None looks the same after less than a whole turn, so turns can not alias.
SHAPES = {
    "triangle": [[(0, -1), (0.55, 0.8), (-0.55, 0.8)]],
    "kite": [[(0, -1), (0.6, -0.35), (0, 1), (-0.6, -0.35)]],
    "trapezoid": [[(-0.35, -0.7), (0.35, -0.7), (0.75, 0.65), (-0.75, 0.65)]],
    "arrow": [
        [(0, -1), (0.65, 0), (-0.65, 0)],
        [(-0.25, -0.1), (0.25, -0.1), (0.25, 0.95), (-0.25, 0.95)],
    ],
    "angle": [
        [(-0.6, -0.8), (-0.15, -0.8), (-0.15, 0.8), (-0.6, 0.8)],
        [(-0.6, 0.35), (0.6, 0.35), (0.6, 0.8), (-0.6, 0.8)],
    ],
    "flag": [
        [(-0.45, -0.85), (-0.15, -0.85), (-0.15, 0.85), (-0.45, 0.85)],
        [(-0.3, -0.85), (0.75, -0.45), (-0.3, 0.1)],
    ],
}


def half_planes(corners: list[tuple[float, float]]) -> np.ndarray:
    """Edges of a convex polygon as (normal x, normal y, distance from the centre)."""
    start = np.array(corners, "float32")
    along = np.roll(start, -1, axis=0) - start
    normal = np.stack([along[:, 1], -along[:, 0]], axis=-1)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    return np.concatenate([normal, (normal * start).sum(-1, keepdims=True)], axis=-1)


EDGES = [[half_planes(part) for part in parts] for parts in SHAPES.values()]


def pose(
    rng: np.random.Generator, action: str, times: np.ndarray
) -> dict[str, np.ndarray]:
    """Where a shape is, how turned, how large, and in which of its colours, over time.

    A motion is added to a start that is uniform in every quantity and wraps around, so
    one frame has the same distribution under every action: only time tells.
    """
    start = dict(zip(("x", "y", "angle", "size"), rng.uniform(size=4), strict=True))
    moved = ACTIONS[action](rng, times)
    still = np.zeros_like(times)
    size = (start["size"] + moved.get("size", still)) % 1
    return {
        # x and y start anywhere on a torus of any extent up to 100 short sides.
        "x": 100 * start["x"] + moved.get("x", still),
        "y": 100 * start["y"] + moved.get("y", still),
        "angle": 2 * np.pi * start["angle"] + moved.get("angle", still),
        "radius": RADII[0] * (RADII[1] / RADII[0]) ** size,
        "colour": moved.get("colour", still).astype(int),
    }


def coverage(
    shape: int, pose: dict[str, np.ndarray], height: int, width: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How much a shape covers of each pixel around it.

    Args:
        shape: Number of the shape.
        pose: Place, angle and radius in every frame.
        height: Of the frame.
        width: Of the frame.

    Returns:
        Rows (frames, y), columns (frames, x), and the share of those pixels that is
        covered, (frames, y, x) in [0, 1].
    """
    short = min(height, width)
    reach = pose["radius"].max() * short + 1
    rows, dy = _around(pose["y"] * short, reach, height)
    columns, dx = _around(pose["x"] * short, reach, width)
    cos, sin = np.cos(pose["angle"]), np.sin(pose["angle"])
    parts = []
    for edges in EDGES[shape]:
        far = []
        for x, y, distance in edges:
            along_x = (x * cos - y * sin)[:, None] * dx
            along_y = (x * sin + y * cos)[:, None] * dy
            along_y -= distance * short * pose["radius"][:, None]
            far.append((along_x[:, None], along_y[..., None]))
        parts.append(_extreme(np.maximum, far))
    outside = parts[0] if len(parts) == 1 else np.minimum(*parts)
    return rows, columns, np.clip(0.5 - outside, 0, 1, out=outside)


def _extreme(choose: np.ufunc, far: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    result = np.add(*far[0])
    for x, y in far[1:]:
        choose(result, x + y, out=result)
    return result


def _around(
    centre: np.ndarray, reach: float, length: int
) -> tuple[np.ndarray, np.ndarray]:
    """Pixels within reach of a centre, on a torus, and their distances from it."""
    count = min(length, int(np.ceil(2 * reach)) + 1)
    pixels = np.floor(centre - count / 2)[:, None] + np.arange(count)
    distances = (pixels + 0.5 - centre[:, None]).astype("float32")
    return pixels.astype(int) % length, distances


def background(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Draws a still background, (height, width, 3).

    Plain, smooth or chequered: a coarse grid of random colours, scaled up.
    """
    cells = rng.integers(1, 7)
    mean = rng.uniform(0.0, 0.2, (3, 1, 1))
    grid = mean + rng.uniform(-0.1, 0.1, (3, cells, cells))
    smooth = rng.uniform() < 0.5
    rows, columns = (_weights(cells, length, smooth) for length in (height, width))
    image = np.moveaxis(rows @ grid @ columns.T, 0, -1)
    return np.clip(image, 0, 1).astype("float32")


def _weights(cells: int, length: int, smooth: bool) -> np.ndarray:
    place = (np.arange(length) + 0.5) / length * cells - 0.5
    distance = np.abs(place[:, None] - np.arange(cells))
    if not smooth:
        return np.eye(cells)[distance.argmin(axis=-1)]
    weights = np.maximum(1 - distance, 0)
    return weights / weights.sum(axis=-1, keepdims=True)


def contrasting(rng: np.random.Generator, mean: np.ndarray) -> np.ndarray:
    """Two colours, (2, 3), drawn alike, each far brighter than `mean` in a channel."""
    colours = rng.uniform(size=(32, 3))
    near = (colours - mean).max(axis=-1) < 0.5
    return colours[np.argsort(near, kind="stable")[:2]].astype("float32")
