"""Is the input pipeline as fast as decoding alone?

Clips a second of `VideoFolder` against plain PyAV in two threads, which opens the same
videos, decodes up to the last frame that is wanted, and converts the wanted ones.

    python benches/bench_input.py [--clips=24] [--rounds=3]
"""

import argparse
import itertools
import os
import platform
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import av
import numpy as np

from datasets import clips
from datasets.decode import Video
from datasets.folder import VideoFolder
from zoo.genotypes.base import ClipSpec

SPECS = (ClipSpec(8, 3, 224, 224), ClipSpec(16, 12, 112, 112), ClipSpec(32, 25, 64, 64))


def write(path, seed, frames=250, height=240, width=320):
    rng = np.random.default_rng(seed)
    noise = rng.integers(0, 40, (frames + 99, height, width, 3), dtype="uint8")
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "23"})
        stream.height, stream.width, stream.gop_size = height, width, 250
        y, x = np.mgrid[:height, :width]
        for number in range(frames):
            wave = np.stack([x + 3 * number, y - 2 * number, x + y + number], axis=-1)
            image = (wave % 200).astype("uint8") + noise[number]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image)))
        container.mux(stream.encode(None))


def wanted(path, spec, draw):
    with Video(path) as video:
        return sorted(set(clips.sample(video.times, spec.frames, spec.rate, draw)))


def decode_plainly(job):
    """Opens, decodes in order, converts what is wanted: no demuxing pass, no skips."""
    path, numbers = job
    numbers, images = set(numbers), []
    with av.open(path) as container:
        container.streams.video[0].thread_type = "NONE"
        container.streams.video[0].codec_context.thread_count = 1
        for number, frame in enumerate(container.decode(video=0)):
            if number in numbers:
                image = frame.reformat(format="rgb24", threads=1)
                images.append(image.to_ndarray())
            if len(images) == len(numbers):
                return images
    return images


def decoding_rate(paths, spec, seed):
    rng = np.random.default_rng(seed)
    jobs = [(path, wanted(path, spec, rng.uniform())) for path in paths]
    with ThreadPoolExecutor(2) as pool:
        start = time.perf_counter()
        assert all(pool.map(decode_plainly, jobs))
        return len(jobs) / (time.perf_counter() - start)


def pipeline_rate(folder, spec, count, seed):
    batches = iter(folder.batches(spec, "train", 4, seed))
    next(batches)  # Building the pipeline is no part of its rate.
    start = time.perf_counter()
    for clip, _ in itertools.islice(batches, count // 4):
        assert clip.shape == (4, *spec.shape)
    return count // 4 * 4 / (time.perf_counter() - start)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as root:
        paths = [Path(root, "train", f"class{i % 2}", f"{i}.mp4") for i in range(8)]
        for seed, path in enumerate(paths):
            write(path, seed)
        folder = VideoFolder(root, workers=2, cache_bytes=0)
        for spec in SPECS:
            jobs = [str(path) for path in paths] * (arguments.clips // 8)
            measure(folder, jobs, spec, arguments.rounds)


def measure(folder, paths, spec, rounds):
    # Alternately, as other work on the machine would favour one of the two.
    rates = np.array(
        [
            (
                decoding_rate(paths, spec, seed),
                pipeline_rate(folder, spec, len(paths), seed),
            )
            for seed in range(rounds)
        ]
    )
    decoding, pipeline = np.median(rates, axis=0)
    ratio = np.median(rates[:, 1] / rates[:, 0])
    print(
        f"{spec}: decoding alone {decoding:.1f} clips/s, pipeline {pipeline:.1f} "
        f"clips/s, ratio {ratio:.2f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
