"""What a network may cost, judged on paper first and on the machine after."""

import functools
import os
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from zoo.genotypes.base import Cost, Genotype, check

SAMPLES = 10_000
UNITS = {"memory": " bytes", "latency_ms": " ms"}
EXPORTED = ("litert", "onnx")  # Runtimes of files.
DEVICE = ("runtime", "threads", "measure")


def percent(excess: float) -> str:
    """A relative excess in digits that show it, such as "+35%" or "+0.012%"."""
    share = 100 * excess
    return f"+{share:.0f}%" if share >= 10 else f"+{share:.2g}%"


@dataclass(frozen=True)
class Budget:
    """Limits that a network must keep to; None is no limit.

    Where the latency is not measured yet, its least value is judged: no machine makes
    more than `macs_per_second`, so what would need too long at twice that rate (it may
    have been measured on a busy machine) is refused without being built. Without
    `macs_per_second` only a measured latency is judged.

    The command of `measure` is run without a shell for each network, with the path of
    an exported file after its arguments: a `.tflite`, or where `runtime` is "onnx" an
    `.onnx`, which makes of the float32 input `clip` the `logits`. The last line that it
    prints must be JSON such as `{"latency_ms": 12.3}`; a trial whose command fails, or
    takes longer than ten minutes, fails.

    Args:
        parameters: Trainable weights.
        macs: Multiply-accumulates for one clip.
        memory: Bytes of a training step of `batch_size` clips; None is all memory of
            this machine.
        latency_ms: Milliseconds for one clip.
        batch_size: Clips of a training step; None is one, or in `search.run` that of
            the proxy training.
        macs_per_second: What `zoo.cost.matmul_rate` measures; `search.run` fills it in
            once and keeps it with the search, but not where `measure` is given.
        runtime: What runs the networks where their latency is measured: "tensorflow",
            "jax", "litert" or "onnx"; None is Keras' backend.
        threads: Of "litert" or "onnx"; None is the runtime's own choice.
        measure: A command that measures on another device, for a limit or an objective
            of the search.
    """

    parameters: float | None = None
    macs: float | None = None
    memory: float | None = None
    latency_ms: float | None = None
    batch_size: int | None = None
    macs_per_second: float | None = None
    runtime: str | None = None
    threads: int | None = None
    measure: str | None = None

    def __post_init__(self):
        for name, value in vars(self).items():
            number = isinstance(value, int | float) and not isinstance(value, bool)
            valid = value is None or (number and value > 0) or name in DEVICE
            check(valid, name, "a number above 0, or None", value)
        if self.measure is not None:
            self._check_command()
        elif self.runtime is not None:
            from zoo import runtimes  # Imports Keras, for which few budgets have need.

            runtimes.check_threads(self.runtime, self.threads)
        else:
            rule = "left out where no runtime is given"
            check(self.threads is None, "threads", rule, self.threads)

    def __repr__(self):
        # As of a search from before there were devices, where none is given.
        told = [k for k, v in vars(self).items() if v is not None or k not in DEVICE]
        return (
            f"Budget({', '.join(f'{name}={getattr(self, name)!r}' for name in told)})"
        )

    @property
    def command(self) -> list[str]:
        """The command of `measure`, in parts."""
        return shlex.split(self.measure or "")

    @property
    def form(self) -> str | None:
        """The format of the file that is measured; None where none is written."""
        if self.measure is not None:
            return self.runtime or EXPORTED[0]
        return self.runtime if self.runtime in EXPORTED else None

    def _check_command(self) -> None:
        rule = "a command as for a shell, or None"
        check(isinstance(self.measure, str), "measure", rule, self.measure)
        try:
            check(bool(self.command), "measure", rule, self.measure)
        except ValueError:  # A quotation that does not end, too.
            check(False, "measure", rule, self.measure)
        rule = f"one of {EXPORTED}, or None, where measure is given"
        check(self.runtime in (None, *EXPORTED), "runtime", rule, self.runtime)
        rule = "left to the command where measure is given"
        check(self.threads is None, "threads", rule, self.threads)

    @property
    def limits(self) -> dict[str, float]:
        """The limits there are, by name."""
        limits = {
            "parameters": self.parameters,
            "macs": self.macs,
            "memory": self.memory or machine_memory(),
            "latency_ms": self.latency_ms,
        }
        return {name: limit for name, limit in limits.items() if limit is not None}

    def quantities(self, cost: Cost) -> dict[str, float]:
        """What is judged of a cost, by name; the latency only where it is known."""
        quantities = {
            "parameters": cost.parameters,
            "macs": cost.macs,
            "memory": cost.memory(self.batch_size or 1),
        }
        if cost.latency_ms is not None:
            quantities["latency_ms"] = cost.latency_ms
        elif self.macs_per_second:
            quantities["latency_ms"] = 1000 * cost.macs / (2 * self.macs_per_second)
        return quantities

    def violations(self, cost: Cost) -> dict[str, float]:
        """Relative excess over every limit that is broken; empty is feasible."""
        quantities = self.quantities(cost)
        excess = {
            name: quantities[name] / limit - 1
            for name, limit in self.limits.items()
            if name in quantities
        }
        return {name: value for name, value in excess.items() if value > 0}

    def sample(
        self,
        draw: Callable[[], Genotype],
        cost: Callable[[Genotype], Cost],
        accept: Callable[[Genotype], bool] = lambda genotype: True,
    ) -> Genotype | None:
        """The first of 10,000 draws that keeps the budget on paper and is accepted.

        Where that takes long, standard error tells how far it is.

        Args:
            draw: Gives a network.
            cost: Gives what a network costs on paper.
            accept: Whether one that keeps the budget will do.

        Returns:
            It, or None where some kept the budget and none of them was accepted.

        Raises:
            ValueError: None kept the budget; the smallest of each quantity is told.
        """
        smallest, feasible = {}, False
        for _ in _told(range(SAMPLES)):
            genotype = draw()
            drawn = cost(genotype)
            if not self.violations(drawn):
                feasible = True
                if accept(genotype):
                    return genotype
            for name, value in self.quantities(drawn).items():
                smallest[name] = min(value, smallest.get(name, value))
        if feasible:
            return None
        raise ValueError(self._unmet(smallest))

    def _unmet(self, smallest: dict[str, float]) -> str:
        found = [
            f"{name} {smallest[name]:,.4g} (limit {limit:,.4g}{UNITS.get(name, '')})"
            for name, limit in self.limits.items()
            if name in smallest
        ]
        return (
            "`budget` must be one that networks of the space can meet. Got: none of "
            f"{SAMPLES:,} samples meets it; the smallest of each: {', '.join(found)}"
        )


def _told(numbers: range) -> Iterator[int]:
    """Passes the numbers of draws on, and says how many nothing came of."""
    interval = 2 if sys.stderr.isatty() else 10
    said = time.monotonic()
    for number in numbers:
        yield number
        if time.monotonic() - said > interval:
            drawn = f"drawn {number + 1:,} of {len(numbers):,} networks"
            line = f"{drawn}, none new and within the budget yet"
            print(line, file=sys.stderr, flush=True)
            said = time.monotonic()


@functools.cache
def machine_memory() -> int:
    """Bytes of memory that this process may have."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for path in ("memory.max", "memory/memory.limit_in_bytes"):
        limit = Path("/sys/fs/cgroup", path)
        if limit.exists() and limit.read_text().strip().isdigit():
            memory = min(memory, int(limit.read_text()))
    return memory
