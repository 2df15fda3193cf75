"""Search by one training: a graph with too many edges, which then loses the weak ones.

The connection learning of AssembleNet (https://arxiv.org/abs/1905.13209) without its
evolution.
"""

import random
from dataclasses import asdict, dataclass
from pathlib import Path

import keras

from search import claim
from search.conclusion import train_command
from search.history import Record
from search.proxy import ProxyTraining
from search.pruning import prune
from zoo import inference, lookup, registry, summary, training
from zoo.files import write_text
from zoo.genotypes.assemblenet import AssembleNetGenotype
from zoo.genotypes.base import ClipSpec, check, check_whole
from zoo.record import BEST


@dataclass(frozen=True)
class OneShotConnections:
    """Trains one graph, and keeps the edges that are strong by then.

    A method of `search.run`. In its folder the training goes on where it stopped, as
    that of `zoo.train` does. `best.json` has the graph with the edges that are left,
    and their weights; once trained, the same call with another `keep` only prunes
    again. The trained graph itself is a run that `zoo.evaluate` reads.

    Args:
        num_classes: Of the clips.
        space: `sample(rng)` draws the graph, such as `AssembleNetSpace` with an
            `edge_probability` of 1: one with all edges.
        initial: The graph, in place of one of the space: a published model's name, a
            genotype's JSON file, or what else `zoo.lookup.find` knows.
        threshold: Edges whose weight is above it stay.
        keep: The share of all edges that stay, the strongest; in place of `threshold`.
        seed: Of the graph and of its training.
        clip_spec: Clips to train on; None is what the genotype says.
        save_every: Steps between checkpoints.
        log_every: Steps between rows of `metrics.csv`.
        verbose: Whether to show the progress.
    """

    num_classes: int
    space: object = None
    initial: str | None = None
    threshold: float = 0.5
    keep: float | None = None
    seed: int = 0
    clip_spec: ClipSpec | None = None
    save_every: int = 1000
    log_every: int = 50
    verbose: bool = True

    def __post_init__(self):
        check_whole(self.seed, "seed", least=0)
        given = (self.space is None) != (self.initial is None)
        check(given, "initial", "given, or `space`", self.initial)
        genotype = self.genotype()
        graph = isinstance(genotype, AssembleNetGenotype)
        check(graph, "initial", "a graph of AssembleNet", self.initial or self.space)
        self._pruned(genotype, {})  # What it refuses is told before the training.

    def genotype(self) -> AssembleNetGenotype:
        """The graph before it is pruned."""
        if self.initial is None:
            return self.space.sample(random.Random(self.seed))
        genotype, _ = lookup.find(self.initial, "initial")
        return genotype

    def search(self, clips, workdir: Path, proxy: ProxyTraining) -> Record:
        """Trains and prunes.

        Args:
            clips: A clip source.
            workdir: Folder of the search.
            proxy: How to train, and the options of the network.

        Returns:
            The pruned graph, with the validation scores of the whole one.

        Raises:
            ValueError: The folder holds another search.
            TrainingDiverged: The loss is no longer a number.
        """
        genotype = self.genotype()
        registry.check_options(genotype, proxy.options)
        about = inference.Description(
            genotype,
            tuple(clips.classes),
            clips.task,
            self.clip_spec or genotype.clip_spec,
            proxy.options,
        )
        names = proxy.score_names(clips.task)
        claim.claim_alone(Path(workdir), self._identity(about, clips, proxy))
        if self.verbose:
            self._announce(about, clips, Path(workdir), proxy)
        network, result = self._trained(about, clips, Path(workdir), proxy)
        pruned = self._pruned(genotype, registry.feedback(genotype, network))
        write_text(Path(workdir) / BEST, pruned.to_json() + "\n")
        metrics = {k: v for k, v in result.items() if k.startswith("validation_")}
        cost = pruned.cost(self.num_classes, about.clip_spec.shape)
        if self.verbose:
            self._conclude(genotype, pruned, cost, Path(workdir))
        fitness = sum(result[f"validation_{name}"] for name in names)
        details = {**asdict(cost), "metrics": metrics}
        return Record("0000", pruned.to_json(), "completed", fitness, details=details)

    def _pruned(self, genotype: AssembleNetGenotype, gates: dict[str, float]):
        share = {"threshold": self.threshold} if self.keep is None else {}
        return prune(genotype, gates, keep=self.keep, **share)

    def _identity(self, about, clips, proxy: ProxyTraining) -> dict[str, object]:
        """What makes two trainings the same."""
        return {
            "method": type(self).__name__,
            "genotype": about.genotype.to_json(),
            "seed": self.seed,
            "clip_spec": repr(about.clip_spec),
            **claim.describe(clips, proxy),
        }

    def _trained(self, about, clips, folder: Path, proxy: ProxyTraining):
        keras.utils.set_random_seed(self.seed)
        network = about.build()
        inference.describe(folder, about)
        result = training.fit(
            network,
            clips,
            about.clip_spec,
            proxy.recipe,
            folder,
            self.seed,
            save_every=self.save_every,
            log_every=self.log_every,
            validation_limit=proxy.validation_limit,
            verbose=self.verbose,
        )
        return network, result

    def _announce(self, about, clips, folder: Path, proxy: ProxyTraining) -> None:
        if (folder / BEST).exists():  # It was trained to the end.
            print(f"The graph in {folder} is trained; it is pruned again.", flush=True)
            return
        title = f"Searching among {len(list(about.genotype.edges))} edges of one graph"
        summary.announce(title, about, clips, proxy.recipe)

    def _conclude(self, genotype, pruned, cost, folder: Path) -> None:
        counts = [len(list(graph.edges)) for graph in (pruned, genotype)]
        print(
            f"Kept {counts[0]} of {counts[1]} edges: {cost.parameters / 1e6:.3g} "
            f"million parameters, {2 * cost.macs / 1e9:.3g} GFLOP a clip\n"
            f"Best network: {folder / BEST}\n"
            f"Train it: {train_command(folder)}",
            flush=True,
        )
