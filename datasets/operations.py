"""What augmentation does to the pixels of a clip: pure functions, alike on all frames.

Clips are uint8 (frames, height, width, 3), or with a fourth channel of objects, which
moves with the picture but is never coloured; of 2 channels, flow, only `erase` makes
sense. Statistics are of the whole clip, so that no frame is changed in another way than
the next.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np

GREY = np.array([0.299, 0.587, 0.114])  # Of red, green and blue.
# To and from brightness and two differences of colours, around which hues turn.
YIQ = np.array([GREY, [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])
# What comes in from outside of the picture: grey, and no object.
OUTSIDE = np.array([128, 128, 128, 255], "uint8")
# Of RandAugment, at its largest magnitude.
DEGREES, SHEAR, SHIFT, STRENGTH, LOST_BITS = 30.0, 0.3, 0.45, 0.9, 4
# A name in `OPERATIONS`, and the parameters that follow the clip.
Operation = tuple[str | float, ...]


def apply(clip: np.ndarray, operations: Sequence[Operation]) -> np.ndarray:
    """Does operations to a clip, one after the other."""
    for name, *parameters in operations:
        clip = OPERATIONS[name](clip, *parameters)
    return clip


def look_up(clip: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Gives each colour the value that a table has for it.

    Args:
        clip: To change.
        table: uint8 (256,), or (3, 256) of red, green and blue.
    """
    result = clip.copy()
    for channel, column in enumerate(np.broadcast_to(table, (3, 256))):
        result[..., channel] = column[clip[..., channel]]
    return result


def blend_channels(clip: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Multiplies the colour of each pixel by a matrix (3, 3)."""
    result, matrix = clip.copy(), matrix.T.astype("float32")
    for frame, changed in zip(clip, result, strict=True):  # One fits a CPU's cache.
        changed[..., :3] = _bytes(frame[..., :3].astype("float32") @ matrix)
    return result


def warp(
    clip: np.ndarray, matrix: np.ndarray, shift: tuple[float, float] = (0.0, 0.0)
) -> np.ndarray:
    """Moves pixels; each takes the nearest one, and objects move alike.

    Args:
        clip: To change.
        matrix: From the (row, column) of a pixel, seen from the middle, to that of the
            one it shows.
        shift: Rows and columns that are added to it.
    """
    frames, height, width, channels = clip.shape
    middle = (np.array([height, width]) - 1) / 2
    places = np.indices((height, width)).reshape(2, -1).T - middle
    rows, columns = np.rint(places @ matrix.T + middle + shift).astype(int).T
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    source = np.where(inside, rows * width + columns, 0)
    result = clip.reshape(frames, -1, channels)[:, source]
    result[:, ~inside] = OUTSIDE[:channels]
    return result.reshape(clip.shape)


def brightness(clip: np.ndarray, factor: float) -> np.ndarray:
    """Multiplies all values."""
    return look_up(clip, _bytes(np.arange(256) * factor))


def contrast(clip: np.ndarray, factor: float) -> np.ndarray:
    """Multiplies how far values are from the mean grey of the clip."""
    mean = clip[..., :3].mean(axis=(0, 1, 2)) @ GREY
    return look_up(clip, _bytes(mean + factor * (np.arange(256) - mean)))


def saturation(clip: np.ndarray, factor: float) -> np.ndarray:
    """Multiplies how far colours are from the grey that is as bright."""
    return blend_channels(clip, factor * np.eye(3) + (1 - factor) * GREY)


def hue(clip: np.ndarray, turns: float) -> np.ndarray:
    """Turns colours around grey, at the same brightness: 1 is all around."""
    angle = 2 * math.pi * turns
    cosine, sine = math.cos(angle), math.sin(angle)
    turn = np.array([[1, 0, 0], [0, cosine, -sine], [0, sine, cosine]])
    return blend_channels(clip, np.linalg.inv(YIQ) @ turn @ YIQ)


def sharpness(clip: np.ndarray, factor: float) -> np.ndarray:
    """Multiplies how far pixels are from a smooth picture; its border stays."""
    result = clip.copy()
    for frame, changed in zip(clip, result, strict=True):
        image = frame[..., :3].astype("float32")
        rows = image[:-2] + image[1:-1] + image[2:]
        squares = rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]
        centre = image[1:-1, 1:-1]
        smooth = (squares + 4 * centre) / 13
        changed[1:-1, 1:-1, :3] = _bytes(smooth + factor * (centre - smooth))
    return result


def solarize(clip: np.ndarray, threshold: float) -> np.ndarray:
    """Inverts the values from a threshold on."""
    values = np.arange(256)
    return look_up(clip, _bytes(np.where(values < threshold, values, 255 - values)))


def posterize(clip: np.ndarray, bits: int) -> np.ndarray:
    """Keeps the highest bits of all values."""
    return look_up(clip, np.arange(256, dtype="uint8") & (256 - (1 << (8 - bits))))


def auto_contrast(clip: np.ndarray) -> np.ndarray:
    """Stretches the values of each colour to all from 0 to 255."""
    low = clip[..., :3].min(axis=(0, 1, 2))[:, None].astype(float)
    high = clip[..., :3].max(axis=(0, 1, 2))[:, None]
    span = np.where(high > low, high - low, 1)
    stretched = (np.arange(256) - low) * 255 / span
    return look_up(clip, _bytes(np.where(high > low, stretched, np.arange(256))))


def equalize(clip: np.ndarray) -> np.ndarray:
    """Spreads the values of each colour, so that all are as frequent."""
    return look_up(clip, np.stack([_equal(clip[..., c]) for c in range(3)]))


def rotate(clip: np.ndarray, degrees: float) -> np.ndarray:
    """Turns the picture around its middle, anticlockwise."""
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return warp(clip, np.array([[cosine, sine], [-sine, cosine]]))


def shear_x(clip: np.ndarray, slope: float) -> np.ndarray:
    """Moves rows to the left by how far they are below the middle, times a slope."""
    return warp(clip, np.array([[1, 0], [slope, 1]]))


def shear_y(clip: np.ndarray, slope: float) -> np.ndarray:
    """Moves columns up by how far they are right of the middle, times a slope."""
    return warp(clip, np.array([[1, slope], [0, 1]]))


def translate_x(clip: np.ndarray, share: float) -> np.ndarray:
    """Moves the picture to the left by a share of its width."""
    return warp(clip, np.eye(2), (0, share * clip.shape[2]))


def translate_y(clip: np.ndarray, share: float) -> np.ndarray:
    """Moves the picture up by a share of its height."""
    return warp(clip, np.eye(2), (share * clip.shape[1], 0))


def erase(
    clip: np.ndarray, area: float, ratio: float, y: float, x: float, seed: int
) -> np.ndarray:
    """Fills a rectangle with the same noise in all frames; objects stay.

    As https://arxiv.org/abs/1708.04896. In flow nothing moves there.

    Args:
        clip: To change.
        area: Share of the picture.
        ratio: Height of the rectangle for a width of 1, where the picture is a square.
        y: Where it lies: 0 at the top, 1 at the bottom.
        x: 0 at the left, 1 at the right.
        seed: Of the noise.
    """
    height = _part(math.sqrt(area * ratio), clip.shape[1])
    width = _part(math.sqrt(area / ratio), clip.shape[2])
    top, left = round(y * (clip.shape[1] - height)), round(x * (clip.shape[2] - width))
    noise = np.random.default_rng(seed).integers(256, size=(height, width, 3))
    result = clip.copy()
    moves = clip.shape[-1] == 2
    result[:, top : top + height, left : left + width, :3] = 128 if moves else noise
    return result


def rand_augment(
    rng: np.random.Generator, count: int, magnitude: float
) -> list[Operation]:
    """Draws operations as RandAugment does (https://arxiv.org/abs/1909.13719).

    Args:
        rng: Draws them; the same one may come twice.
        count: How many.
        magnitude: How strong, from 0 to 10.
    """
    level, drawn = magnitude / 10, []
    for _ in range(count):
        name = RAND_AUGMENT[rng.integers(len(RAND_AUGMENT))]
        sign = 1 - 2 * int(rng.integers(2))
        if name is not None:
            drawn.append((name, *_parameters(name, level, sign)))
    return drawn


def _parameters(name: str, level: float, sign: int) -> tuple[float, ...]:
    """Of an operation of RandAugment; level 0 leaves the clip as it is."""
    if name in ("auto_contrast", "equalize"):
        return ()
    if name == "solarize":
        return (256 * (1 - level),)
    if name == "posterize":
        return (8 - round(level * LOST_BITS),)
    most = {"rotate": DEGREES, "shear_x": SHEAR, "shear_y": SHEAR}
    most |= {"translate_x": SHIFT, "translate_y": SHIFT}
    return (
        (sign * level * most[name],) if name in most else (1 + sign * level * STRENGTH,)
    )


def _part(share: float, size: int) -> int:
    return min(size, max(1, round(share * size)))


def _bytes(values: np.ndarray) -> np.ndarray:
    return np.clip(values + 0.5, 0, 255.5).astype("uint8")


def _equal(values: np.ndarray) -> np.ndarray:
    """The table that makes the values of a channel as frequent as each other."""
    counts = np.bincount(values.ravel(), minlength=256)
    rest = values.size - counts[counts.nonzero()[0][-1]]
    if not rest:
        return np.arange(256, dtype="uint8")
    return _bytes((np.cumsum(counts) - counts) * 255 / rest)


OPERATIONS: dict[str, Callable[..., np.ndarray]] = {
    function.__name__: function
    for function in (
        *(brightness, contrast, saturation, hue, sharpness, solarize, posterize),
        *(auto_contrast, equalize, rotate, shear_x, shear_y, translate_x, translate_y),
        erase,
    )
}
# The 14 of the paper; None changes nothing.
RAND_AUGMENT = (None, *(n for n in OPERATIONS if n not in ("hue", "erase")))
