"""The job `python -m search.run`: searches a network, and goes on where it stopped."""

if __name__ == "__main__":  # First, as the libraries below write on the screen.
    from zoo import launch

    launch.main(
        "search.run.search",
        "--gin_file=search/tiny_video.gin --data=videos --workdir=runs/search",
        settings="search.tuner.ArchitectureTuner",
        workers="processes that train networks, on this machine",
        role="chief or worker, where several machines search: the same command on each",
        address="host:port of the chief; only those who may reach it should",
        audit="check every decision that the search in --workdir wrote down",
    )

import functools
import inspect
import os
import random
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, Protocol

from search import claim, deployment, journal, network, supervisor
from search.audit import audit as audit_journal
from search.conclusion import announce, conclude, measure_again
from search.history import Record, best
from search.ledger import replay
from search.oracle import EvolutionOracle
from search.proxy import ProxyTraining
from search.tuner import ArchitectureTuner
from zoo import registry, signals
from zoo.genotypes.base import ClipSpec, check, check_whole
from zoo.record import RECORDED
from zoo.training import Recipe

ADDRESS = f"{network.LOOPBACK}:8700"
TRIALS_PER_PROCESS = 25
OWN = {"oracle", "hypermodel", "directory", "project_name", "options"}
# Of the tuner, those that are options here.
SETTINGS = inspect.signature(ArchitectureTuner).parameters.keys() - OWN


class Method(Protocol):
    """A search that is no evolution, such as `one_shot.OneShotConnections`."""

    def search(self, clips, workdir: Path, proxy: ProxyTraining) -> Record:
        """Searches, or goes on, and writes `best.json`.

        Args:
            clips: A clip source.
            workdir: Folder of the search.
            proxy: How to train, and the options of the networks.
        """


def search(
    method: Callable[..., EvolutionOracle | Method],
    clips,
    workdir: str,
    recipe: Recipe | None = None,
    seed: int | None = None,
    validation_limit: int | None = None,
    scores: Sequence[str] = (),
    clip_spec: ClipSpec | None = None,
    workers: int = 0,
    role: Literal["chief", "worker"] | None = None,
    address: str | None = None,
    audit: bool = False,
    **options,
) -> Record | None:
    """Searches, in a folder of its own, a network for the clips.

    The same call on the same folder goes on where an earlier one stopped; a greater
    `max_trials` of the method prolongs a search.

    Args:
        method: Makes the oracle of an evolution, or a search of another kind, which
            has no `workers` and nothing to audit; called with `num_classes`.
        clips: A clip source.
        workdir: Gets `best.json` (the best network so far), `history.csv` (a line for
            each trial), `journal.jsonl` (all that happened), `search.json` (what was
            searched, and what of this machine counts) and, where the budget has a
            latency, `promise.json` (that of the best network after the search).
        recipe: Of each network's training; the default suits some hundred clips.
        seed: Of the search, in place of the method's own.
        validation_limit: Most clips to score a network on; None is all.
        scores: As `ProxyTraining` takes them.
        clip_spec: Clips to train on and to keep the budget with; None is what each
            genotype says. `zoo.train` trains what is found on them, or on others.
        workers: Processes of `python -m search.run` that train, on this machine, beside
            a chief that proposes; 0 is this one process.
        role: "chief" or "worker" of a search on several machines.
        address: Host and port of the chief; None is 127.0.0.1:8700.
        audit: Whether to run nothing, but to check what an earlier call wrote down.
        **options: Of `ArchitectureTuner`, such as `inherit`, which counts in an
            evolution, and of the networks' family, such as `pooling`.

    Returns:
        The best trial; None on a worker, and where it audits.

    Raises:
        ValueError: The folder holds another search, or no network keeps the budget.
    """
    _check(workers, role, clips)
    settings = {name: options.pop(name) for name in SETTINGS & options.keys()}
    training = ProxyTraining(
        len(clips.classes), recipe, validation_limit, scores, clip_spec, **options
    )
    given = {"seed": seed, "clip_spec": training.clip_spec}
    given = {name: value for name, value in given.items() if value is not None}
    made = method(num_classes=len(clips.classes), **given)
    if not isinstance(made, EvolutionOracle):
        rule = "an evolution, where there are workers, or an audit"
        check(not (workers or role or audit), "method", rule, made)
        return made.search(clips, Path(workdir), training)
    job = _Search(made, clips, Path(workdir), training, settings)
    if audit:
        return job.audit()
    return job.run(workers, role, address)


def _check(workers: int, role: str | None, clips) -> None:
    check_whole(workers, "workers", least=0)
    rule = "0, but for python -m search.run"
    check(not workers or _is_command(), "workers", rule, workers)
    check(role in (None, "chief", "worker"), "role", '"chief" or "worker"', role)
    check(len(clips.classes) > 1, "clips", "of two classes or more", clips.classes)


class _Search:
    """A search in its folder.

    Args:
        oracle: Proposes.
        clips: A clip source.
        folder: Of the search.
        training: Of each network.
        settings: Of the tuner.
    """

    def __init__(
        self,
        oracle: EvolutionOracle,
        clips,
        folder: Path,
        training: ProxyTraining,
        settings: dict[str, object],
    ):
        self.oracle = oracle
        training.clip_spec = self.oracle.evolution.clip_spec  # Its own, perhaps.
        sample = self.oracle.evolution.space.sample(random.Random(0))
        try:
            registry.check_options(sample, training.options)
        except ValueError as error:
            told = ", ".join(sorted(SETTINGS))
            raise ValueError(f"{error}. Settings of the search are: {told}") from None
        self.clips, self.folder, self.training = clips, folder, training
        self.settings = settings
        how = {"executions_per_trial": 1, "inherit": False}
        how = {name: settings.get(name, default) for name, default in how.items()}
        self.about = claim.describe(clips, training, **how)

    def audit(self) -> None:
        """Checks what the folder holds, and writes nothing."""
        path = self.folder / journal.NAME
        rule = f"a search's folder, with {journal.NAME}"
        check(path.is_file(), "workdir", rule, str(self.folder))
        claim.recall(self.folder, self.oracle, self.about, self.training.recipe)
        counts = audit_journal(self.oracle, journal.read(path))
        told = ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items()))
        print(f"Every decision in {path} is as it should be: {told}.")

    def run(self, workers: int, role: str | None, address: str | None) -> Record | None:
        """Searches, in this process or in others; gives the best trial."""
        if _is_command():  # Who is asked to end gives its trial back.
            signals.interrupt_on_term()
        if RECORDED in os.environ:
            supervisor.end_with_parent()
        # The tuner's own check is too late for a folder, and a supervisor has no tuner.
        deployment.check_ready(self.oracle.budget)
        self._settle(workers, role)
        if workers and not (role != "worker" and self._is_finished()):
            return _supervised(self.folder, workers, role, address)
        if role:
            _take_role(role, address)
        if role == "worker":
            self._work(self._tuner(_Worker))
            return None
        tuner = self._tuner(ArchitectureTuner)
        announce(self.oracle)
        tuner.search(self.clips)
        if tuner.paused:
            _restart()
        winner = conclude(self.oracle, self.folder)
        measure = functools.partial(tuner.latency_ms, winner.trial)
        measure_again(self.oracle, self.folder, winner, measure, tuner.tuner_id)
        return winner

    def _is_finished(self) -> bool:
        path = self.folder / journal.NAME
        ended = replay(journal.read(path)).ended if path.exists() else ()
        return len(ended) >= self.oracle.max_trials

    def _settle(self, workers: int, role: str | None) -> None:
        """Fixes the budget: a worker's own, or that of the folder."""
        recipe = self.training.recipe
        if role == "worker":
            beside = int(os.environ.get(supervisor.CREW, 1))
            claim.adopt(self.oracle, recipe, beside)
            return
        # A chief, or who looks after one, trains nothing.
        apart = bool(workers or role)
        crew = max(workers, 1)
        claim.claim(self.folder, self.oracle, self.about, recipe, crew, apart)

    def _tuner(self, kind: type[ArchitectureTuner]) -> ArchitectureTuner:
        limit = self.settings.get("trials_per_process", TRIALS_PER_PROCESS)
        check_whole(limit, "trials_per_process")
        # Every trial leaves some megabytes behind in its process, which begins anew.
        limit = limit if _is_command() else None
        # keras-tuner calls what has no name, as "." has none, by one of its own.
        folder = self.folder if self.folder.name else self.folder.absolute()
        return kind(
            self.oracle,
            self.training,
            directory=str(folder.parent),
            project_name=folder.name,
            **{**self.settings, "trials_per_process": limit},
        )

    def _work(self, tuner: ArchitectureTuner) -> None:
        try:
            tuner.search(self.clips)
        except network.Unreachable as error:
            if not _is_command():
                raise
            print(f"error: {error}", file=sys.stderr)
            sys.exit(supervisor.UNREACHABLE)
        if tuner.paused:
            _restart()


class _Worker(ArchitectureTuner):
    """A tuner whose log tells which trial it has."""

    def on_trial_begin(self, trial):
        # A supervisor knows by it that the process got going.
        print(f"{supervisor.BEGUN}{trial.trial_id}", flush=True)
        super().on_trial_begin(trial)


def _take_role(role: str, address: str | None) -> None:
    """Makes this process what keras-tuner calls a chief or a worker."""
    name = "chief" if role == "chief" else supervisor.worker_name()
    network.set_role(address or ADDRESS, os.environ.get(network.TUNER_ID, name))


def _supervised(
    folder: Path,
    workers: int,
    role: str | None,
    address: str | None,
) -> Record | None:
    """Lets processes of this same command search."""
    address = address or (ADDRESS if role else None)
    sound = supervisor.supervise(workers, folder, address, chief=role != "worker")
    if not sound:  # Who ended has told why.
        sys.exit(1)
    if role == "worker":
        return None
    records = replay(journal.read(folder / journal.NAME)).ended
    return next(iter(best(records)), None)


def _is_command() -> bool:
    """Whether this process does nothing but this job."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    return spec is not None and spec.name == "search.run"


def _restart() -> None:
    """Starts this command anew, as the same process."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
