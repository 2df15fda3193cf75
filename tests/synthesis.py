"""Videos made on the spot, for the tests."""

from fractions import Fraction

import av
import numpy as np
from av.video.reformatter import VideoReformatter


def picture(number, height=48, width=64):
    """A picture whose number can be read back from what an encoder leaves of it."""
    bits = [(number >> bit) & 1 for bit in range(8)]
    image = np.full((height, width, 3), 128, "uint8")
    image[:, :, 0] = np.linspace(0, 255, width, dtype="uint8")
    for place, bit in enumerate(bits):
        left = place * width // 8
        image[: height // 2, left : left + width // 8] = 235 * bit + 10
    return image


def number(image):
    """Reads the number of a picture."""
    height, width = image.shape[:2]
    row = image[height // 8 : 3 * height // 8].mean(axis=(0, 2))
    return sum(
        int(row[(2 * place + 1) * width // 16] > 128) << place for place in range(8)
    )


def write_video(
    path,
    frames=40,
    rate=20,
    codec="libx264",
    size=(48, 64),
    gop=250,
    stamps=None,
    options=None,
    rotation=None,
    container_options=None,
):
    """Writes a video of numbered pictures; `stamps` are milliseconds, if uneven."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", options=container_options or {}) as container:
        # Its lookahead reads past tiny pictures: the bytes would vary.
        known = {"mbtree": "0"} if codec == "libx264" else {}
        stream = container.add_stream(codec, rate=rate, options=known | (options or {}))
        stream.height, stream.width = size
        stream.pix_fmt = "rgb8" if codec == "gif" else "yuv420p"
        stream.gop_size = gop
        # With more threads the bytes are not the same each time.
        stream.codec_context.thread_count = 1
        if stamps is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        if rotation is not None:
            stream.set_display_rotation(rotation)
        scaler = VideoReformatter()
        for index in range(frames):
            frame = av.VideoFrame.from_ndarray(picture(index, *size), format="rgb24")
            frame = scaler.reformat(frame, format=stream.pix_fmt, threads=1)
            if stamps is not None:
                frame.pts, frame.time_base = stamps[index], Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def scramble(path, share=0.002, seed=0):
    """Overwrites random bytes between a tenth and a half of a file."""
    data = np.frombuffer(path.read_bytes(), "uint8").copy()
    rng = np.random.default_rng(seed)
    middle = np.arange(len(data) // 10, len(data) // 2)
    where = rng.choice(middle, max(1, int(share * len(middle))))
    data[where] = rng.integers(0, 256, len(where))
    path.write_bytes(data.tobytes())
    return path


def audio_only(path):
    """Writes a file with sound and no pictures."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(
            np.zeros((1, 1024), "float32"), "fltp", "mono"
        )
        frame.sample_rate = 8000
        container.mux([*stream.encode(frame), *stream.encode(None)])
    return path
