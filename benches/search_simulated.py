"""Searches whose networks are scored by a function in place of a training."""

from collections.abc import Callable, Sequence

from search import journal
from search.evolution import Evolution
from search.ledger import GENOTYPE, Ledger, trial_id


def simulate(
    evolution: Evolution,
    initial: Sequence[str],
    score: Callable[[str], tuple[float, dict[str, float]]],
    evaluations: int,
) -> list[float]:
    """Fitness of each proposal.

    Args:
        evolution: Of one search.
        initial: The first networks, as JSON.
        score: From a network's JSON, its fitness and what its parts learnt.
        evaluations: Proposals in all.
    """
    ledger, values = Ledger(evolution.join), []
    start = {"version": journal.VERSION, "identity": {}, "space": []}
    ledger.apply({"event": "search", "initial": list(initial), **start})
    for index in range(evaluations):
        genotype = evolution.propose(ledger).genotype
        fitness, feedback = score(genotype)
        event = {"trial": trial_id(index), "values": {GENOTYPE: genotype}}
        ledger.apply({"event": "propose", **event})
        event |= {"status": "completed", "fitness": fitness}
        event["details"] = {"feedback": feedback}
        ledger.apply({"event": "end", **event})
        values.append(fitness)
    return values
