"""Does a search survive that its processes are killed again and again?

Runs a chief and workers that train nothing, kills one of them with SIGKILL every few
seconds and starts it again, at once or when its lease is over, and checks that every
trial ended once, that nobody hangs, and that the audit finds no fault.

    python benches/soak_search.py [--trials=2000] [--workers=8] [--every=10]
"""

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from stub_search import Crew

CHIEF = "chief"
LEASE = 10  # Seconds.


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--every", type=float, default=10, help="seconds")
    parser.add_argument("--seconds", type=float, default=1.3, help="of a trial")
    parser.add_argument("--limit", type=float, default=1200, help="seconds in all")
    given = parser.parse_args()
    flags = {
        "trials": given.trials,
        "seconds": given.seconds,
        "lease": LEASE,
        "stages": 1,
    }
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, Crew(Path(folder), **flags) as crew:
        kills = soak(crew, given)
        seconds = time.monotonic() - start
        crew.check(given.trials)
        tell(crew, kills, seconds)


def soak(crew: Crew, given: argparse.Namespace) -> dict[str, int]:
    """Runs the search to its end; gives how often whom was killed."""
    rng, kills = random.Random(0), {CHIEF: 0, "worker": 0}
    names = [CHIEF, *(f"worker{i}" for i in range(given.workers))]
    crew.start(*names)
    begun = due = time.monotonic()
    back = {}  # When who was killed is started again.
    while crew.processes[CHIEF].poll() is None or CHIEF in back:
        now = time.monotonic()
        assert now - begun < given.limit, "it hangs"
        left = given.trials - len(crew.events("end"))
        if now > due and 8 * given.workers < left < given.trials:
            name = CHIEF if rng.random() < 0.25 else rng.choice(names)
            crew.kill(name)
            kills[CHIEF if name == CHIEF else "worker"] += 1
            back[name] = now + rng.choice([0, 1.5 * LEASE])
            due = now + given.every
        for name in [name for name, at in back.items() if at < now]:
            crew.start(name)
            del back[name]
        time.sleep(0.5)
    assert crew.processes[CHIEF].returncode == 0, crew.log(CHIEF)
    return kills


def tell(crew: Crew, kills: dict[str, int], seconds: float) -> None:
    reasons = [event["reason"] for event in crew.events("lost")]
    lost = {reason: reasons.count(reason) for reason in sorted(set(reasons))}
    attempts = len(crew.events("issue"))
    print(
        f"{len(crew.events('end'))} trials, each ended once, in {seconds:.0f} s; "
        f"killed {kills[CHIEF]} times the chief, {kills['worker']} times a worker; "
        f"{attempts} attempts; lost: {lost}; the audit finds no fault"
    )


if __name__ == "__main__":
    main()
