"""Search by gradients: a supernet holds all cells, and its training chooses among them.

The pseudo-3D cells of Peng et al. (https://arxiv.org/abs/1907.04632), as in DARTS, and
PV-NAS (https://arxiv.org/abs/2011.00826). One step of each algorithm is in
`search/alternation.py`.
"""

import inspect
from dataclasses import dataclass, field
from pathlib import Path

import keras

from search import claim, gradients
from search.alternation import ALGORITHMS, Alternation, supernet_slope
from search.conclusion import train_command
from search.course import Course, Pace, apart, together
from search.descent import Adam, CosineRate, Momentum, Schedule
from search.epochs import PICKS, Epochs
from search.history import HISTORY, Record
from search.memory import Memory
from search.proxy import ProxyTraining
from search.spaces.cells import CellSpace
from zoo import monitor, registry, training
from zoo.genotypes.base import ClipSpec, check, check_whole
from zoo.layers import mixture
from zoo.recipe import Recipe
from zoo.record import BEST

# Of a recipe, what these searches do not read.
UNREAD = (
    *("class_weights", "optimizer", "nesterov", "decay", "accumulate", "ema"),
    "norm_groups",
)


@dataclass(frozen=True)
class DifferentiableSearch:
    """Trains a supernet and its architecture weights in turn, and derives a network.

    A method of `search.run`. Of the recipe that it is given all counts but `steps` and
    `warmup_steps`, which are `epochs` and `schedule` here. In its folder the search
    goes on where it stopped; once it is done, the same call with another `pick` only
    chooses again.

    Args:
        num_classes: Of the clips.
        space: Of cells, such as `Pseudo3DSpace`.
        algorithm: "first_order" and "second_order" are bilevel: architecture weights
            descend on one half of the training clips and weights on the other.
            "one_level" takes the same clips for both.
        epochs: Of the search. One is as many steps as it takes to see the clips of the
            weights once.
        steps_per_epoch: In place of that number.
        warmup_epochs: The first of them, in which the weights train alone: while they
            say little, operations without weights look best. The papers have none;
            15 of 50 is the remedy of PC-DARTS (https://arxiv.org/abs/1907.05737).
        schedule: Of the weights' learning rate.
        architecture: Optimizer of the architecture weights.
        pick: "last", the network derived at the end, or "best", the one of the epoch at
            which the supernet was best on validation clips.
        seed: Of the supernet, of the halves and of the order of clips.
        clip_spec: Clips to search on; None is what the genotype says.
        save_every: Steps between checkpoints within an epoch; each ends with one.
        verbose: Whether to show the progress.
    """

    num_classes: int
    space: CellSpace
    algorithm: str = "first_order"
    epochs: int = 50
    steps_per_epoch: int | None = None
    warmup_epochs: int = 0
    schedule: Schedule = field(default_factory=CosineRate)
    architecture: Adam = field(default_factory=Adam)
    pick: str = "last"
    seed: int = 0
    clip_spec: ClipSpec | None = None
    save_every: int = 1000
    verbose: bool = True

    def __post_init__(self):
        rule = "a space of cells, such as Pseudo3DSpace"
        check(isinstance(self.space, CellSpace), "space", rule, self.space)
        known = self.algorithm in ALGORITHMS
        check(known, "algorithm", f"one of {ALGORITHMS}", self.algorithm)
        check(self.pick in PICKS, "pick", f"one of {PICKS}", self.pick)
        for name in ("epochs", "save_every"):
            check_whole(getattr(self, name), name)
        if self.steps_per_epoch is not None:
            check_whole(self.steps_per_epoch, "steps_per_epoch")
        check_whole(self.seed, "seed", least=0)
        check_whole(self.warmup_epochs, "warmup_epochs", least=0)
        fewer, rule = self.warmup_epochs < self.epochs, f"below `epochs`, {self.epochs}"
        check(fewer, "warmup_epochs", rule, self.warmup_epochs)

    @property
    def bilevel(self) -> bool:
        """Whether the architecture has clips of its own."""
        return self.algorithm != "one_level"

    def search(self, clips, workdir: Path, proxy: ProxyTraining) -> Record:
        """Searches.

        Args:
            clips: A clip source; of a bilevel search one with `halves`.
            workdir: Folder of the search.
            proxy: How to train, and the options of the supernet.

        Returns:
            The epoch whose network is `best.json`, with the supernet's scores.

        Raises:
            ValueError: The folder holds another search.
            TrainingDiverged: A loss is no longer a number.
        """
        layout, folder = self.space.searched(), Path(workdir)
        self._check_options(layout, proxy)
        for name in UNREAD:
            default, given = getattr(Recipe, name), getattr(proxy.recipe, name)
            check(given == default, name, f"{default!r} in this search", given)
        proxy.score_names(clips.task)
        halved = hasattr(clips, "halves") or not self.bilevel
        check(halved, "clips", "a source with `halves`", clips)
        spec = self.clip_spec or layout.clip_spec
        pace = self._pace(clips, proxy)
        claim.claim_alone(folder, self._identity(spec, clips, proxy))
        keras.utils.set_random_seed(self.seed)
        shape, classes = spec.shape, len(clips.classes)
        network = registry.supernet(layout, shape, classes, **proxy.options)
        epochs = self._epochs(folder, spec, clips.task)
        course = self._course(network, pace, epochs, folder, proxy, clips.task)
        done = course.open()
        if done < pace.total:
            self._run(course, done, network, spec, clips, proxy)
        elif self.verbose:
            print(f"The search in {folder} is finished; nothing is run again.")
        if self.verbose:
            self._conclude(epochs.chosen, folder)
        return epochs.chosen

    def _check_options(self, layout, proxy: ProxyTraining) -> None:
        build = registry.SUPERNETS[type(layout)]
        names = inspect.signature(build).parameters.keys() - set(registry.COMMON)
        rule = f"some of {sorted(names)}, in a supernet"
        for name in proxy.options:
            check(name in names, "options", rule, name)

    def _pace(self, clips, proxy: ProxyTraining) -> Pace:
        size, recipe = clips.size("train"), proxy.recipe
        size = (size + 1) // 2 if self.bilevel else size
        steps = self.steps_per_epoch or max(1, size // recipe.batch_size)
        how = recipe.peak, self.schedule, self.warmup_epochs
        return Pace(self.epochs, steps, *how)

    def _identity(self, spec: ClipSpec, clips, proxy: ProxyTraining) -> dict:
        """What makes two searches the same."""
        own = ("algorithm", "epochs", "steps_per_epoch", "warmup_epochs")
        own += ("schedule", "architecture")
        return {
            "method": type(self).__name__,
            "space": repr(self.space),
            **{name: repr(getattr(self, name)) for name in own},
            "seed": self.seed,
            "clip_spec": repr(spec),
            "clips": clips.size("train"),
            **claim.describe(clips, proxy),
        }

    def _epochs(self, folder: Path, spec: ClipSpec, task: str) -> Epochs:
        multi = task == "multi"
        scores = ["loss", "map"] if multi else ["loss", "top1", "top5"]
        accuracy = [] if multi else ["accuracy"]
        columns = ["learning_rate", "loss", *accuracy, "architecture_loss"]
        columns += [f"validation_{name}" for name in scores]

        def cost(genotype):
            return genotype.cost(self.num_classes, spec.shape)

        return Epochs(folder, self.space, cost, self.pick, columns, self.warmup_epochs)

    def _course(self, network, pace, epochs, folder, proxy, task: str) -> Course:
        recipe = proxy.recipe
        architecture = list(mixture.architecture(network).values())
        memory = Memory(network, architecture)
        decays = [recipe.weight_decay * ("kernel" in name) for name in memory.names]
        steps = Alternation(
            supernet_slope(network, architecture, task, recipe.label_smoothing),
            Momentum(recipe.momentum, decays, recipe.clip_norm),
            self.architecture,
        )
        acts = [
            gradients.compiled(getattr(steps, name))
            for name in (self.algorithm, "weights_alone")
        ]
        how = self.save_every, task == "single"
        return Course(network, memory, *acts, pace, epochs, folder, *how)

    def _run(self, course: Course, done: int, network, spec, clips, proxy) -> None:
        size, pace = proxy.recipe.batch_size, course.pace
        names = proxy.score_names(clips.task)
        split, limit = training.validation_split(clips), proxy.validation_limit
        measure = training.scorer(network, clips, spec, split, size, limit)

        def score():
            scores = measure()
            return sum(scores[name] for name in names), scores

        read = apart if self.bilevel else together
        line = monitor.ProgressLine(pace.total, size, done, self.verbose)
        if done:
            line.note(f"resumed at step {done}")
        course.run(done, iter(read(clips, spec, size, self.seed, done)), score, line)

    def _conclude(self, record: Record, folder: Path) -> None:
        parameters, macs = record.details["parameters"], record.details["macs"]
        print(
            f"Derived at epoch {int(record.trial)} of {self.epochs}: "
            f"{parameters / 1e6:.3g} million parameters, {2 * macs / 1e9:.3g} GFLOP a "
            f"clip\nBest network: {folder / BEST}  All epochs: "
            f"{folder / HISTORY}\nTrain it: {train_command(folder)}",
            flush=True,
        )
