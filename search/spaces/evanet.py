"""The space of EvaNet's Inception networks (https://arxiv.org/abs/1811.10636)."""

import dataclasses
import functools
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from search.spaces import draws
from zoo.genotypes.base import check, check_whole
from zoo.genotypes.inception import InceptionGenotype, InceptionModule
from zoo.genotypes.plans.inception import MODULES
from zoo.genotypes.space_time import CONV_TYPES, TIME_SIZES, SpaceTimeConv

SLOTS = ("wide", "narrow", "pools")
# Where a layer is: (None, "stem", 0), (3, "wide", 1), (3, "pools", 0); of a uniform
# module (3, "all", 0).
Place = tuple[int | None, str, int]
Layer = SpaceTimeConv | int


@dataclass(frozen=True)
class EvaNetSpace:
    """Inception networks over space and time; by default the paper's whole space.

    `sample` draws the paper's random population: of each module the number of its
    convolutions and of its pools, from the fewest (two and one) to the most, then the
    type and time size of each, all evenly. Each of the two slots has a convolution, the
    others stand in either. The paper says neither how many there may be nor in which
    slot an added one stands: four, and either, are ours.

    What changes nothing is never kept: a genotype comes back `simplified()`, so an iTGM
    of one frame is a 3D convolution of one frame, as which it also mutates, and layers
    of a slot stand in one order.

    Args:
        types: "conv3d", "conv2plus1d", "itgm".
        times: Time sizes of convolutions, some of 1, 3, 5, 7, 9, 11.
        pool_times: Time sizes of pools; None is as `times`.
        max_convs: Most convolutions over space and time in a module.
        max_pools: Most pools in a module.
        uniform: The smaller space of the paper's ablation: each module is one of each
            slot, of one type and one time size (its pool's, too), and none is added or
            removed.
        pool_mutations: Whether pools are added and removed, as convolutions are. The
            paper's text does that with convolutions alone, so by default the number
            of pools is a matter of the first population.
        inner_norm: Whether norm and ReLU stand between the two parts of a (2+1)D.
        gaussians: That each iTGM mixes.
        width: Times all channels: below 1 for a search in little time.
    """

    types: tuple[str, ...] = CONV_TYPES
    times: tuple[int, ...] = TIME_SIZES
    pool_times: tuple[int, ...] | None = None
    max_convs: int = 4
    max_pools: int = 4
    uniform: bool = False
    pool_mutations: bool = False
    inner_norm: bool = True
    gaussians: int = 4
    width: float = 1.0

    def __post_init__(self):
        draws.check_choices(self.types, "types", CONV_TYPES)
        _check_times(self.times, "times")
        if self.pool_times is not None:
            rule = "None in a uniform space, where pools have their module's time"
            check(not self.uniform, "pool_times", rule, self.pool_times)
            _check_times(self.pool_times, "pool_times")
        check_whole(self.max_convs, "max_convs", least=2)
        check_whole(self.max_pools, "max_pools")
        check_whole(self.gaussians, "gaussians")
        number = isinstance(self.width, int | float)
        check(number and self.width > 0, "width", "above 0", self.width)
        for name in ("uniform", "pool_mutations", "inner_norm"):
            value = getattr(self, name)
            check(isinstance(value, bool), name, "True or False", value)

    def sample(self, rng: random.Random) -> InceptionGenotype:
        """Draws a network."""
        stem = tuple(self._draw_conv(rng) for _ in range(3))
        modules = tuple(self._draw_module(rng) for _ in MODULES)
        options = {name: getattr(self, name) for name in ("inner_norm", "gaussians")}
        genotype = InceptionGenotype(stem, modules, **options, width=float(self.width))
        return genotype.simplified()

    def mutate(
        self, parent: InceptionGenotype, rng: random.Random, feedback: object = None
    ) -> InceptionGenotype:
        """Changes one layer of a network; the child always differs from the parent.

        Each as often: (i) another type for a convolution, (ii) another time size for a
        convolution or a pool, (iii) a convolution more or less in a module. Of layers
        or modules that can so change, each is drawn as often.

        Args:
            parent: An Inception network; what does not mutate stays as it is there.
            rng: Where the draws come from.
            feedback: What training the parent taught; not used in this space.

        Raises:
            ValueError: The parent is of another meta-architecture, or not uniform in a
                uniform space, or no part of it can change.
        """
        known = isinstance(parent, InceptionGenotype)
        rule = "an Inception network, not a genotype of another meta-architecture"
        check(known, "parent", rule, getattr(parent, "family", parent))
        if self.uniform:
            same = all(m == _alike(m.wide[0]) for m in parent.modules)
            check(same, "parent", "of one type and time size in each module", parent)
        parent = parent.simplified()
        mutations = [self._retyped, self._retimed, self._resized]
        rng.shuffle(mutations)
        for mutated in mutations:
            child = mutated(parent, rng)
            if child is not None:
                return child.simplified()
        raise ValueError(f"`space` must hold another network. Got: {self}")

    def _draw_conv(self, rng: random.Random) -> SpaceTimeConv:
        return _conv(rng.choice(self.types), rng.choice(self.times))

    def _draw_module(self, rng: random.Random) -> InceptionModule:
        if self.uniform:
            return _alike(self._draw_conv(rng))
        convs = [self._draw_conv(rng) for _ in range(rng.randint(2, self.max_convs))]
        slots = {"wide": convs[:1], "narrow": convs[1:2]}
        for conv in convs[2:]:
            slots[rng.choice(["wide", "narrow"])].append(conv)
        count = rng.randint(1, self.max_pools)
        pools = [rng.choice(self._pool_times) for _ in range(count)]
        return InceptionModule(*map(tuple, slots.values()), tuple(pools))

    @property
    def _pool_times(self) -> tuple[int, ...]:
        return self.times if self.pool_times is None else self.pool_times

    def _retyped(
        self, parent: InceptionGenotype, rng: random.Random
    ) -> InceptionGenotype | None:
        """Another type for one convolution, or in a uniform space for one module."""
        options = {
            place: [_conv(type, layer.time) for type in self.types]
            for place, layer in self._layers(parent)
            if isinstance(layer, SpaceTimeConv)
        }
        return self._redrawn(parent, options, rng)

    def _retimed(
        self, parent: InceptionGenotype, rng: random.Random
    ) -> InceptionGenotype | None:
        """Another time size for one layer, or in a uniform space for one module."""
        options = {
            place: self._times_of(layer) for place, layer in self._layers(parent)
        }
        return self._redrawn(parent, options, rng)

    def _times_of(self, layer: Layer) -> list[Layer]:
        if not isinstance(layer, SpaceTimeConv):
            return list(self._pool_times)
        # Without 3D convolutions in the space, one of one frame was an iTGM.
        was_itgm = layer.time == 1 and "conv3d" not in self.types
        itgm = layer.type == "conv3d" and was_itgm and "itgm" in self.types
        type = "itgm" if itgm else layer.type
        return [_conv(type, time) for time in self.times]

    def _resized(
        self, parent: InceptionGenotype, rng: random.Random
    ) -> InceptionGenotype | None:
        """A convolution more or less in one module, or a pool where they change."""
        options = [
            (index, kinds)
            for index, module in enumerate(parent.modules)
            if (kinds := list(self._resizes(module)))
        ]
        if not options:
            return None
        index, kinds = rng.choice(options)
        module = rng.choice(kinds)(parent.modules[index], rng)
        return _with_module(parent, index, module)

    def _resizes(self, module: InceptionModule) -> Iterator[Callable]:
        if self.uniform:
            return
        convs = len(module.wide) + len(module.narrow)
        if convs < self.max_convs:
            yield self._with_conv
        if convs > 2:
            yield _without_conv
        if self.pool_mutations and len(module.pools) < self.max_pools:
            yield self._with_pool
        if self.pool_mutations and len(module.pools) > 1:
            yield _without_pool

    def _with_conv(
        self, module: InceptionModule, rng: random.Random
    ) -> InceptionModule:
        slot = rng.choice(["wide", "narrow"])
        layers = (*getattr(module, slot), self._draw_conv(rng))
        return dataclasses.replace(module, **{slot: layers})

    def _with_pool(
        self, module: InceptionModule, rng: random.Random
    ) -> InceptionModule:
        pools = (*module.pools, rng.choice(self._pool_times))
        return dataclasses.replace(module, pools=pools)

    def _layers(self, genotype: InceptionGenotype) -> Iterator[tuple[Place, Layer]]:
        for index, conv in enumerate(genotype.stem):
            yield (None, "stem", index), conv
        for number, module in enumerate(genotype.modules):
            if self.uniform:
                yield (number, "all", 0), module.wide[0]
                continue
            for slot in SLOTS:
                for index, layer in enumerate(getattr(module, slot)):
                    yield (number, slot, index), layer

    def _redrawn(
        self,
        parent: InceptionGenotype,
        options: dict[Place, list[Layer]],
        rng: random.Random,
    ) -> InceptionGenotype | None:
        """One layer made another of its options; None where none has another."""
        now = dict(self._layers(parent))
        others = {
            place: [layer for layer in layers if layer != now[place]]
            for place, layers in options.items()
        }
        places = [place for place, layers in others.items() if layers]
        if not places:
            return None
        place = rng.choice(places)
        return _with_layer(parent, place, rng.choice(others[place]))


def _check_times(value: object, name: str) -> None:
    draws.check_choices(value, name, TIME_SIZES)
    whole = all(type(time) is int for time in value)
    check(whole, name, f"some of {TIME_SIZES}", value)


@functools.cache  # A mutation looks at all that each layer could be.
def _conv(type: str, time: int) -> SpaceTimeConv:
    """A convolution as `simplified()` writes it."""
    return SpaceTimeConv("conv3d" if (type, time) == ("itgm", 1) else type, time)


def _alike(conv: SpaceTimeConv) -> InceptionModule:
    return InceptionModule((conv,), (conv,), (conv.time,))


def _without_conv(module: InceptionModule, rng: random.Random) -> InceptionModule:
    places = [
        (slot, index)
        for slot in ("wide", "narrow")
        for index in range(len(getattr(module, slot)))
        if len(getattr(module, slot)) > 1
    ]
    slot, index = rng.choice(places)
    return dataclasses.replace(module, **{slot: _without(getattr(module, slot), index)})


def _without_pool(module: InceptionModule, rng: random.Random) -> InceptionModule:
    index = rng.randrange(len(module.pools))
    return dataclasses.replace(module, pools=_without(module.pools, index))


def _without(layers: tuple, index: int) -> tuple:
    return layers[:index] + layers[index + 1 :]


def _with_layer(
    genotype: InceptionGenotype, place: Place, layer: Layer
) -> InceptionGenotype:
    number, slot, index = place
    if slot == "all":
        return _with_module(genotype, number, _alike(layer))
    part = genotype if number is None else genotype.modules[number]
    layers = getattr(part, slot)
    layers = (*layers[:index], layer, *layers[index + 1 :])
    part = dataclasses.replace(part, **{slot: layers})
    return part if number is None else _with_module(genotype, number, part)


def _with_module(
    genotype: InceptionGenotype, number: int, module: InceptionModule
) -> InceptionGenotype:
    modules = (*genotype.modules[:number], module, *genotype.modules[number + 1 :])
    return dataclasses.replace(genotype, modules=modules)
