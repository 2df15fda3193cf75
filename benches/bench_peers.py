"""What a user would pick instead, beside the networks of the zoo, in one run.

    python benches/bench_peers.py [NAME ...] [--compile] \
        --peer_python movinet=/tmp/peers/tf/bin/python \
                      pytorchvideo=/tmp/peers/torch/bin/python

Peers are installed in environments of their own, as they need other versions:

    python -m venv /tmp/peers/tf
    /tmp/peers/tf/bin/pip install tf-models-official
    python -m venv /tmp/peers/torch
    /tmp/peers/torch/bin/pip install torch torchvision pytorchvideo

Each is a process that runs one clip when it is asked to, so that all take turns with
ours; weights are random. A peer is measured in the quickest of its forms. `--compile`
tries torch.compile, too. A peer that can not be measured has a line that says why.
"""

import argparse
import functools
import json
import os
import pathlib
import platform
import subprocess
import sys
import time
from dataclasses import dataclass, field

import keras
from search_results import provenance, table

import zoo
from zoo import cost
from zoo.genotypes.found.reported import REPORTED

FOLDER = pathlib.Path(__file__).parent
SCRIPTS = {"movinet": "peers_movinet.py", "pytorchvideo": "peers_pytorchvideo.py"}
OURS = ["tvn1", "tvn2", "tvn3", "tvn4", "tvn_mobile1", "resnet2plus1d_50"]
OURS += ["resnet2plus1d_101", "assemblenet50"]
NUM_CLASSES = 339  # Of Moments in Time, which most accuracies are of.
PAPERS = {
    "tvn": "1910.06961",
    "resnet2plus1d": "1910.06961",
    "assemblenet": "1905.13209",
}
TVN_RATIO = 101  # 3,750 ms of the (2+1)D ResNet-101 and 37 of TVN-1, in its table 1.
RATIO = "resnet2plus1d_101", "tvn1"
MOVINET = "github.com/tensorflow/models, official/projects/movinet/README.md"
PYTORCHVIDEO = "github.com/facebookresearch/pytorchvideo, docs/source/model_zoo.md"
SLOWFAST = "github.com/facebookresearch/SlowFast, MODEL_ZOO.md"
K400, K600 = "Kinetics-400", "Kinetics-600"
MAIN, LITERT = "framework", "litert"
THREADS = os.cpu_count()  # Of each; TensorFlow takes as many by itself.


@dataclass(frozen=True)
class Peer:
    """A network of others.

    Args:
        family: Whose environment it needs, of `SCRIPTS`.
        clip: Frames, height and width.
        accuracy: Top-1 in percent, and of what; "" is none known.
        source: Of the accuracy.
    """

    family: str
    clip: tuple[int, int, int]
    accuracy: str = ""
    source: str = ""


VIDEO, SMALL = (50, 172, 172), (4, 160, 160)
PEERS = {
    "movinet_a0_base": Peer("movinet", VIDEO, f"72.28 {K600}, 1 view", MOVINET),
    "movinet_a0_2plus1d": Peer("movinet", VIDEO),
    "movinet_a0_stream": Peer("movinet", VIDEO, f"72.05 {K600}, 1 view", MOVINET),
    "movinet_a1_base": Peer("movinet", VIDEO, f"76.69 {K600}, 1 view", MOVINET),
    "movinet_a1_2plus1d": Peer("movinet", VIDEO),
    "movinet_a1_stream": Peer("movinet", VIDEO, f"76.45 {K600}, 1 view", MOVINET),
    "x3d_xs": Peer("pytorchvideo", SMALL, f"68.7 {K400}, 10 views", SLOWFAST),
    "x3d_xs@182": Peer(
        "pytorchvideo", (4, 182, 182), f"69.12 {K400}, 30 views", PYTORCHVIDEO
    ),
    "x3d_s": Peer("pytorchvideo", (13, 160, 160), f"73.1 {K400}, 10 views", SLOWFAST),
    "x3d_s@182": Peer(
        "pytorchvideo", (13, 182, 182), f"73.33 {K400}, 30 views", PYTORCHVIDEO
    ),
    "r2plus1d_r50": Peer(
        "pytorchvideo", (16, 256, 256), f"76.01 {K400}, 30 views", PYTORCHVIDEO
    ),
    "slowfast_r50": Peer(
        "pytorchvideo", (32, 256, 256), f"76.94 {K400}, 30 views", PYTORCHVIDEO
    ),
}


@dataclass
class Row:
    """What is known of a network; `runtimes` are those that it is measured with."""

    name: str
    clip: tuple[int, ...]
    parameters: int
    macs: int
    accuracy: str
    source: str
    runtimes: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


class Process:
    """A peer's environment at work."""

    def __init__(self, python: str, script: str, options: list[str]):
        command = [python, str(FOLDER / script), *options]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        try:
            self.process = subprocess.Popen(command, **pipes)
        except OSError as error:
            sys.exit(f"error: `peer_python` must be a Python. Got: {error}")

    def ask(self, **question) -> dict:
        """What it answers.

        Raises:
            RuntimeError: It can not do what it is asked, or has ended.
        """
        print(json.dumps(question), file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"its process ended with {self.process.wait()}")
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer

    def end(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def prepare_peer(name: str, process: Process, threads: int) -> tuple[Row, dict]:
    """Its row, and its calls by runtime."""
    peer = PEERS[name]
    answer = process.ask(do="prepare", name=name, clip=peer.clip, threads=threads)
    counted = answer["parameters"], answer["macs"]
    row = Row(name, peer.clip, *counted, peer.accuracy, peer.source)
    calls = {}
    for runtime, found in answer["forms"].items():
        column = LITERT if runtime == LITERT else MAIN
        row.runtimes[column] = f"{runtime}, {found['form']}"
        row.notes.append(f"{name}, tried with {runtime}: {shown(found['tried'])}")
        run = {"do": "run", "name": name, "runtime": runtime}
        calls[column] = functools.partial(process.ask, **run)
    for runtime, why in answer["failures"].items():
        row.notes.append(f"{name} does not run with {runtime}: {why}")
    return row, calls


def shown(tried: dict[str, float | str]) -> str:
    """Milliseconds, or an error, of each form."""
    cells = [
        f"{form} {f'{took:.1f} ms' if isinstance(took, float) else f'({took})'}"
        for form, took in tried.items()
    ]
    return "; ".join(cells)


def prepare_ours(name: str, threads: int) -> tuple[Row, dict]:
    """Its row, and its calls by runtime."""
    model = zoo.create(name, num_classes=NUM_CLASSES)
    counted = cost.count(model)
    known = REPORTED.get(name)
    accuracy = f"{known[0]} {known[1]}" if known else ""
    papers = (paper for start, paper in PAPERS.items() if name.startswith(start))
    paper = next(papers, "")
    clip = tuple(model.inputs[0].shape[1:4])
    row = Row(name, clip, counted.parameters, counted.macs, accuracy, "")
    row.source = f"arxiv.org/abs/{paper}" if known and paper else ""
    calls = {}
    for column, runtime in ((MAIN, keras.backend.backend()), (LITERT, LITERT)):
        own = threads if runtime == LITERT else None
        try:
            calls[column] = cost.prepared(model, 1, runtime, own)
            row.runtimes[column] = f"zoo, {runtime}"
        except ValueError as error:
            row.notes.append(f"{name} does not run with {runtime}: {error}")
    return row, calls


def prepare(given, processes: dict[str, Process]) -> tuple[list[Row], dict, list[str]]:
    """Rows, calls by name and column, and what is left out."""
    rows, calls, left_out = [], {}, []
    for name in given.names:
        print(f"preparing {name}", file=sys.stderr, flush=True)
        try:
            if name in PEERS:
                family = PEERS[name].family
                if family not in processes:
                    raise RuntimeError(f"--peer_python {family}=... was not given")
                row, own = prepare_peer(name, processes[family], THREADS)
            else:
                row, own = prepare_ours(name, THREADS)
        except (RuntimeError, OSError) as error:
            left_out.append(f"{name} is left out: {error}")
            continue
        rows.append(row)
        calls |= {(name, column): call for column, call in own.items()}
    return rows, calls, left_out


def cells(row: Row, found: dict) -> list[str]:
    clip = "x".join(map(str, row.clip))
    line = [row.name, clip, f"{row.parameters:,}", f"{row.macs / 1e9:.2f}"]
    for column in (MAIN, LITERT):
        latency = found.get((row.name, column))
        if latency is None:
            line += ["", ""]
            continue
        rate = row.macs / 1e6 / latency.median
        spread = f"({latency.lower:.1f} to {latency.upper:.1f})"
        line += [f"{latency.median:.1f} {spread}", f"{rate:.1f}"]
    line.insert(4, row.runtimes.get(MAIN, ""))
    return [*line, row.accuracy, row.source]


def verdicts(rows: list[Row], found: dict) -> list[str]:
    """Who is quickest, and the ratio that the paper has, in each column."""
    lines = []
    for column in (MAIN, LITERT):
        medians = {n: x.median for (n, c), x in found.items() if c == column}
        if not medians:
            continue
        order = sorted(medians, key=medians.get)
        quick = ", ".join(f"{name} {medians[name]:.1f} ms" for name in order[:4])
        lines.append(f"Quickest for a clip ({column}): {quick}.")
        large, small = (medians.get(name) for name in RATIO)
        if large and small:
            ratio = f"{RATIO[0]} takes {large / small:.1f} times as long as {RATIO[1]}"
            lines.append(f"{ratio} ({column}); in the paper it is {TVN_RATIO}.")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", default=[*OURS, *PEERS])
    parser.add_argument("--peer_python", nargs="*", default=[])
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--least", type=int, default=7)
    given = parser.parse_args()
    options = ["--compile"] * given.compile
    processes = {}
    for pair in given.peer_python:
        family, _, python = pair.partition("=")
        processes[family] = Process(python, SCRIPTS[family], options)
    print("\n".join([*provenance(), f"{platform.platform()}, {time.ctime()}", ""]))
    rows, calls, left_out = prepare(given, processes)
    waits = {
        ("", family): lambda p=p: p.ask(do="wait")
        for family, p in processes.items()
        if p.process.poll() is None
    }
    found = cost.measure(calls | waits, given.seconds, given.least)
    head = ["network", "clip", "parameters", "GMAC", "with", "ms (quartiles)", "GMAC/s"]
    head += ["LiteRT ms (quartiles)", "GMAC/s", "published top-1", "source"]
    print("\n".join(table(head, [cells(row, found) for row in rows])) + "\n")
    notes = [*verdicts(rows, found), *left_out, *(n for row in rows for n in row.notes)]
    for _, family in waits:
        asked = found.pop(("", family)).median
        notes.append(f"To ask the process of {family} takes {asked:.2f} ms.")
    print("\n".join(f"- {note}" for note in notes), flush=True)
    for process in processes.values():
        process.end()


if __name__ == "__main__":
    main()
