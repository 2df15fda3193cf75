"""The residual networks of EvaNet (https://arxiv.org/abs/1811.10636) as genotypes.

The paper's text evolves Inception networks (`zoo/genotypes/inception.py`); its released
code (google-research, evanet, commit 066e6a12) holds residual networks of parallel
branches, evolved in the same manner, and is what these are. Both mix convolutions of
three types and time sizes from 1 to 11.
"""

from dataclasses import dataclass
from functools import cached_property

from zoo.genotypes.base import (
    ClipSpec,
    Cost,
    Genotype,
    check,
    check_fields,
    check_whole,
)
from zoo.genotypes.plans.evanet import Pool, Repeat, stages, stem, tally_row
from zoo.genotypes.space_time import SpaceTimeConv, check_time
from zoo.genotypes.tally import Features, Tally

# How many convolutions of space and time a branch of each type has.
BRANCH_TYPES = {"conv": 1, "conv_conv": 2, "pool": 0, "point": 0}
PROFILES = ("cauchy", "gaussian")


@dataclass(frozen=True)
class Branch:
    """One of the layers, or rows of layers, that a block has side by side.

    "conv" is a 1x1x1 convolution to half of the branch's width, then one over space and
    time; "conv_conv" begins at a quarter and has two, each doubling the channels;
    "pool" is a max pool over space and time, then a 1x1x1 convolution; "point" is a
    1x1x1 convolution alone.
    """

    type: str
    convs: tuple[SpaceTimeConv, ...] = ()  # Of 3x3 pixels.
    pool_time: int | None = None  # Frames of the pool; 3x3 pixels, too.

    def __post_init__(self):
        check_fields(self)
        known = self.type in BRANCH_TYPES
        check(known, "branch type", f"one of {tuple(BRANCH_TYPES)}", self.type)
        count = BRANCH_TYPES[self.type]
        rule = f"{count} for a branch of type {self.type!r}"
        check(len(self.convs) == count, "convs", rule, self.convs)
        if self.type == "pool":
            check_time(self.pool_time)
        else:
            empty, rule = self.pool_time is None, "None for a branch without a pool"
            check(empty, "pool_time", rule, self.pool_time)


@dataclass(frozen=True)
class EvaNetBlock:
    """A residual block of parallel branches, repeated with separate weights."""

    width: int  # Channels, were they divisible by the number of branches.
    repeats: int
    branches: tuple[Branch, ...]

    def __post_init__(self):
        check_fields(self)
        check_whole(self.width, "width")
        check_whole(self.repeats, "repeats")
        check(len(self.branches) > 0, "branches", "at least one", self.branches)
        least = max(2 ** len(branch.convs) for branch in self.branches)
        rule = f"at least {least * len(self.branches)} for such branches"
        check(self.branch_width >= least, "width", rule, self.width)

    @property
    def branch_width(self) -> int:
        """Channels that leave each branch."""
        return self.width // len(self.branches)

    @property
    def output_channels(self) -> int:
        """Channels that leave the block: those of its branches, concatenated."""
        return self.branch_width * len(self.branches)


@dataclass(frozen=True)
class EvaNetGenotype(Genotype):
    """A residual EvaNet: its first convolution, and blocks with a pool before each.

    The first convolution (7x7 pixels) and the first pool (3x3) halve frames, height and
    width, every further pool (2x2) halves height and width.
    """

    family = "evanet"

    stem: SpaceTimeConv
    pool_times: tuple[int, ...]  # Frames of the pool before each block.
    blocks: tuple[EvaNetBlock, ...]
    # What a convolution of type "itgm" mixes: profiles over time, of which there are so
    # many, per pair of channels ("cauchy", as released) or per output ("gaussian", as
    # in the paper's text).
    profile: str = "cauchy"
    gaussians: int = 4

    def __post_init__(self):
        check_fields(self)
        check(len(self.blocks) > 0, "blocks", "at least one", self.blocks)
        rule = f"one for each of {len(self.blocks)} blocks"
        matched = len(self.pool_times) == len(self.blocks)
        check(matched, "pool_times", rule, self.pool_times)
        for time in self.pool_times:
            check_time(time)
        check(self.profile in PROFILES, "profile", f"one of {PROFILES}", self.profile)
        check_whole(self.gaussians, "gaussians")

    @property
    def clip_spec(self) -> ClipSpec:
        """The paper's clip for Kinetics; the frame rate is ours."""
        return ClipSpec(frames=64, rate=25.0, height=224, width=224)

    @property
    def mixes_pairs(self) -> bool:
        """Whether mixtures are per pair of channels."""
        return self.profile == "cauchy"

    @cached_property
    def stages(self) -> list[tuple[Pool, list[Repeat]]]:
        """Every block's pool and repeats, worked out."""
        return stages(self)

    def cost(self, num_classes: int, input_shape: tuple | None = None) -> Cost:
        """Cost on paper, with a classifier over pairs of frames.

        Args:
            num_classes: Width of the classifier.
            input_shape: (frames, height, width, channels) of another clip; those of
                optical flow have 2 channels.
        """
        tally = Tally()
        row = [stem(self)]
        for pool, repeats in self.stages:
            row += [pool, *repeats]
        clip = Features(*self.clip_shape(input_shape))
        tally.head(tally_row(tally, row, clip, self), num_classes, "pairs")
        return tally.cost()
