"""Clips a second of the input pipeline: by format, and beside decord, OpenCV and PyAV.

    pip install decord
    python benches/bench_pipeline.py [--rounds=5] [--seconds=20] [--clip=8x0.8x224 ...]
    python benches/bench_pipeline.py --memory [--format=files] [--clips=20000]

It writes videos of 250 frames of 320x240, H.264 with one key frame, and reads training
clips of them with the default settings, but that no video is held decoded, as where
there are more than memory holds; that is a row of its own. `datasets.prepare` makes the
other formats of the same videos.

The others read frames at the same places in as many threads, each with a decoder thread
of its own (decord: with its default), and give uint8 clips of the same size; they are
told which frames to read. OpenCV, of the extra `bench`, is there twice: it seeks each
frame, or decodes all up to the last one. "PyAV" decodes in order, too. A peer that is
not installed is left out.

Rounds are interleaved, for other work on the machine changes the rates: ratios within a
round count, and their median is shown. Beside much other work they say little, too: who
has more threads, as decord, gets more of the cores. The time on the CPU says more then.
A clip is FRAMESxRATExSIZE.

With --memory it reads clips of one format, and shows the resident memory each thousand:
it is flat if the mean of its last quarter is less than 2 % above that of the second.
20,000 clips of "files" take some 40 minutes on two cores, of "gop" a tenth of that.
"""

import argparse
import contextlib
import io
import logging
import os
import platform
import resource
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import av
import numpy as np
from pipeline_peers import PEERS, SHAPE, check_peers, is_there, measure_peer

from datasets import clips, prepare
from datasets.decode import Video
from datasets.folder import VideoFolder
from datasets.shards import VideoShards, read_meta
from zoo.genotypes.base import ClipSpec

LENGTH, RATE, BATCH = 250, 25, 8
# Options of `datasets.prepare`, by format.
PREPARED = {"shards": (), "gop": ("--gop=8",), "frames": ("--frames",)}
FORMATS = ("files", "held", *PREPARED)
ROWS = {
    "files": "H.264 files",
    "held": "the same, held decoded",
    "shards": "shards of the files",
    "gop": "shards, --gop=8",
    "frames": "shards, --frames (JPEG)",
    "decord": "decord, files",
    "opencv_seek": "OpenCV, files, seeking",
    "opencv_grab": "OpenCV, files, in order",
    "pyav": "PyAV, files, in order",
}
# What is held to be good: numerator, denominators (the fastest counts), at least.
GOALS = (
    ("files", ("decord",), 1.0),
    ("files", ("opencv_seek", "opencv_grab"), 0.95),
    ("files", ("pyav",), 0.9),
    ("frames", ("files",), 30.0),
)
FLAT, READINGS = 0.02, 20
BARS = "▁▂▃▄▅▆▇█"


def write(path: Path, seed: int) -> None:
    """Writes a video of moving waves and noise."""
    height, width = SHAPE
    rng = np.random.default_rng(seed)
    noise = rng.integers(0, 40, (LENGTH, height, width, 3), dtype="uint8")
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"crf": "23"})
        stream.height, stream.width, stream.gop_size = height, width, LENGTH
        y, x = np.mgrid[:height, :width]
        for number in range(LENGTH):
            wave = np.stack([x + 3 * number, y - 2 * number, x + y + number], axis=-1)
            image = (wave % 200).astype("uint8") + noise[number]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image)))
        container.mux(stream.encode(None))


def make_jobs(source: VideoFolder, spec: ClipSpec, seed: int) -> list[tuple]:
    """The path and the numbers of the frames of a clip of each training video."""
    rng, jobs = np.random.default_rng(seed), []
    for item in source.items("train"):
        with Video(item.path) as video:
            found = clips.sample(video.times, spec.frames, spec.rate, rng.uniform())
        jobs.append((item.path, sorted(set(found.tolist())), spec))
    return jobs


def measure_source(source, spec: ClipSpec, seconds: float, seed: int) -> tuple:
    """Clips a second of a clip source, and milliseconds of CPU for each."""
    batches = iter(source.batches(spec, "train", BATCH, seed))
    next(batches)  # To build the pipeline is no part of its rate.
    began, cpu, count, passed = time.perf_counter(), time.process_time(), 0, 0.0
    while passed < seconds:
        count += len(next(batches)[1])
        passed = time.perf_counter() - began
    return count / passed, 1000 * (time.process_time() - cpu) / count


def prepared(root: Path, out: Path, name: str) -> VideoShards:
    """Prepares a format of the files, and opens it."""
    command = [f"folder:{root}", f"--out={out / name}", *PREPARED[name]]
    with contextlib.redirect_stdout(io.StringIO()):
        prepare.main(command)
    return VideoShards(str(out / name), cache_bytes=0)


def make_source(root: Path, out: Path, name: str) -> tuple:
    """A clip source of a format, and MiB of each of its videos."""
    if name in PREPARED:
        source = prepared(root, out, name)
        shards = read_meta(str(out / name))["shards"]
        size, count = (sum(s[key] for s in shards) for key in ("bytes", "videos"))
        return source, size / count / 2**20
    files = [path.stat().st_size for path in root.rglob("*.mp4")]
    held = {} if name == "held" else {"cache_bytes": 0}
    return VideoFolder(str(root), **held), sum(files) / len(files) / 2**20


def fill(source: VideoFolder, spec: ClipSpec) -> None:
    """Reads each training video once."""
    for position in range(len(source.items("train"))):
        source.training_clip(spec, 0, position)


def compare(root: Path, out: Path, spec: ClipSpec, options) -> None:
    names = [name for name in options.rows if name in FORMATS]
    made = {name: make_source(root, out, name) for name in names}
    peers = [name for name in options.rows if name in PEERS and is_there(name)]
    source = VideoFolder(str(root))
    if "held" in made:
        fill(made["held"][0], spec)
    if peers:
        check_peers(peers, make_jobs(source, spec, 0)[0])
    rounds = []
    for number in range(options.rounds):
        rates = {
            name: measure_source(made[name][0], spec, options.seconds, number)
            for name in names
        }
        jobs = make_jobs(source, spec, number)
        for name in peers:
            how = (jobs, options.seconds, source.workers)
            rates[name] = measure_peer(PEERS[name][0], *how)
        rounds.append(rates)
        print(f"round {number + 1} of {options.rounds}", flush=True)
    show(spec, rounds, {name: size for name, (_, size) in made.items()})


def show(spec: ClipSpec, rounds: list[dict], sizes: dict[str, float]) -> None:
    """Prints the medians as a table, and what became of the goals."""
    first = next(iter(rounds[0]))
    print(f"\n{spec.frames} frames at {spec.rate:g} a second, {spec.height} pixels\n")
    print(f"| | clips/s | of {ROWS[first]} | CPU ms a clip | MiB a video |")
    print("|---|---|---|---|---|")
    for name in rounds[0]:
        rate, cpu = np.median([rates[name] for rates in rounds], axis=0)
        size = f"{sizes[name]:.2f}" if name in sizes else ""
        share = ratio(rounds, name, (first,))
        print(f"| {ROWS[name]} | {rate:.1f} | {share:.2f} | {cpu:.1f} | {size} |")
    for name, others, least in GOALS:
        others = [other for other in others if other in rounds[0]]
        if name in rounds[0] and others:
            found, cpu = (f(rounds, name, others) for f in (ratio, cpu_ratio))
            what = f"{'reached' if found >= least else 'missed'} (by CPU {cpu:.2f})"
            shown = " and ".join(others)
            print(f"{name} against {shown}: {found:.2f}, goal {least:g}, {what}")


def ratio(rounds: list[dict], name: str, others: list[str]) -> float:
    """Median of the rounds' ratios of a rate to the fastest of others."""
    fastest = [max(rates[other][0] for other in others) for rates in rounds]
    own = [rates[name][0] for rates in rounds]
    return float(np.median(np.divide(own, fastest)))


def cpu_ratio(rounds: list[dict], name: str, others: list[str]) -> float:
    """The same of the clips for a second of CPU, which other work changes less."""
    least = [min(rates[other][1] for other in others) for rates in rounds]
    own = [rates[name][1] for rates in rounds]
    return float(np.median(np.divide(least, own)))


def resident() -> float:
    """MiB of memory that the process holds, on Linux."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def memory(source, spec: ClipSpec, count: int) -> None:
    """Reads clips, and shows how the memory goes."""
    every = max(1, count // READINGS)
    batches, seen, sizes = source.batches(spec, "train", BATCH), 0, []
    for _, label in batches:
        seen += len(label)
        if seen >= every * (len(sizes) + 1):
            sizes.append(resident())
            print(f"{seen} clips: {sizes[-1]:.0f} MiB", flush=True)
        if seen >= count:
            break
    low, high = min(sizes), max(sizes)
    steps = [round(7 * (size - low) / max(high - low, 1e-9)) for size in sizes]
    line = "".join(BARS[step] for step in steps)
    print(f"{line}  from {low:.0f} to {high:.0f} MiB")
    quarters = [np.mean(part) for part in np.array_split(sizes, 4)]
    growth = quarters[3] / quarters[1] - 1
    what = "flat" if growth < FLAT else "growing"
    print(f"last quarter against the second: {growth:+.1%}, goal {FLAT:.0%}: {what}")


def clip_spec(text: str) -> ClipSpec:
    frames, rate, size = text.split("x")
    return ClipSpec(int(frames), float(rate), int(size), int(size))


def main():
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=20, help="of each row")
    parser.add_argument("--videos", type=int, default=8, help="to write")
    parser.add_argument("--rows", nargs="*", choices=ROWS, default=[*ROWS])
    spec = ClipSpec(8, 0.8, 224, 224)
    parser.add_argument("--clip", nargs="*", type=clip_spec, default=[spec])
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--format", choices=FORMATS, default="files")
    parser.add_argument("--clips", type=int, default=20_000, help="of --memory")
    options = parser.parse_args()
    logging.getLogger("datasets").setLevel(logging.ERROR)  # There are few videos.
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as folder:
        root, out = Path(folder, "videos"), Path(folder, "prepared")
        for seed in range(options.videos):
            write(root / f"train/class{seed % 2}/{seed}.mp4", seed)
        for spec in options.clip:
            if options.memory:
                source, _ = make_source(root, out, options.format)
                memory(source, spec, options.clips)
            else:
                compare(root, out, spec, options)


if __name__ == "__main__":
    main()
