"""What a search says before it begins and when it has ended."""

import dataclasses
import shlex
from collections.abc import Callable
from pathlib import Path

from search import deployment, progress, promise
from search.budget import UNITS, Budget, percent
from search.history import HISTORY, Record, best, last_line
from search.oracle import EvolutionOracle
from zoo.genotypes.base import Cost
from zoo.record import BEST, CONFIG


def announce(oracle: EvolutionOracle) -> None:
    """Tells what is going to be searched, where that has not begun."""
    if not oracle.records():
        limits = [progress.amount(*limit) for limit in oracle.budget.limits.items()]
        told = f"{oracle.max_trials} networks within {', '.join(limits)}"
        print(f"Searching {told}.", flush=True)


def go_on(oracle: EvolutionOracle, folder: Path) -> None:
    """Tells how far a search is that has begun."""
    done, total = len(oracle.records()), oracle.max_trials
    if done >= total:
        print(f"The search in {folder} is finished; nothing is run again.", flush=True)
    elif done:
        print(f"Going on in {folder} after {done} of {total} trials.", flush=True)


def conclude(oracle: EvolutionOracle, folder: Path) -> Record:
    """Tells what was found and how to go on with it.

    Returns:
        The best trial.

    Raises:
        ValueError: There is none.
    """
    records = oracle.records()
    leaders = best(records)
    if oracle.stop_reason and not leaders:
        raise ValueError(oracle.stop_reason)
    if oracle.stop_reason:
        print(f"The search ended early: {oracle.stop_reason}")
    print(progress.summary(records))
    if not leaders:
        print(f"All trials: {folder / HISTORY}", flush=True)
        raise ValueError(_unmet(oracle.budget, records))
    print(f"Best network: {folder / BEST}  All trials: {folder / HISTORY}")
    if oracle.archive:
        names = ", ".join(oracle.archive.objectives)
        front = f"{len(oracle.archive.records)} networks in {folder / 'pareto.json'}"
        print(f"Pareto front in {names}: {front}")
    print(f"Look at it: python -m search.report {shlex.quote(str(folder))}")
    print(f"Train it: {train_command(folder)}", flush=True)
    return leaders[0]


def measure_again(
    oracle: EvolutionOracle,
    folder: Path,
    winner: Record,
    measure: Callable[[], float],
    worker: str,
) -> None:
    """Tells by how much the best network keeps the latency that the budget promised.

    It is measured once, and that kept in the folder. Nothing is told where there is no
    limit, or trials were not measured. What another process measured without exporting
    it stays so, as workers may have devices that this one has not.

    Args:
        oracle: Of a search that has ended.
        folder: Of the search.
        winner: The best trial.
        measure: Gives the network's milliseconds.
        worker: The name by which this process runs trials.
    """
    budget = oracle.budget
    elsewhere = budget.form is None and winner.details.get("worker") != worker
    measured = winner.details.get("latency_ms") is not None
    if budget.latency_ms is None or elsewhere or not measured:
        return
    asked = (winner.trial, float(budget.latency_ms), deployment.device(budget))
    kept = promise.read(folder)
    if kept is None or (kept.trial, kept.promised_ms, kept.by) != asked:
        try:
            kept = promise.Promise(*asked, measure())
        except Exception as error:  # What was found is worth more than this.
            told = f"Trial {winner.trial} could not be measured again"
            print(f"{told}: {last_line(str(error))}", flush=True)
            return
        kept.write(folder)
    print(f"Latency of trial {winner.trial}: {kept}", flush=True)


def train_command(folder: Path) -> str:
    """The command that trains a search's best network, as a shell takes it."""
    # A search from the command line left its config there, and the clips' with it.
    data = folder if (folder / CONFIG).exists() else "CLIPS"
    places = {"model": folder / BEST, "data": data, "workdir": folder / "train"}
    flags = [f"--{name}={shlex.quote(str(at))}" for name, at in places.items()]
    return f"python -m zoo.train {' '.join(flags)}"


def _unmet(budget: Budget, records: list[Record]) -> str:
    """Says which limits were broken on the machine, and how near the trials came."""
    measured = [r.details for r in records if r.status == "over budget"]
    if not measured:
        reasons = {record.details.get("reason") for record in records}
        rule = f"{_asked(budget, reasons)}. Got: none of {len(records)} does"
        return f"{rule}; the last: {progress.outcome(records[-1])}"
    costs = [budget.quantities(_cost(details)) for details in measured]
    names = sorted({name for details in measured for name in details["violations"]})
    found = [_least(name, costs, budget.limits[name]) for name in names]
    return (
        "`budget` must be one that networks meet on this machine. Got: none of "
        f"{len(records)} does; the smallest of each: {', '.join(found)}"
    )


def _asked(budget: Budget, reasons: set[str | None]) -> str:
    """What would be needed where all trials have failed."""
    if reasons == {"not measured"}:
        return "`measure` must be a command that tells what networks take"
    if reasons == {"infeasible"}:
        runtime = budget.form or budget.runtime
        if runtime is None:
            return "`space` must be one whose networks are built"
        return f"`runtime` must be one that networks of the space run by, not {runtime}"
    return "`recipe` must be one that networks train by"


def _least(name: str, costs: list[dict[str, float]], limit: float) -> str:
    least = min(cost[name] for cost in costs)
    shown = f"{name} {least:,.4g} (limit {limit:,.4g}{UNITS.get(name, '')}"
    return f"{shown}, {percent(least / limit - 1)})" if least > limit else f"{shown})"


def _cost(details: dict) -> Cost:
    names = (field.name for field in dataclasses.fields(Cost))
    return Cost(**{name: details[name] for name in names if name in details})
