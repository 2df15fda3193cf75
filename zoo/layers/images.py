"""Operations on neighbours in images of (images, height, width, channels)."""

from keras import ops

ROWS, COLUMNS = 1, 2  # Axes of an image.
BLUR = (0.0545, 0.2442, 0.4026, 0.2442, 0.0545)  # A Gaussian of one pixel.
# Compared one after the other, these pairs of nine leave the median in the middle.
MEDIAN = (
    *((1, 2), (4, 5), (7, 8), (0, 1), (3, 4), (6, 7), (1, 2), (4, 5), (7, 8), (0, 3)),
    *((5, 8), (4, 7), (3, 6), (1, 4), (2, 5), (4, 7), (4, 2), (6, 4), (4, 2)),
)


def warp(images, flow):
    """Each pixel's value where the flow leads, bilinear, from the border if beyond.

    Args:
        images: (images, height, width, channels).
        flow: Pixels to the right and down, (images, height, width, 2).
    """
    _, height, width, channels = images.shape
    rows = ops.arange(height, dtype="float32")[:, None] + flow[..., 1]
    columns = ops.arange(width, dtype="float32") + flow[..., 0]
    rows, columns = ops.clip(rows, 0, height - 1), ops.clip(columns, 0, width - 1)
    top, left = ops.floor(rows), ops.floor(columns)
    down, right = (rows - top)[..., None], (columns - left)[..., None]
    top, left = ops.cast(top, "int32"), ops.cast(left, "int32")
    below = ops.minimum(top + 1, height - 1)
    beside = ops.minimum(left + 1, width - 1)
    count = ops.shape(images)[0]
    starts = ops.reshape(ops.arange(count, dtype="int32") * height, (-1, 1, 1))
    flat = ops.reshape(images, (-1, channels))

    def value(row, column):
        return ops.take(flat, (starts + row) * width + column, axis=0)

    upper = value(top, left) * (1 - right) + value(top, beside) * right
    lower = value(below, left) * (1 - right) + value(below, beside) * right
    return upper * (1 - down) + lower * down


def _padded(images, before: int, after: int, axis: int, mode: str = "constant"):
    widths = [(0, 0)] * 4
    widths[axis] = (before, after)
    return ops.pad(images, widths, mode)


def _part(images, start: int, length: int, axis: int):
    index = [slice(None)] * 4
    index[axis] = slice(start, start + length)
    return images[tuple(index)]


def forward(images, axis: int):
    """The next less each; 0 at the end."""
    length = images.shape[axis]
    return _part(_padded(images, 0, 1, axis, "symmetric"), 1, length, axis) - images


def backward(images, axis: int):
    """Each less the one before: divergence where the forward difference ends in 0."""
    return images - shifted(images, axis)


def shifted(images, axis: int):
    """Each one's predecessor, the first zero."""
    return _part(_padded(images, 1, 0, axis), 0, images.shape[axis], axis)


def ahead(images, kernel, axis: int):
    """Each and the next, weighted; beyond the end is zero."""
    following = _part(_padded(images, 0, 1, axis), 1, images.shape[axis], axis)
    return kernel[0] * images + kernel[1] * following


def around(images, kernel, axis: int):
    """The one before, each, and the next, weighted; beyond the ends is zero."""
    length, padded = images.shape[axis], _padded(images, 1, 1, axis)
    return sum(kernel[i] * _part(padded, i, length, axis) for i in range(3))


def slope(images):
    """Central differences along columns and rows, halves at the border."""
    slopes = []
    for axis in (COLUMNS, ROWS):
        length, padded = images.shape[axis], _padded(images, 1, 1, axis, "symmetric")
        after, before = (_part(padded, start, length, axis) for start in (2, 0))
        slopes.append((after - before) / 2)
    return ops.concatenate(slopes, axis=-1)


def halved(images):
    """Half the size, rounded up, after a blur."""
    for axis in (ROWS, COLUMNS):
        length = images.shape[axis]
        padded = _padded(images, 2, 2, axis, "symmetric")
        images = sum(w * _part(padded, i, length, axis) for i, w in enumerate(BLUR))
    height, width = images.shape[1:3]
    size = ((height + 1) // 2, (width + 1) // 2)
    return ops.image.resize(images, size, data_format="channels_last")


def enlarged(flow, height: int, width: int):
    """A flow of the size, in pixels of that size."""
    old_height, old_width = flow.shape[1:3]
    if (old_height, old_width) == (height, width):
        return flow
    flow = ops.image.resize(flow, (height, width), data_format="channels_last")
    return flow * ops.convert_to_tensor([width / old_width, height / old_height])


def median(images):
    """The median of each 3x3 square, with the border repeated."""
    height, width = images.shape[1:3]
    padded = _padded(
        _padded(images, 1, 1, ROWS, "symmetric"), 1, 1, COLUMNS, "symmetric"
    )
    values = [
        _part(_part(padded, row, height, ROWS), column, width, COLUMNS)
        for row in range(3)
        for column in range(3)
    ]
    for low, high in MEDIAN:
        pair = values[low], values[high]
        values[low], values[high] = ops.minimum(*pair), ops.maximum(*pair)
    return values[4]
