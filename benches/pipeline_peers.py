"""How others read the clips that `bench_pipeline.py` measures.

Each reader takes the path of a video of `SHAPE`, the numbers of frames in rising order,
and the clip; it gives uint8 (frames, height, width, 3) of the picture's centre.
"""

import importlib.util
import itertools
import time
from concurrent.futures import ThreadPoolExecutor

import av
import numpy as np

from datasets import clips
from zoo.genotypes.base import ClipSpec

SHAPE = 240, 320


def by_decord(path: str, numbers: list[int], spec: ClipSpec) -> np.ndarray:
    import decord

    height, width = clips.cover(SHAPE, (spec.height, spec.width))
    video = decord.VideoReader(path, width=width, height=height)
    return cropped(video.get_batch(numbers).asnumpy(), spec)


def by_opencv_seek(path: str, numbers: list[int], spec: ClipSpec) -> np.ndarray:
    import cv2

    video, images = opened(path), []
    for number in numbers:
        video.set(cv2.CAP_PROP_POS_FRAMES, number)
        images.append(scaled(video.read()[1], spec))
    video.release()
    return cropped(np.stack(images), spec)


def by_opencv_grab(path: str, numbers: list[int], spec: ClipSpec) -> np.ndarray:
    video, images, wanted = opened(path), [], set(numbers)
    for number in range(max(numbers) + 1):
        video.grab()
        if number in wanted:
            images.append(scaled(video.retrieve()[1], spec))
    video.release()
    return cropped(np.stack(images), spec)


def by_pyav(path: str, numbers: list[int], spec: ClipSpec) -> np.ndarray:
    """Opens, decodes in order, converts what is wanted: no demuxing pass, no skips."""
    wanted, images = set(numbers), []
    height, width = clips.cover(SHAPE, (spec.height, spec.width))
    with av.open(path) as container:
        container.streams.video[0].thread_type = "NONE"
        container.streams.video[0].codec_context.thread_count = 1
        for number, frame in enumerate(container.decode(video=0)):
            if number in wanted:
                image = frame.reformat(width, height, "rgb24", threads=1)
                images.append(image.to_ndarray())
            if len(images) == len(wanted):
                break
    return cropped(np.stack(images), spec)


def opened(path: str):
    import cv2

    return cv2.VideoCapture(path, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])


def scaled(image: np.ndarray, spec: ClipSpec) -> np.ndarray:
    import cv2

    height, width = clips.cover(SHAPE, (spec.height, spec.width))
    return cv2.cvtColor(cv2.resize(image, (width, height)), cv2.COLOR_BGR2RGB)


def cropped(images: np.ndarray, spec: ClipSpec) -> np.ndarray:
    top = (images.shape[1] - spec.height) // 2
    left = (images.shape[2] - spec.width) // 2
    return images[:, top : top + spec.height, left : left + spec.width]


# Each peer, and the module it needs.
PEERS = {
    "decord": (by_decord, "decord"),
    "opencv_seek": (by_opencv_seek, "cv2"),
    "opencv_grab": (by_opencv_grab, "cv2"),
    "pyav": (by_pyav, "av"),
}


def is_there(name: str) -> bool:
    """Whether what a peer needs is installed; says so where it is not."""
    module = PEERS[name][1]
    found = importlib.util.find_spec(module) is not None
    if not found:
        print(f"{name}: left out, for {module} is not installed")
    return found


def check_peers(peers: list[str], job: tuple) -> None:
    """Ends the run where peers do not show the same frames."""
    shown = {name: PEERS[name][0](*job).astype("float32") for name in peers}
    for name, clip in shown.items():
        off = np.abs(clip - shown[peers[0]]).mean()
        if off > 8:  # Each scales in its own way.
            raise SystemExit(f"error: {name} shows other frames than {peers[0]}")


def measure_peer(read, jobs: list[tuple], seconds: float, threads: int) -> tuple:
    """Clips a second, and milliseconds of CPU for each."""
    began, cpu = time.perf_counter(), time.process_time()

    def work(first: int) -> tuple[int, float]:
        turn = itertools.islice(itertools.cycle(jobs), first, None, threads)
        for count, job in enumerate(turn, 1):
            read(*job)
            passed = time.perf_counter() - began
            if passed > seconds:
                return count, count / passed

    with ThreadPoolExecutor(threads) as pool:
        counts, rates = zip(*pool.map(work, range(threads)), strict=True)
    return sum(rates), 1000 * (time.process_time() - cpu) / sum(counts)
