"""How a peer's process answers bench_peers.py: a line of JSON for each that it reads.

It runs in the peer's own environment, so it imports nothing else than the standard
library.
"""

import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

Call = Callable[[], object]


@dataclass
class Built:
    """A peer that is ready to be measured.

    Args:
        parameters: Trainable weights.
        macs: Multiply-accumulates of its convolutions and products for a clip.
        forms: By runtime, what makes each form of the call that may be the quickest.
    """

    parameters: int
    macs: int
    forms: dict[str, dict[str, Callable[[], Call]]] = field(default_factory=dict)


def quickest(forms: dict[str, Callable[[], Call]]) -> tuple[Call, dict[str, object]]:
    """Of the forms of a call the one of the least milliseconds, and what each takes.

    Raises:
        RuntimeError: None works; it says why.
    """
    calls, tried = {}, {}
    for form, make in forms.items():
        try:
            calls[form] = make()
            tried[form] = milliseconds(calls[form])
        except Exception as error:  # Of any library.
            tried[form] = shortened(error)
    works = {form: tried[form] for form in calls if isinstance(tried[form], float)}
    if not works:
        raise RuntimeError("; ".join(f"{form}: {why}" for form, why in tried.items()))
    best = min(works, key=works.get)
    return calls[best], {"form": best, "tried": tried}


def milliseconds(call: Call) -> float:
    """The median of three calls, after two."""
    times = []
    for _ in range(5):
        before = time.perf_counter()
        call()
        times.append(1000 * (time.perf_counter() - before))
    return statistics.median(times[2:])


def shortened(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"[:300]


class Answers:
    """What is ready, by name and runtime."""

    def __init__(self, build: Callable[[str, list[int], int], Built]):
        self.build, self.calls = build, {}

    def prepare(self, name: str, clip: list[int], threads: int) -> dict:
        """Builds a peer, and each runtime's quickest form of it."""
        built = self.build(name, clip, threads)
        answer = {"parameters": built.parameters, "macs": built.macs}
        answer |= {"forms": {}, "failures": {}}
        for runtime, forms in built.forms.items():
            try:
                call, answer["forms"][runtime] = quickest(forms)
            except RuntimeError as error:
                answer["failures"][runtime] = str(error)
            else:
                self.calls[name, runtime] = call
        return answer

    def run(self, name: str, runtime: str) -> dict:
        self.calls[name, runtime]()
        return {}

    def wait(self) -> dict:
        """Does nothing: how long an answer itself takes."""
        return {}


def answer_all(build: Callable[[str, list[int], int], Built]) -> None:
    """Answers until there are no more questions."""
    lines = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # Libraries print.
    answers = Answers(build)
    for line in sys.stdin:
        question = json.loads(line)
        try:
            answer = getattr(answers, question.pop("do"))(**question)
        except Exception as error:
            answer = {"error": shortened(error)}
        print(json.dumps(answer), file=lines, flush=True)
