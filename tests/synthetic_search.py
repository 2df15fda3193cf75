"""Writes the journal that a search would leave, without training anything."""

import heapq
import json
import math
import pathlib
import random

from search.difference import difference
from search.spaces.tiny_video import TinyVideoSpace
from zoo.genotypes.tiny_video import TinyVideoGenotype

START = 1.76e9  # Unix seconds.
SPACE = TinyVideoSpace(
    frames=(4, 16), sizes=(32, 128), blocks=(2, 5), repeats=(1, 3), filters=(16, 128)
)
ERRORS = (
    "ResourceExhaustedError: OOM when allocating tensor with shape[8,{n},56,56]",
    "ValueError: <script>document.title = 'hacked'</script> & <b>{n}</b>",
    "zoo.training.TrainingDiverged: the loss is nan at step {n}",
)
CONFIG = """\
# Repeats the run: python -m search.run --gin_file=runs/synthetic/config.gin
from __gin__ import dynamic_registration
from search import tournament
tournament.TournamentOracle.max_trials = 300
tournament.TournamentOracle.population_size = 40
"""


class SyntheticSearch:
    """A tournament among networks whose fitness is made up.

    Args:
        trials: How many end.
        seed: Of everything.
        workers: At once.
    """

    def __init__(self, trials: int = 300, seed: int = 0, workers: int = 3):
        self.rng = random.Random(seed)
        self.trials, self.workers = trials, workers
        self.events, self.population, self.proposed = [], [], {}

    def run(self) -> list[dict]:
        """The events, in their order."""
        identity = {"method": "TournamentOracle", "population_size": 40, "seed": 0}
        start = {"identity": identity, "initial": [], "space": []}
        self.add(START, "search", version=1, **start)
        running = [(START + i, f"worker{i}", None) for i in range(self.workers)]
        for index in range(self.trials + self.workers):
            now, worker, trial = heapq.heappop(running)
            if trial is not None:
                self.end(now, trial, worker)
            if index < self.trials:
                trial = self.propose(now, index, worker)
                seconds = self.rng.uniform(40, 90)
                heapq.heappush(running, (now + seconds, worker, trial))
        self.add(now, "stop", reason="all trials ended")
        return self.events

    def add(self, time: float, event: str, **fields) -> None:
        self.events.append({"event": event, "time": round(time, 3), **fields})

    def propose(self, now: float, index: int, worker: str) -> str:
        trial, parent, mutation = f"{index:04d}", None, ""
        genotype = SPACE.sample(self.rng)
        if len(self.population) >= min(40, self.trials // 4):
            draw = self.rng.choices(self.population, k=8)
            _, parent = max(draw)
            genotype = SPACE.mutate(self.proposed[parent], self.rng)
            mutation = difference(self.proposed[parent].to_json(), genotype.to_json())
        self.proposed[trial] = genotype
        values = {"nas/genotype": genotype.to_json(), "nas/seed": index}
        values |= {"nas/parent": parent, "nas/mutation": mutation, "nas/rungs": "[]"}
        values["learning_rate"] = round(10 ** self.rng.uniform(-3, -1), 5)
        ended = len(self.population)
        self.add(now, "propose", trial=trial, values=values, ended=ended)
        self.add(now, "issue", trial=trial, attempt=1, tuner=worker)
        if self.rng.random() < 0.02:
            self.add(now + 9, "lost", trial=trial, attempt=1, reason="lease expired")
            self.add(now + 9, "issue", trial=trial, attempt=2, tuner=worker)
        return trial

    def end(self, now: float, trial: str, worker: str) -> None:
        genotype = self.proposed[trial]
        cost = genotype.cost(10)
        latency = 2 + cost.macs / 4e7 * self.rng.uniform(0.9, 1.1)
        details = {
            "parameters": cost.parameters,
            "macs": cost.macs,
            "latency_ms": round(latency, 3),
            "seconds": round(self.rng.uniform(35, 85), 2),
            "worker": worker,
        }
        luck, fitness = self.rng.random(), None
        status = "completed" if luck > 0.05 else "stopped"
        if luck > 0.97:
            status, last = "failed", self.rng.choice(ERRORS)
            last = last.format(n=self.rng.randint(1, 99))
            trace = 'Traceback:\n  File "zoo/training.py", line 7, in fit\n'
            details |= {"error": trace + last, "latency_ms": None}
        elif latency > 60:
            status, details["violations"] = "over budget", {"latency_ms": latency / 60}
        else:
            fitness = round(self.fitness(genotype, cost.macs), 4)
            self.population = [*self.population[-39:], (fitness, trial)]
        self.add(
            now,
            "end",
            **{"trial": trial, "attempt": 1, "status": status},
            **{"fitness": fitness, "details": details},
        )

    def fitness(self, genotype: TinyVideoGenotype, macs: int) -> float:
        stream, blocks = genotype.streams[0], genotype.blocks
        quality = 0.4 * math.log(stream.frames) - 0.5 * abs(math.log(macs / 8e8))
        quality += 0.5 * sum(block.temporal is not None for block in blocks)
        quality += 0.3 * sum(block.squeeze_ratio > 0 for block in blocks)
        return 1 / (1 + math.exp(1.5 - 0.5 * quality - self.rng.gauss(0, 0.15)))


def write_journal(workdir: pathlib.Path, events: list[dict]) -> pathlib.Path:
    """Writes events to the journal of a folder."""
    lines = [json.dumps(event, separators=(",", ":")) + "\n" for event in events]
    path = pathlib.Path(workdir, "journal.jsonl")
    path.write_text("".join(lines), encoding="utf-8")
    return path


def write_search(workdir: pathlib.Path, trials: int = 300, seed: int = 0) -> list[dict]:
    """Writes a search's journal and config, and gives the events."""
    events = SyntheticSearch(trials, seed).run()
    write_journal(workdir, events)
    pathlib.Path(workdir, "config.gin").write_text(CONFIG, encoding="utf-8")
    return events
