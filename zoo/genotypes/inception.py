"""EvaNet's Inception networks (https://arxiv.org/abs/1811.10636) as genotypes.

A network is Inception-v1 inflated as in I3D (https://arxiv.org/abs/1705.07750): three
convolutions and nine modules, of which type, time size and number of the layers over
time are open. The released code (google-research, evanet) holds other networks, which
are the family "evanet"; the paper's own are in its figures alone.
"""

from dataclasses import dataclass
from typing import Self

from zoo.genotypes.base import (
    ClipSpec,
    Cost,
    Genotype,
    check,
    check_fields,
    check_whole,
    revised,
)
from zoo.genotypes.plans.chains import Stage
from zoo.genotypes.plans.inception import MODULES, unfold
from zoo.genotypes.space_time import SpaceTimeConv, check_time
from zoo.genotypes.tally import Features, Tally

PADDINGS = ("same", "symmetric")


@dataclass(frozen=True)
class InceptionModule:
    """The layers over space and time of one module, beside its 1x1x1 convolution.

    They run in parallel, in the slots of Inception's two 3x3 convolutions and of its
    pool, each with a 1x1x1 convolution of its own. Those of a slot are averaged, so
    the module's output is as wide as with one of each.
    """

    wide: tuple[SpaceTimeConv, ...]  # Of 3x3 pixels, in the slot of more channels.
    narrow: tuple[SpaceTimeConv, ...]  # Of 3x3 pixels, in the slot of Inception's 5x5.
    pools: tuple[int, ...]  # Frames of each pool; pixels are 3x3.

    def __post_init__(self):
        check_fields(self)
        for name in ("wide", "narrow"):
            rule = "at least one convolution in each module"
            check(len(getattr(self, name)) > 0, name, rule, getattr(self, name))
        check(len(self.pools) > 0, "pools", "at least one in each module", self.pools)
        for time in self.pools:
            check_time(time)


@dataclass(frozen=True)
class InceptionGenotype(Genotype):
    """An Inception network over space and time."""

    family = "inception"

    # Of conv1a (7x7 pixels), conv2b (1x1) and conv2c (3x3).
    stem: tuple[SpaceTimeConv, ...]
    modules: tuple[InceptionModule, ...]  # 3b, 3c, 4b to 4f, 5b, 5c.
    inner_norm: bool = False  # Norm and ReLU between the parts of a (2+1)D, as in S3D.
    padding: str = "same"  # Of strided layers; "symmetric" is PyTorch's.
    gaussians: int = 4  # That each iTGM layer mixes.
    width: float = 1.0  # Times all channels.

    def __post_init__(self):
        check_fields(self)
        rule = "three convolutions: conv1a, conv2b, conv2c"
        check(len(self.stem) == 3, "stem", rule, self.stem)
        rule = f"{len(MODULES)} modules"
        check(len(self.modules) == len(MODULES), "modules", rule, self.modules)
        rule = f"one of {PADDINGS}"
        check(self.padding in PADDINGS, "padding", rule, self.padding)
        check_whole(self.gaussians, "gaussians")
        check(self.width > 0, "width", "above 0", self.width)

    @property
    def clip_spec(self) -> ClipSpec:
        """64 frames of 224x224 pixels, as trained in the paper, at 25 a second."""
        return ClipSpec(frames=64, rate=25.0, height=224, width=224)

    def stages(self, input_shape: tuple | None = None) -> list[Stage]:
        """The network's layers, by the endpoints that they lead to.

        Args:
            input_shape: (frames, height, width, channels) of the clip; None is RGB of
                the clip spec.

        Raises:
            ValueError: `input_shape` is no shape of a clip, or too small for symmetric
                padding.
        """
        shape = self.clip_shape(input_shape)
        stages = list(unfold(self, Features(*shape)))
        steps = (step for stage in stages for step in stage.steps)
        first = next((step.name for step in steps if not step.output.exists), None)
        rule = f"large enough for {first} with symmetric padding"
        check(first is None, "input_shape", rule, shape)
        return stages

    def cost(self, num_classes: int, input_shape: tuple | None = None) -> Cost:
        """Cost on paper, with a classifier over pairs of frames.

        Args:
            num_classes: Width of the classifier.
            input_shape: (frames, height, width, channels) in place of the clip spec's
                own; flow has 2 channels.
        """
        tally = Tally()
        tally.output(Features(*self.clip_shape(input_shape)))  # Scaled.
        stages = self.stages(input_shape)
        for stage in stages:
            stage.tally(tally)
        tally.head(stages[-1].output, num_classes, pooling="pairs")
        return tally.cost()

    def simplified(self) -> Self:
        """The same network, written in the one way.

        An iTGM of one frame is a convolution of one frame, and the order of layers that
        are averaged means nothing.
        """
        modules = tuple(
            revised(
                module,
                wide=_ordered(map(_plain, module.wide)),
                narrow=_ordered(map(_plain, module.narrow)),
                pools=tuple(sorted(module.pools)),
            )
            for module in self.modules
        )
        return revised(self, stem=tuple(map(_plain, self.stem)), modules=modules)


def _plain(conv: SpaceTimeConv) -> SpaceTimeConv:
    return (
        revised(conv, type="conv3d") if conv.time == 1 and conv.type == "itgm" else conv
    )


def _ordered(convs: object) -> tuple[SpaceTimeConv, ...]:
    return tuple(sorted(convs, key=lambda conv: (conv.type, conv.time)))
