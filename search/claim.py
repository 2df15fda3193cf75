"""What the folder of a search is bound to: what is searched, and facts of a machine."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

from search.budget import Budget, machine_memory
from search.history import last_line
from search.oracle import EvolutionOracle
from search.proxy import ProxyTraining
from zoo import cost
from zoo.files import write_json
from zoo.genotypes.base import shortened
from zoo.record import SEARCH
from zoo.training import Recipe

RATE = (
    "from zoo.command import quiet; quiet(); "
    "from zoo import cost; print(cost.matmul_rate())"
)


def claim(
    folder: Path,
    oracle: EvolutionOracle,
    about: dict[str, object],
    recipe: Recipe,
    workers: int = 1,
    apart: bool = False,
) -> None:
    """Makes a folder this search's, and fixes what depends on the machine.

    That is measured once in a search: measured again it would differ, and with it what
    the search proposes.

    Args:
        folder: Of the search, made where it is missing.
        oracle: Its budget becomes that of the machine.
        about: What makes two searches the same, beside what the oracle tells.
        recipe: Of the proxy training.
        workers: Processes that share the memory of this machine.
        apart: Whether to measure in a process of its own, as this one would keep a GPU
            that others need.

    Raises:
        ValueError: The folder is another search's.
    """
    known = _read(folder)
    facts = dict(known.get("machine", {}))
    facts.setdefault("memory", machine_memory() // workers)
    wanted = oracle.budget.latency_ms and not oracle.budget.macs_per_second
    wanted = wanted and not oracle.budget.measure  # Another device may be faster.
    if wanted and not facts.get("macs_per_second"):
        facts["macs_per_second"] = _rate_apart() if apart else cost.matmul_rate()
    identity = _settle(folder, oracle, about, recipe, known, facts)
    budget = oracle.budget
    facts = {"memory": budget.memory, "macs_per_second": budget.macs_per_second}
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / SEARCH, {"search": identity, "machine": facts})


def claim_alone(folder: Path, identity: dict[str, object]) -> None:
    """Makes a folder that of a search without an oracle.

    Args:
        folder: Of the search, made where it is missing.
        identity: What makes two searches the same.

    Raises:
        ValueError: The folder is another search's.
    """
    known = _read(folder)
    _refuse_other(folder, known, identity)
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / SEARCH, {"search": identity, "machine": {}})


def recall(
    folder: Path, oracle: EvolutionOracle, about: dict[str, object], recipe: Recipe
) -> None:
    """Gives an oracle the budget of a folder's search, and neither measures nor writes.

    Args:
        folder: Of the search.
        oracle: Its budget becomes the search's.
        about: What makes two searches the same, beside what the oracle tells.
        recipe: Of the proxy training.

    Raises:
        ValueError: The folder is another search's.
    """
    known = _read(folder)
    _settle(folder, oracle, about, recipe, known, known.get("machine", {}))


def adopt(oracle: EvolutionOracle, recipe: Recipe, workers: int = 1) -> None:
    """A worker judges by its own machine, and leaves the folder to the chief.

    Args:
        oracle: Its budget becomes that of the machine.
        recipe: Of the proxy training.
        workers: Processes that share the memory of this machine.
    """
    facts = {"memory": machine_memory() // workers}
    oracle.evolution.budget = _on_machine(oracle, recipe, facts)


def describe(clips, training: ProxyTraining, **how: object) -> dict[str, object]:
    """What makes two searches the same, beside what the oracle tells."""
    return {
        "classes": list(clips.classes),
        "task": clips.task,
        "recipe": repr(training.recipe),
        "scores": list(training.scores),
        "options": repr({"limit": training.validation_limit, **training.options}),
        **how,
    }


def _settle(folder, oracle, about, recipe, known, facts) -> dict[str, object]:
    """Sets the budget; gives what is searched, unless the folder has another search."""
    oracle.evolution.budget = _on_machine(oracle, recipe, facts)
    identity = {**oracle.identity(), **about}
    _refuse_other(folder, known, identity)
    return identity


def _refuse_other(folder: Path, known: dict, identity: dict[str, object]) -> None:
    for name, value in known.get("search", identity).items():
        if identity.get(name) != value:
            raise ValueError(
                f"`workdir` must be new, or of the same search. Got: {str(folder)!r}, "
                f"of a search with {name} {shortened(str(value))}, not "
                f"{shortened(str(identity.get(name)))}"
            )


def _on_machine(oracle: EvolutionOracle, recipe: Recipe, facts: dict) -> Budget:
    """The oracle's budget, with what only a machine tells."""
    budget = oracle.budget
    return dataclasses.replace(
        budget,
        batch_size=budget.batch_size or recipe.batch_size,
        memory=budget.memory or facts.get("memory"),
        macs_per_second=budget.macs_per_second or facts.get("macs_per_second"),
    )


def _rate_apart() -> float:
    command = [sys.executable, "-c", RATE]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        rule = "given where it can not be measured"
        got = last_line(done.stderr)
        raise ValueError(f"`budget.macs_per_second` must be {rule}. Got: {got}")
    return float(last_line(done.stdout))


def _read(folder: Path) -> dict:
    path = folder / SEARCH
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
