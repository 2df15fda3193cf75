"""A convolution over space and time, in the three forms that EvaNet mixes."""

from dataclasses import dataclass

from zoo.genotypes.base import check, check_fields

CONV_TYPES = ("conv3d", "conv2plus1d", "itgm")
TIME_SIZES = (1, 3, 5, 7, 9, 11)


@dataclass(frozen=True)
class SpaceTimeConv:
    """A convolution: 3D, spatial and temporal one by one, or an inflated mixture.

    Its pixels a side are those of its place in the network.
    """

    type: str
    time: int  # Frames of the kernel.

    def __post_init__(self):
        check_fields(self)
        rule = f"one of {CONV_TYPES}"
        check(self.type in CONV_TYPES, "convolution type", rule, self.type)
        check_time(self.time)


def check_time(time: object) -> None:
    """Raises ValueError unless `time` is one of the time sizes of the paper."""
    check(time in TIME_SIZES, "time", f"one of {TIME_SIZES}", time)
