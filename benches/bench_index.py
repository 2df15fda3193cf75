"""How long the index of Kinetics-400 takes, to build and to read from its cache.

    python benches/bench_index.py [--videos=240000] [--folder=DIR]

Makes the annotation files of as many rows, of which one in forty is missing as usual,
and the others as empty files in flat folders; then builds the index, and reads it from
the cache in a fresh process. The imports are measured beside it.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

READ = """
import sys, time
import logging
logging.disable(logging.WARNING)
start = time.perf_counter()
from datasets.kinetics import OFFICIAL
imported, cpu = time.perf_counter(), time.process_time()
index = OFFICIAL.index(sys.argv[1], False, None)
done, cpu = time.perf_counter(), time.process_time() - cpu
count = len(index.splits["train"]) + len(index.splits["test"])
print(f"{count} {imported - start:.2f} {done - imported:.2f} {cpu:.2f}")
"""


def make(root, videos):
    """Writes the lists, and an empty file for each video but one in forty."""
    labels = [f"doing thing {n:03}" for n in range(400)]
    for part, count in (("train", videos - videos // 13), ("val", videos // 13)):
        folder = root / part
        folder.mkdir()
        with open(root / f"{part}.csv", "w") as rows:
            rows.write("label,youtube_id,time_start,time_end,split,is_cc\n")
            for number in range(count):
                youtube = f"{part[0]}{number:010}"
                rows.write(f"{labels[number % 400]},{youtube},7,17,{part},0\n")
                if number % 40:
                    (folder / f"{youtube}_000007_000017.mp4").touch()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--videos", type=int, default=240_000)
    parser.add_argument("--folder", help="to make the tree in")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        root = Path(folder)
        start = time.perf_counter()
        make(root, options.videos)
        print(f"made {options.videos} rows in {time.perf_counter() - start:.1f} s")
        for what in ("build", "read", "read"):
            command = [sys.executable, "-c", READ, folder]
            words = subprocess.check_output(command, text=True).split()
            count, imports, seconds, cpu = words
            told = f"{seconds} s ({cpu} s of one core) for {count} videos"
            print(f"{what}: {told}; imports {imports} s")
        size = (root / ".index/kinetics400.jsonl").stat().st_size
        print(f"cache: {size / 2**20:.1f} MiB")


if __name__ == "__main__":
    main()
