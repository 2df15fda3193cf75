"""The job `python -m search.run`: searches a network, and goes on where it stopped."""

if __name__ == "__main__":  # First, as the libraries below write on the screen.
    from zoo import launch

    launch.main(
        "search.run.search",
        "--gin_file=search/tiny_video.gin --data=videos --workdir=runs/search",
        workers="processes that train networks, on this machine",
        role="chief or worker, where several machines search: the same command on each",
        address="host:port of the chief; only those who may reach it should",
        audit="check every decision that the search in --workdir wrote down",
    )

import dataclasses
import json
import os
import random
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from search import journal, network, progress, supervisor
from search.audit import audit as audit_journal
from search.budget import Budget
from search.history import Record, best
from search.ledger import replay
from search.oracle import EvolutionOracle
from search.proxy import ProxyTraining
from search.tuner import ArchitectureTuner
from zoo import cost, registry
from zoo.files import write_json
from zoo.genotypes.base import Cost, check, check_whole
from zoo.training import Recipe

SEARCH_FILE = "search.json"
ADDRESS = f"{network.LOOPBACK}:8700"


def search(
    method: Callable[..., EvolutionOracle],
    clips,
    workdir: str,
    recipe: Recipe | None = None,
    seed: int | None = None,
    validation_limit: int | None = None,
    scores: Sequence[str] = (),
    executions_per_trial: int = 1,
    inherit: bool = False,
    latency_seconds: float = 1.0,
    trial_seconds: float | None = None,
    trials_per_process: int = 25,
    workers: int = 0,
    role: str | None = None,
    address: str | None = None,
    patience: float = 600,
    audit: bool = False,
    **options,
) -> Record | None:
    """Searches, in a folder of its own, a network for the clips.

    The folder gets `best.json` (the best network so far), `history.csv` (a line for
    each trial), `journal.jsonl` (all that happened) and `search.json` (what was
    searched, and what of this machine counts). The same call on the same folder goes on
    where an earlier one stopped; a greater `max_trials` of the method prolongs a
    search. `python -m search.report WORKDIR` shows it.

    Args:
        method: Makes the oracle, called with `num_classes`.
        clips: A clip source.
        workdir: Folder of the search.
        recipe: How each network is trained before it is scored; the default suits
            some hundred clips.
        seed: Of the search, in place of the method's own.
        validation_limit: Most clips to score a network on; None is all.
        scores: Of "top1", "top5" and "map", those whose sum is the fitness; none is
            "top1", or "map" of many labels.
        executions_per_trial: Trainings of a network whose results are averaged.
        inherit: Whether a child begins with its parent's weights; several machines
            need a shared workdir for it.
        latency_seconds: How long to measure a latency.
        trial_seconds: A training that takes longer has failed; None is no limit.
        trials_per_process: As every trial leaves some megabytes behind in its process,
            `python -m search.run` starts itself anew after so many; a call from Python
            goes through in one process.
        workers: Processes that train, on this machine, beside a chief that proposes;
            0 is this one process. Only for `python -m search.run`.
        role: "chief" or "worker" of a search on several machines.
        address: Host and port of the chief, 127.0.0.1:8700 where it is not given.
            Whoever can reach it can take part: there are no passwords.
        patience: Seconds a worker waits for a chief that does not answer.
        audit: Whether to run nothing, but to check what an earlier call wrote down.
        **options: Of the networks' family, such as `pooling` and `dropout`.

    Returns:
        The best trial; None on a worker, and where it audits.

    Raises:
        ValueError: The folder holds another search, or no network keeps the budget.
    """
    check_whole(trials_per_process, "trials_per_process")
    check_whole(workers, "workers", least=0)
    check(role in (None, "chief", "worker"), "role", '"chief" or "worker"', role)
    folder = Path(workdir)
    folder.mkdir(parents=True, exist_ok=True)
    check(len(clips.classes) > 1, "clips", "of two classes or more", clips.classes)
    recipe = recipe or Recipe()
    seeded = {} if seed is None else {"seed": seed}
    oracle = method(num_classes=len(clips.classes), **seeded)
    registry.check_options(oracle.evolution.space.sample(random.Random(0)), options)
    training = ProxyTraining(
        len(clips.classes), recipe, validation_limit, scores, **options
    )
    if role == "worker":
        _adopt(oracle, recipe)
    else:
        how = {"executions_per_trial": executions_per_trial, "inherit": inherit}
        _claim(folder, oracle, clips, training, how)
    if audit:
        _audit(oracle, folder)
        return None
    if workers:
        return _supervised(folder, workers, role, address)
    if role:
        _take_role(role, address)
    tuner = ArchitectureTuner(
        oracle,
        training,
        directory=str(folder.parent),
        project_name=folder.name,
        executions_per_trial=executions_per_trial,
        latency_seconds=latency_seconds,
        inherit=inherit,
        trial_seconds=trial_seconds,
        trials_per_process=trials_per_process if _is_command() else None,
        patience=patience,
    )
    if role != "worker":
        _announce(oracle, folder)
    tuner.search(clips)
    if tuner.paused:
        _restart()
    return None if role == "worker" else _conclude(oracle, folder)


def _take_role(role: str, address: str | None) -> None:
    """Makes this process what keras-tuner calls a chief or a worker."""
    host = socket.gethostname().lower().replace("chief", "host")
    name = "chief" if role == "chief" else f"{host}-{os.getpid()}"
    network.set_role(address or ADDRESS, os.environ.get(network.TUNER_ID, name))
    if _is_command():  # A worker that is asked to end gives its trial back.
        signal.signal(signal.SIGTERM, signal.default_int_handler)


def _supervised(
    folder: Path,
    workers: int,
    role: str | None,
    address: str | None,
) -> Record | None:
    """Lets processes of this same command search."""
    rule = "0, but for python -m search.run"
    check(_is_command(), "workers", rule, workers)
    address = address or (ADDRESS if role else None)
    sound = supervisor.supervise(workers, folder, address, chief=role != "worker")
    if not sound:  # Who ended has told why.
        sys.exit(1)
    if role == "worker":
        return None
    records = replay(journal.read(folder / journal.NAME)).ended
    return next(iter(best(records)), None)


def _audit(oracle: EvolutionOracle, folder: Path) -> None:
    path = folder / journal.NAME
    check(path.is_file(), "workdir", f"a search's folder, with {journal.NAME}", folder)
    counts = audit_journal(oracle, journal.read(path))
    told = ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items()))
    print(f"Every decision in {path} is as it should be: {told}.")


def _claim(
    folder: Path,
    oracle: EvolutionOracle,
    clips,
    training: ProxyTraining,
    how: dict[str, object],
) -> None:
    """Fixes what depends on the machine, and refuses the folder of another search."""
    path = folder / SEARCH_FILE
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    machine = known.get("machine", {})
    budget = _on_this_machine(oracle.budget, training.recipe, machine)
    oracle.evolution.budget = budget
    machine = {
        "memory": budget.limits["memory"],
        "macs_per_second": budget.macs_per_second,
    }
    identity = {
        **oracle.identity(),
        "classes": list(clips.classes),
        "task": clips.task,
        "recipe": repr(training.recipe),
        "scores": list(training.scores),
        "options": repr({"limit": training.validation_limit, **training.options}),
        **how,
    }
    for name, value in known.get("search", identity).items():
        if identity.get(name) != value:
            raise ValueError(
                f"`workdir` must be new, or of the same search. Got: {str(folder)!r}, "
                f"of a search with {name} {_short(value)}, not "
                f"{_short(identity.get(name))}"
            )
    write_json(path, {"search": identity, "machine": machine})


def _adopt(oracle: EvolutionOracle, recipe: Recipe) -> None:
    """A worker judges by its own machine, and leaves the folder to the chief."""
    oracle.evolution.budget = dataclasses.replace(
        oracle.budget, batch_size=oracle.budget.batch_size or recipe.batch_size
    )


def _on_this_machine(budget: Budget, recipe: Recipe, known: dict) -> Budget:
    """The budget with what only the machine tells, measured once in a search.

    Measured again it would differ, and with it what the search proposes.
    """
    rate = budget.macs_per_second or known.get("macs_per_second")
    if rate is None and budget.latency_ms is not None:
        rate = cost.matmul_rate()
    return dataclasses.replace(
        budget,
        batch_size=budget.batch_size or recipe.batch_size,
        memory=budget.memory or known.get("memory") or budget.limits["memory"],
        macs_per_second=rate,
    )


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 200 else f"{text[:197]}..."


def _announce(oracle: EvolutionOracle, folder: Path) -> None:
    done, total = len(oracle.records()), oracle.max_trials
    if done >= total:
        print(f"The search in {folder} is finished; nothing is run again.")
    elif done:
        print(f"Going on in {folder} after {done} of {total} trials.")
    else:
        limits = ", ".join(f"{k} {v:,.4g}" for k, v in oracle.budget.limits.items())
        print(f"Searching {total} networks within {limits}.", flush=True)


def _conclude(oracle: EvolutionOracle, folder: Path) -> Record:
    records = oracle.records()
    leaders = best(records)
    if oracle.stop_reason and not leaders:
        raise ValueError(oracle.stop_reason)
    if oracle.stop_reason:
        print(f"The search ended early: {oracle.stop_reason}")
    print(progress.summary(records))
    if not leaders:
        print(f"All trials: {folder / 'history.csv'}", flush=True)
        raise ValueError(_unmet(oracle.budget, records))
    print(f"Best network: {folder / 'best.json'}  All trials: {folder / 'history.csv'}")
    print(f"Look at it: python -m search.report {folder}")
    print(f"Train it: {train_command(folder)}", flush=True)
    return leaders[0]


def _unmet(budget: Budget, records: list[Record]) -> str:
    """Says which limits were broken on the machine, and how near the trials came."""
    measured = [r.details for r in records if r.status == "over budget"]
    if not measured:
        return (
            "`recipe` must be one that networks train by. Got: none of "
            f"{len(records)} does; the last: {progress.outcome(records[-1])}"
        )
    costs = [budget.quantities(_cost(details)) for details in measured]
    names = sorted({name for details in measured for name in details["violations"]})
    found = [
        f"{name} {min(c[name] for c in costs):,.4g} (limit {budget.limits[name]:,.4g})"
        for name in names
    ]
    return (
        "`budget` must be one that networks meet on this machine. Got: none of "
        f"{len(records)} does; the smallest of each: {', '.join(found)}"
    )


def _cost(details: dict) -> Cost:
    names = (field.name for field in dataclasses.fields(Cost))
    return Cost(**{name: details[name] for name in names if name in details})


def train_command(folder: Path) -> str:
    """The command that trains a search's best network."""
    # A search from the command line left its config there, and the clips' with it.
    data = folder if (folder / "config.gin").exists() else "CLIPS"
    model, run = folder / "best.json", folder / "train"
    return f"python -m zoo.train --model={model} --data={data} --workdir={run}"


def _is_command() -> bool:
    """Whether this process does nothing but this job."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    return spec is not None and spec.name == "search.run"


def _restart() -> None:
    """Starts this command anew, as the same process."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
