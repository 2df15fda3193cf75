"""(2+1)D ResNets of basic blocks (https://arxiv.org/abs/1711.11248) as genotypes."""

from dataclasses import dataclass

from zoo.genotypes.base import (
    ClipSpec,
    Cost,
    Genotype,
    check,
    check_fields,
    check_whole,
)
from zoo.genotypes.plans.resnet2plus1d import Plan, unfold
from zoo.genotypes.tally import Features, Tally


@dataclass(frozen=True)
class Stage:
    """Blocks of one size; all stages but the first halve frames and pixels."""

    channels: int
    blocks: int

    def __post_init__(self):
        check_fields(self)
        for name in ("channels", "blocks"):
            check_whole(getattr(self, name), name)


@dataclass(frozen=True)
class ResNet2Plus1DGenotype(Genotype):
    """A residual network of (2+1)D convolutions, two in a block."""

    family = "resnet2plus1d"

    stages: tuple[Stage, ...]  # The stem has the channels of the first.

    def __post_init__(self):
        check_fields(self)
        check(len(self.stages) > 0, "stages", "at least one", self.stages)

    @property
    def clip_spec(self) -> ClipSpec:
        """16 frames of 112x112 pixels at 15 a second, as for torchvision's weights."""
        return ClipSpec(frames=16, rate=15.0, height=112, width=112)

    def plan(self, input_shape: tuple | None = None) -> Plan:
        """Every layer of the network, with its shapes.

        Args:
            input_shape: (frames, height, width, channels) of the clip; None is that of
                the clip spec.
        """
        return unfold(self, Features(*self.clip_shape(input_shape)))

    def cost(self, num_classes: int, input_shape: tuple | None = None) -> Cost:
        """Cost on paper, with a classifier over averages.

        Args:
            num_classes: Width of the classifier.
            input_shape: (frames, height, width, channels) in place of the clip spec's
                own.
        """
        tally = Tally()
        plan = self.plan(input_shape)
        plan.tally(tally)
        tally.head(plan.output, num_classes)
        return tally.cost()
