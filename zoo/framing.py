"""From frames of any size to a clip: within a network, and where one is called."""

from keras import ops


def clip_of(frames, height: int, width: int):
    """Scales frames until they just cover a clip, and crops its centre.

    As evaluations do, with the filter of Pillow and of `tf.image.resize(antialias=True,
    method="bilinear")`: a triangle as wide as the step from pixel to pixel. It is two
    products with matrices made of the frames' size, which every runtime has, where the
    size is known only when it runs. Frames of the clip's size stay as they are. What
    decodes videos (FFmpeg) rounds the scaled pixels to whole numbers and its filter is
    in whole numbers, too: clips differ by about 1 in 255 and, at edges, by a few.

    Args:
        frames: 0 to 255 of (frames, any height, any width, 3).
        height: Of the clip.
        width: Of the clip.

    Returns:
        float32 in [0, 1] of (frames, height, width, 3).
    """
    sizes = ops.cast(ops.stack(list(ops.shape(frames)[1:3])), "float32")
    wanted = ops.convert_to_tensor([height, width], "float32")
    # In this order a side that just covers comes out whole.
    covers = wanted[0] * sizes[1] >= wanted[1] * sizes[0]
    scaled = ops.where(
        covers,
        ops.stack([wanted[0], sizes[1] * wanted[0] / sizes[0]]),
        ops.stack([sizes[0] * wanted[1] / sizes[1], wanted[1]]),
    )
    scaled = ops.maximum(ops.round(scaled), wanted)
    rows = _weights(sizes[0], scaled[0], height)
    columns = _weights(sizes[1], scaled[1], width)
    clip = ops.cast(frames, "float32") / 255
    clip = ops.einsum("tywc,hy->thwc", clip, rows)
    clip = ops.einsum("thxc,wx->thwc", clip, columns)
    # What its size is now does not depend on the frames'.
    return ops.reshape(clip, (frames.shape[0], height, width, 3))


def _weights(length, scaled, size: int):
    """How much of each pixel is in each of the clip's, (size, length)."""
    step = length / scaled
    first = ops.round((scaled - size) / 2)
    centre = (ops.arange(size, dtype="float32") + first + 0.5) * step - 0.5
    pixels = ops.arange(0, length, dtype="float32")
    apart = ops.abs(pixels[None] - centre[:, None]) / ops.maximum(step, 1.0)
    weights = ops.relu(1 - apart)
    return weights / ops.sum(weights, axis=1, keepdims=True)
