"""Replays a journal and checks every decision that the search wrote down."""

import functools
from collections.abc import Iterable

import keras_tuner

from search import ordinary
from search.ledger import REPLAYS, Ledger, trial_id
from search.oracle import EvolutionOracle


def audit(oracle: EvolutionOracle, events: Iterable[dict]) -> dict[str, int]:
    """Makes each proposal and each decision anew from what was known then.

    Args:
        oracle: Of the same settings as the search's; it is not changed.
        events: Of the journal.

    Returns:
        How many events of each name were checked.

    Raises:
        ValueError: One differs, or could not have happened; the line is named.
    """
    auditor, counts = _Auditor(oracle), {}
    for line, event in enumerate(events, 1):
        fault = auditor.fault(event)
        if fault:
            rule = "what the same search writes"
            raise ValueError(f"line {line} of the journal must be {rule}. Got: {fault}")
        auditor.ledger.apply(event)
        counts[event["event"]] = counts.get(event["event"], 0) + 1
    return counts


class _Auditor:
    def __init__(self, oracle: EvolutionOracle):
        self.oracle = oracle
        self.dispatcher = oracle.dispatcher
        self.ledger = Ledger(oracle.evolution.join)
        self.space = keras_tuner.HyperParameters()

    def fault(self, event: dict) -> str | None:
        """What is wrong with an event; None where nothing is."""
        try:
            check = getattr(self, f"_fault_in_{event['event']}", None)
            return check(event) if check else None
        except KeyError as error:
            return f"{event['event']} without {error}"

    def _fault_in_search(self, event: dict) -> str | None:
        self._fault_in_space(event)
        own = self.oracle.identity()
        differ = [k for k in own if own[k] != event["identity"].get(k)]
        if not differ:
            return None
        name = differ[0]
        return f"{name} {event['identity'].get(name)!r}, not {own[name]!r}"

    def _fault_in_space(self, event: dict) -> None:
        config = {"space": event["space"], "values": {}}
        self.space = keras_tuner.HyperParameters.from_config(config)

    def _fault_in_propose(self, event: dict) -> str | None:
        expected = trial_id(len(self.ledger.entries))
        if event["trial"] != expected:
            return f"trial {event['trial']}, not {expected}"
        if event["ended"] != len(self.ledger.ended):
            known = f"not after {len(self.ledger.ended)}"
            return f"trial {expected} proposed after {event['ended']} ends, {known}"
        draw = functools.partial(ordinary.draw, self.space)
        try:
            proposal = self.oracle.evolution.propose(self.ledger, draw)
        except ValueError as error:
            return f"trial {expected}, where nothing is proposed: {error}"
        values, written = self.dispatcher.values(proposal), event["values"]
        names = {**values, **written}
        differ = [name for name in names if values.get(name) != written.get(name)]
        if not differ:
            return None
        return f"trial {expected} with other {', '.join(differ)} than is proposed"

    def _fault_in_issue(self, event: dict) -> str | None:
        fault = self._fault_of_ended(event, "issued")
        if fault:
            return fault
        entry = self.ledger[event["trial"]]
        if entry.running:
            return f"trial {event['trial']} issued while a worker has it"
        if event["attempt"] != entry.attempts + 1:
            return f"trial {event['trial']} issued as attempt {event['attempt']}"
        return None

    def _fault_in_rung(self, event: dict) -> str | None:
        fault = self._fault_of_ended(event, "scored")
        if fault:
            return fault
        others = list(self.ledger.scores[event["rung"]].values())
        stopping = self.dispatcher.stopping
        known = stopping and bool(stopping(event["rung"], event["score"], others))
        if event["stop"] == known:
            return None
        return f"trial {event['trial']} at a rung with stop {event['stop']}"

    def _fault_in_lost(self, event: dict) -> str | None:
        fault = self._fault_of_ended(event, "lost")
        if fault or self.ledger[event["trial"]].running:
            return fault
        return f"trial {event['trial']} lost, which no worker had"

    def _fault_in_end(self, event: dict) -> str | None:
        fault = self._fault_of_ended(event, "ended")
        if fault:
            return fault
        entry = self.ledger[event["trial"]]
        if event["attempt"] > entry.attempts:
            return f"trial {event['trial']} ended in attempt {event['attempt']}"
        first = entry.values.get(REPLAYS)
        if first is None:
            return None
        source = self.ledger[first].record
        result = (event["status"], event["fitness"])
        if source and result == (source.status, source.fitness):
            return None
        return f"trial {event['trial']} with another result than {first}, its source"

    def _fault_of_ended(self, event: dict, what: str) -> str | None:
        trial = event["trial"]
        if trial not in self.ledger:
            return f"trial {trial} {what}, which was not proposed"
        if self.ledger[trial].record is not None:
            return f"trial {trial} {what} after its end"
        return None
