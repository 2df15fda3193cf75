"""Error and time of our TV-L1 flow, beside OpenCV contrib's on the same frames.

    python benches/bench_flow.py [--video=clip.mp4] [--rounds=3]

Needs the extra `bench` of the package, which `make bench` installs.

The second frame is the first, moved: of blurred noise, as exactly as can be computed,
and of a video's first frame, moved within a wider one. OpenCV reads grey frames of 256
values, ours floats. Its time is of `calc` with its defaults; ours of one pair in the
compiled layer. Calls are made in turn, and times are medians of one run.
"""

import argparse
import time

import cv2
import keras
import numpy as np

from zoo import inference
from zoo.layers.flow import TVL1Flow

SHIFTS = [(0.5, 0.0), (1.5, -0.75), (3.0, 2.0), (6.0, -4.0), (12.0, 5.0)]
HEIGHT, WIDTH, BORDER = 240, 320, 20


def noise(across: float, down: float) -> np.ndarray:
    """Two grey frames (2, height, width) in [0, 1] of waves in all directions."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH].astype("float64")
    frames = np.zeros((2, HEIGHT, WIDTH))
    for _ in range(200):
        fx, fy, phase = *rng.normal(0, 0.12, 2), rng.uniform(0, 2 * np.pi)
        for frame, (x, y) in enumerate([(0, 0), (across, down)]):
            frames[frame] += np.sin(fx * (columns - x) + fy * (rows - y) + phase)
    return (frames - frames.min()) / np.ptp(frames)


def natural(image: np.ndarray, across: float, down: float) -> np.ndarray:
    """Two grey frames of a wider image, by cubic interpolation."""
    wide = cv2.resize(image, (WIDTH + 40, HEIGHT + 40), interpolation=cv2.INTER_AREA)
    moved = np.float32([[1, 0, across], [0, 1, down]])
    second = cv2.warpAffine(wide, moved, wide.shape[::-1], flags=cv2.INTER_CUBIC)
    pair = np.stack([wide, second])[:, 20:-20, 20:-20]
    return np.clip(pair, 0, 1)


def first_frame(path: str) -> np.ndarray:
    """A video's first frame, grey in [0, 1]."""
    found, image = cv2.VideoCapture(path).read()
    if not found:
        raise SystemExit(f"error: `--video` must be a video. Got: {path!r}")
    return cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype("float32") / 255


def ours():
    clip = keras.Input((2, HEIGHT, WIDTH, 3))
    predict = inference.compiled(keras.Model(clip, TVL1Flow(bound=None)(clip)))

    def flow(pair: np.ndarray) -> np.ndarray:
        frames = np.repeat(pair[None, ..., None], 3, axis=-1).astype("float32")
        return np.asarray(predict(frames))[0, 0]

    return flow


def opencv():
    algorithm = cv2.optflow.DualTVL1OpticalFlow_create()

    def flow(pair: np.ndarray) -> np.ndarray:
        first, second = (255 * pair).round().astype("uint8")
        return algorithm.calc(first, second, None)

    return flow


def error(flow: np.ndarray, motion: tuple[float, float]) -> float:
    """Mean distance in pixels, without the border."""
    inner = flow[BORDER:-BORDER, BORDER:-BORDER]
    return float(np.linalg.norm(inner - np.array(motion), axis=-1).mean())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--video", help="natural frames, too")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    kinds = {"noise": noise}
    if arguments.video:
        image = first_frame(arguments.video)
        kinds["natural"] = lambda *motion: natural(image, *motion)
    methods = {"zoo": ours(), "OpenCV": opencv()}
    print(f"{HEIGHT}x{WIDTH}, error in pixels / seconds a pair")
    print("| frames | shift | zoo | OpenCV |\n|---|---|---|---|")
    for kind, make in kinds.items():
        for motion in SHIFTS:
            pair, cells = make(*motion), []
            times, flows = {name: [] for name in methods}, {}
            for _ in range(arguments.rounds):
                for name, method in methods.items():
                    start = time.perf_counter()
                    flows[name] = method(pair)
                    times[name].append(time.perf_counter() - start)
            for name, flow in flows.items():
                seconds = np.median(times[name])
                cells.append(f"{error(flow, motion):.3f} / {seconds:.2f}")
            print(f"| {kind} | {motion} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
