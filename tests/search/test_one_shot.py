import dataclasses
import functools
import random

import keras
import pytest
from clip_sources import ArrayClips

from search import run
from search.one_shot import OneShotConnections
from search.pruning import prune
from search.spaces.assemblenet import AssembleNetSpace
from search.spaces.tiny_video import TinyVideoSpace
from search.tournament import TournamentOracle
from zoo import genotypes, inference, registry, training
from zoo.genotypes import ClipSpec
from zoo.training import Recipe

SPACE = AssembleNetSpace(
    stems=(2,), splits=(0, 0), edge_probability=1.0, depth=26, width=1 / 32
)
CLIP = ClipSpec(frames=2, rate=4.0, height=16, width=16)
RECIPE = Recipe(steps=3, batch_size=2, learning_rate=0.1, warmup_steps=0)
RESULT = {"step": 3, "validation_loss": 1.0, "validation_top1": 0.5}
RESULT |= {"validation_top5": 1.0, "best_score": 0.5}


class Sketch(keras.Model):
    """Stands for a network where only the weights of its edges are needed."""


def gates(genotype):
    rng = random.Random(7)
    return {f"{a}>{b}": rng.random() for a, b in genotype.edges}


@pytest.fixture
def instant(monkeypatch):
    """Builds and trains nothing; gives the arguments of each training."""
    calls = []

    def fit(network, clips, spec, recipe, folder, seed, **how):
        calls.append((spec, recipe, folder, seed, how))
        return RESULT

    monkeypatch.setattr(registry, "build", lambda *_, **__: Sketch())
    monkeypatch.setattr(registry, "feedback", lambda genotype, _: gates(genotype))
    monkeypatch.setattr(training, "fit", fit)
    return calls


def search(folder, scores=(), recipe=RECIPE, options=(), **arguments):
    arguments = {"space": SPACE, "clip_spec": CLIP, **arguments}
    method = functools.partial(OneShotConnections, **arguments)
    how = {"scores": scores, **dict(options)}
    return run.search(method, ArrayClips(), str(folder), recipe, **how)


def test_it_trains_once_and_prunes_by_what_was_learnt(tmp_path, instant, capsys):
    record = search(tmp_path, save_every=3, log_every=2, seed=5)
    whole = SPACE.sample(random.Random(5))
    pruned = prune(whole, gates(whole), threshold=0.5)
    assert (tmp_path / "best.json").read_text() == pruned.to_json() + "\n"
    assert genotypes.from_json(record.genotype) == pruned
    assert len(list(pruned.edges)) < len(list(whole.edges))
    [(spec, recipe, folder, seed, how)] = instant
    assert (spec, recipe, folder, seed) == (CLIP, RECIPE, tmp_path, 5)
    assert (how["save_every"], how["log_every"]) == (3, 2)
    assert record.fitness == 0.5
    assert record.details["parameters"] == pruned.cost(3, CLIP.shape).parameters
    out = capsys.readouterr().out
    first, second, *_ = out.splitlines()
    edges = len(list(whole.edges))
    assert first.startswith(f"Searching among {edges} edges of one graph: ")
    assert first.endswith(" a clip of 2 frames at 4 fps, 16 x 16")
    assert second == "12 training clips of 3 classes, 3 steps of 2: 0.5 epochs"
    counts = [len(list(graph.edges)) for graph in (pruned, whole)]
    assert f"Kept {counts[0]} of {counts[1]} edges" in out
    assert f"python -m zoo.train --model={tmp_path / 'best.json'}" in out


def test_its_fitness_is_of_the_scores_that_are_asked_for(tmp_path, instant):
    assert search(tmp_path, scores=("top1", "top5")).fitness == 1.5
    with pytest.raises(ValueError, match=r"`scores` must be some of \['top1'"):
        search(tmp_path / "other", scores=("map",))


def test_another_share_prunes_the_same_training_again(tmp_path, instant, capsys):
    search(tmp_path)
    assert "is trained" not in capsys.readouterr().out
    half = search(tmp_path, keep=0.5)
    told = capsys.readouterr().out
    assert told.startswith(f"The graph in {tmp_path} is trained; it is pruned again.\n")
    few = search(tmp_path, keep=0.1)
    counts = [len(list(genotypes.from_json(r.genotype).edges)) for r in (half, few)]
    assert counts[0] > counts[1]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"recipe": Recipe(steps=4, warmup_steps=0)}, "recipe"),
        ({"seed": 1}, "genotype"),
        ({"clip_spec": ClipSpec(3, 4.0, 16, 16)}, "clip_spec"),
        ({"options": {"dropout": 0.5}}, "options"),
    ],
)
def test_the_workdir_of_another_search_is_refused(tmp_path, instant, change, named):
    search(tmp_path)
    with pytest.raises(ValueError, match=f"`workdir` must be new.* with {named} "):
        search(tmp_path, **change)
    assert len(instant) == 1


def test_the_workdir_of_an_evolution_is_another_search(tmp_path, instant):
    search(tmp_path)
    method = functools.partial(TournamentOracle, TinyVideoSpace(), max_trials=1)
    with pytest.raises(ValueError, match="`workdir` must be new"):
        run.search(method, ArrayClips(), str(tmp_path), RECIPE)


def test_a_graph_may_be_given(tmp_path, instant):
    path = tmp_path / "graph.json"
    path.write_text(SPACE.sample(random.Random(1)).to_json())
    marked = tmp_path / "marked.json"
    marked.write_text(path.read_text(), encoding="utf-8-sig")
    for initial in ("assemblenet50", str(path), str(marked)):
        method = OneShotConnections(3, initial=initial)
        assert method.genotype().to_json()
    assert OneShotConnections(3, initial="assemblenet50").genotype().modules[2] == 6


@pytest.mark.parametrize(
    ("bad", "named"),
    [
        ({"space": None}, "initial"),
        ({"initial": "assemblenet50"}, "initial"),
        ({"space": None, "initial": "tvn1"}, "initial"),
        ({"space": None, "initial": "nothing"}, "initial"),
        ({"threshold": 1.5}, "threshold"),
        ({"keep": 0}, "keep"),
        ({"seed": -1}, "seed"),
    ],
)
def test_bad_arguments_are_refused_before_the_training(bad, named):
    with pytest.raises(ValueError, match=f"`{named}` must be"):
        OneShotConnections(3, **{"space": SPACE, **bad})


def test_an_option_that_no_graph_has_is_refused(tmp_path, instant):
    with pytest.raises(ValueError, match="`options` must be"):
        search(tmp_path, options={"inner": 3})
    assert not tmp_path.joinpath("search.json").exists()


def test_it_has_no_workers_and_nothing_to_audit(tmp_path, instant):
    with pytest.raises(ValueError, match="`method` must be an evolution, where"):
        search(tmp_path, options={"audit": True})
    assert instant == []


class Cut(keras.callbacks.Callback):
    """Ends a training after two steps, as Ctrl-C does."""

    def on_train_batch_end(self, batch, logs=None):
        if batch == 1:
            raise KeyboardInterrupt


@pytest.mark.model
def test_a_training_that_was_cut_off_goes_on_and_prunes_the_same(
    tmp_path, monkeypatch, eager
):
    space = dataclasses.replace(SPACE, sources=("rgb",))
    given = {"space": space, "save_every": 2, "verbose": False}
    given["options"] = {"validation_limit": 2}
    with monkeypatch.context() as patch:
        cut = functools.partial(training.fit, callbacks=[Cut()])
        patch.setattr(training, "fit", cut)
        with pytest.raises(KeyboardInterrupt):
            search(tmp_path / "parts", **given)
    assert not (tmp_path / "parts" / "best.json").exists()
    for name in ("parts", "whole"):
        search(tmp_path / name, **given)
    parts, whole = (tmp_path / name / "best.json" for name in ("parts", "whole"))
    assert parts.read_text() == whole.read_text()
    about = inference.read_description(tmp_path / "whole")
    assert about.genotype == space.sample(random.Random(0))
    keras.utils.set_random_seed(0)
    before = registry.feedback(about.genotype, about.build())
    nodes = enumerate(genotypes.from_json(whole.read_text()).nodes)
    learned = [
        (f"{source}>{index}", weight)
        for index, node in nodes
        for source, weight in zip(node.inputs, node.weights, strict=False)
    ]
    assert max(abs(before[name] - weight) for name, weight in learned) > 1e-4
