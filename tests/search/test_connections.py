import dataclasses
import math
import random
import socket
import threading

import gin
import numpy as np
import pytest

from search import journal, network
from search.audit import audit
from search.connections import ConnectionOracle, Never
from search.ledger import Ledger, trial_id
from search.proxy import ProxyTraining
from search.selection import (
    Constant,
    DropCrowded,
    Tournament,
    Uniform,
    drop_oldest,
    drop_worst,
)
from search.spaces.assemblenet import AssembleNetSpace
from search.tuner import ArchitectureTuner
from zoo import genotypes, gin_files, launch, training
from zoo.genotypes import ClipSpec
from zoo.layers.fusion import GatedSum

CLIP = ClipSpec(frames=4, rate=4.0, height=16, width=16)
THIN = AssembleNetSpace(stems=(2,), splits=(1, 1), depth=26, width=1 / 32)
CONFIG = "search/assemblenet.gin"


def test_its_numbers_are_the_papers():
    oracle = ConnectionOracle(space=object(), num_classes=339)
    evolution = oracle.evolution
    assert (evolution.population_size, oracle.max_trials) == (20, 220)
    assert evolution.selector == Tournament(5)
    assert evolution.survivor is drop_worst
    assert evolution.guided
    drawn = {evolution.mutations(0, random.Random(seed)) for seed in range(100)}
    assert drawn == {0, 1, 2, 3, 4}


def test_its_numbers_can_be_others():
    oracle = ConnectionOracle(
        object(), 5, survivor="oldest", mutations=Uniform(1, 2), max_trials=9
    )
    assert oracle.evolution.survivor is drop_oldest
    assert oracle.evolution.mutations == Uniform(1, 2)
    assert oracle.max_trials == 9


def test_mutations_may_be_a_number():
    oracle = ConnectionOracle(object(), 5, mutations=2)
    assert oracle.evolution.mutations == Constant(2)
    for bad in (-1, 1.5, False):
        with pytest.raises(ValueError, match="`mutations` must be"):
            ConnectionOracle(object(), 5, mutations=bad)


def test_children_may_differ_by_connections_alone():
    mutations = ConnectionOracle(object(), 5, mutations=0).evolution.mutations
    assert {mutations(index, random.Random(index)) for index in range(9)} == {0}
    assert mutations == Never()


def test_a_survivor_may_be_a_rule_of_ones_own():
    rule = DropCrowded()
    assert ConnectionOracle(object(), 5, survivor=rule).evolution.survivor is rule


def test_an_unknown_survivor_is_refused():
    with pytest.raises(ValueError, match=r"`survivor` must be .*, or callable"):
        ConnectionOracle(object(), 5, survivor="best")


def propose(evolution, count, weight):
    """Proposals that end at once; all edges learn the same weight."""
    ledger, proposals = Ledger(evolution.join), []
    for index in range(count):
        proposal = evolution.propose(ledger)
        proposals.append(proposal)
        values = {"nas/genotype": proposal.genotype}
        ledger.apply({"event": "propose", "trial": trial_id(index), "values": values})
        edges = genotypes.from_json(proposal.genotype).edges
        details = {"feedback": {f"{a}>{b}": weight for a, b in edges}}
        end = {"event": "end", "trial": trial_id(index), "status": "completed"}
        ledger.apply({**end, "fitness": float(index), "details": details})
    return proposals


@pytest.mark.parametrize("mutations", [0, None])
@pytest.mark.parametrize("weight", [0.4, 0.6])
def test_no_network_comes_twice(weight, mutations):
    space = dataclasses.replace(THIN, threshold=0.5)
    oracle = ConnectionOracle(
        space, 5, population_size=2, mutations=mutations, clip_spec=CLIP
    )
    proposals = propose(oracle.evolution, 8, weight)
    assert len({proposal.genotype for proposal in proposals}) == 8
    assert all(proposal.parent for proposal in proposals[2:])


def test_a_child_goes_by_its_parents_weights_first_and_by_chance_then():
    calls = []

    class Spied:
        sample = THIN.sample

        def mutate(self, parent, rng, feedback=None):
            calls.append((parent.to_json(), feedback))
            return THIN.mutate(parent, rng, feedback)

    oracle = ConnectionOracle(
        Spied(), 5, population_size=1, mutations=2, clip_spec=CLIP
    )
    proposals = propose(oracle.evolution, 3, 0.25)
    assert [feedback is None for _, feedback in calls] == [False, True, True] * 2
    for child, (parent, feedback) in zip(proposals[1:], calls[::3], strict=True):
        assert parent == child.parent.genotype
        edges = genotypes.from_json(parent).edges
        assert feedback == {f"{a}>{b}": 0.25 for a, b in edges}


BASELINES = {
    "assemblenet.AssembleNetSpace.edge_changes = 0.3333": {"edge_changes": 0.3333},
    "assemblenet.AssembleNetSpace.sources = ('rgb',)": {"sources": ("rgb",)},
    "assemblenet.AssembleNetSpace.dilations = (1,)": {"dilations": (1,)},
    "assemblenet.AssembleNetSpace.stems = (2,)": {"stems": (2,)},
    "connections.ConnectionOracle.mutations = 0": {},
    "run.search.method = @random_search.RandomOracle": {},
}


@pytest.fixture
def config():
    """Parses the config of the paper's search; forgets it after the test."""
    gin.clear_config()
    gin.parse_config_file(str(gin_files.find(CONFIG)))
    yield
    gin.clear_config()


@pytest.mark.parametrize("binding", BASELINES)
def test_the_papers_baselines_are_bindings(config, binding):
    assert f'"{binding}"' in gin_files.find(CONFIG).read_text()
    launch.bind(binding)
    method = gin.query_parameter("search.run.search.method")
    oracle = method.scoped_configurable_fn(num_classes=339)
    guided = "RandomOracle" not in binding
    assert oracle.evolution.space == AssembleNetSpace(frames=32, **BASELINES[binding])
    assert oracle.evolution.guided is guided
    assert oracle.max_trials == 220
    none = "mutations" in binding
    expected = Never() if none else Uniform(0, 4) if guided else Constant(1)
    assert oracle.evolution.mutations == expected


def test_the_config_is_the_papers(config):
    spec = gin.query_parameter("search.run.search.clip_spec").scoped_configurable_fn()
    assert spec == ClipSpec(32, 12.5, 224, 224)
    assert gin.query_parameter("search.run.search.scores") == ("top1", "top5")
    assert gin.query_parameter("zoo.training.Recipe.steps") == 10_000


def learn(model, *args, callbacks=(), **kwargs):
    """In place of training: gives each gate a weight of its own."""
    for layer in model.layers:
        if isinstance(layer, GatedSum):
            rng = np.random.default_rng(len(layer.name) + int(layer.name[4:-6]))
            layer.logits.assign(rng.standard_normal(layer.logits.shape))
    for callback in callbacks:
        callback.on_train_begin()


def learned(record):
    """What `learn` gives a network, by edge."""
    weights = {}
    for index, node in enumerate(genotypes.from_json(record.genotype).nodes):
        if len(node.inputs) > 1:
            rng = np.random.default_rng(len(f"node{index}_gates") + index)
            logits = rng.standard_normal(len(node.inputs))
            for source, logit in zip(node.inputs, logits, strict=True):
                weights[f"{source}>{index}"] = 1 / (1 + math.exp(-logit))
    return weights


class Blinks:
    classes, task = ("first", "last"), "single"

    def size(self, split):
        return 4


@pytest.fixture
def port(monkeypatch):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = str(probe.getsockname()[1])
    monkeypatch.setenv(network.IP, "127.0.0.1")
    monkeypatch.setenv(network.PORT, free)
    monkeypatch.setenv(network.TUNER_ID, "worker")
    monkeypatch.setattr(network, "POLL", 0.01)
    monkeypatch.setattr(network, "SOON", 0.05)


@pytest.fixture
def quick(monkeypatch):
    """Builds real networks, and compiles and trains nothing."""
    scores = {"loss": 1.0, "top1": 0.25, "top5": 0.5}
    monkeypatch.setattr(training, "fit", learn)
    monkeypatch.setattr(training, "scorer", lambda *_, **__: lambda: scores)


def oracle_of(trials):
    return ConnectionOracle(
        *(THIN, 2), population_size=2, max_trials=trials, clip_spec=CLIP
    )


def tuner_of(folder, trials):
    proxy = ProxyTraining(2, scores=("top1", "top5"), clip_spec=CLIP)
    names = {"directory": str(folder.parent), "project_name": folder.name}
    return ArchitectureTuner(oracle_of(trials), proxy, **names, latency_seconds=None)


def check_feedback(records, count):
    assert len(records) == count
    for record in records:
        assert record.fitness == 0.75
        feedback = record.details["feedback"]
        assert feedback == pytest.approx(learned(record), abs=1e-6)
        assert len(set(feedback.values())) > 3


@pytest.mark.model
def test_what_edges_learnt_reaches_the_next_round_after_a_restart_too(tmp_path, quick):
    tuner_of(tmp_path, 2).search(Blinks(), verbose=False)
    work = tuner_of(tmp_path, 3)
    check_feedback(work.oracle.records(), 2)
    given, mutate = [], AssembleNetSpace.mutate

    def spied(space, parent, rng, feedback=None):
        given.extend([(parent.to_json(), feedback)] if feedback else [])
        return mutate(space, parent, rng, feedback)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AssembleNetSpace, "mutate", spied)
        work.search(Blinks(), verbose=False)
    records = work.oracle.records()
    check_feedback(records, 3)
    parent = next(r for r in records if r.trial == records[2].parent)
    assert given[-1] == (parent.genotype, parent.details["feedback"])
    audit(work.oracle, journal.read(tmp_path / journal.NAME))


@pytest.mark.model
def test_what_edges_learnt_reaches_a_chief(tmp_path, quick, port):
    chief = oracle_of(3)
    chief._set_project_dir(tmp_path, "trials")
    chief.reload()
    chief.distributed = True
    chief.open()
    thread = threading.Thread(target=network.serve, args=[chief])
    thread.start()
    try:
        tuner_of(tmp_path / "worker", 3).search(Blinks(), verbose=False)
        check_feedback(chief.records(), 3)
        assert chief.records()[2].details["worker"] == "worker"
        audit(chief, journal.read(chief.journal_path))
    finally:
        chief.dispatcher.aborted = True
        chief._tuners.clear()
        thread.join(5)
        chief.close()
