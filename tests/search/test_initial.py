import dataclasses

import pytest
from stub_search import SPACE, report, stub_oracle

from search import initial
from search.budget import Budget
from search.evolution import Evolution
from search.ledger import GENOTYPE
from search.spaces.tiny_video import TinyVideoSpace
from zoo.genotypes import FOUND, ClipSpec, from_json

WHOLE = TinyVideoSpace()


class Other:
    """A space of another family."""

    def sample(self, rng):
        return object()


def evolution(space=SPACE, budget=None, **arguments):
    return Evolution(space, 5, budget, **arguments)


def earlier(folder, scores=(0.1, 0.9, None, 0.5)):
    """The folder of a search with these scores, and its genotypes."""
    oracle = stub_oracle(folder)
    for score in scores:
        trial = oracle.create_trial("tuner0")
        report(oracle, trial, score, "FAILED" if score is None else "COMPLETED")
    oracle.close()
    return folder / "trials", [record.genotype for record in oracle.records()]


def test_a_name_is_the_genotype_of_that_model():
    assert initial.resolve(["tvn1"], evolution(WHOLE)) == [FOUND["tvn1"].to_json()]


def test_a_file_has_a_genotype(tmp_path):
    path = tmp_path / "best.json"
    path.write_text(FOUND["tvn2"].to_json() + "\n")
    found = initial.resolve([str(path), "tvn2", "tvn1"], evolution(WHOLE))
    assert found == [FOUND["tvn2"].to_json(), FOUND["tvn1"].to_json()]


def test_a_folder_named_like_a_model_does_not_hide_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tvn1").mkdir()
    assert initial.resolve(["tvn1"], evolution(WHOLE)) == [FOUND["tvn1"].to_json()]


def test_a_file_may_begin_with_a_mark_of_its_encoding(tmp_path):
    path = tmp_path / "tvn1.json"
    path.write_text(FOUND["tvn1"].to_json(), encoding="utf-8-sig")
    found = initial.resolve([str(path)], evolution(WHOLE))
    assert found == [FOUND["tvn1"].to_json()]


def test_a_word_in_place_of_a_list_is_refused():
    with pytest.raises(ValueError, match=r"`initial` must be a list.*'tvn1'"):
        stub_oracle(initial="tvn1")


def test_of_an_earlier_search_the_best_are_taken_in_their_order(tmp_path):
    folder, texts = earlier(tmp_path)
    found = initial.resolve([str(folder)], evolution(population_size=2))
    assert found == [texts[1], texts[3]]


def test_what_an_earlier_search_found_must_keep_the_budget(tmp_path):
    folder, texts = earlier(tmp_path)
    costs = {text: from_json(text).cost(5).macs for text in texts}
    limit = sorted(costs[texts[i]] for i in (0, 1, 3))[0]
    found = initial.resolve([str(folder)], evolution(budget=Budget(macs=limit)))
    assert [costs[text] for text in found] == [limit]
    none = evolution(budget=Budget(macs=1))
    with pytest.raises(ValueError, match="that found networks within the budget"):
        initial.resolve([str(folder)], none)


def test_an_earlier_search_of_another_space_is_refused(tmp_path):
    folder, _ = earlier(tmp_path)
    with pytest.raises(ValueError, match="`initial` must be of the space"):
        initial.resolve([str(folder)], evolution(Other()))


def test_what_is_none_of_these_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"`initial` must be names of models.*nowhere"):
        initial.resolve(["nowhere"], evolution())
    with pytest.raises(ValueError, match=r"folder, with journal.jsonl"):
        initial.resolve([str(tmp_path)], evolution())
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(ValueError, match="JSON"):
        initial.resolve([str(tmp_path / "bad.json")], evolution())


def test_a_genotype_that_the_space_can_not_mutate_is_refused(tmp_path):
    blocks = FOUND["tvn1"].blocks
    joined = dataclasses.replace(blocks[1], inputs=("block0", "stream0"))
    graph = dataclasses.replace(FOUND["tvn1"], blocks=(blocks[0], joined, *blocks[2:]))
    (tmp_path / "graph.json").write_text(graph.to_json())
    with pytest.raises(ValueError, match=r"`initial` must be of the space.*graph.json"):
        initial.resolve([str(tmp_path / "graph.json")], evolution(WHOLE))


def test_a_genotype_of_another_family_is_refused():
    with pytest.raises(ValueError, match=r"`initial` must be of the space.*tvn1"):
        initial.resolve(["tvn1"], evolution(Other()))


def test_a_genotype_above_the_budget_is_refused():
    small = evolution(WHOLE, Budget(parameters=1e6))
    with pytest.raises(ValueError, match=r"within the budget.*tvn1.*parameters \+\d+%"):
        initial.resolve(["tvn1"], small)


def test_the_budget_is_kept_with_the_clips_of_the_search(tmp_path):
    folder, texts = earlier(tmp_path)
    clip_spec = ClipSpec(frames=64, rate=8.0, height=128, width=128)
    costs = {from_json(text).cost(5).macs: text for text in texts if text != texts[2]}
    file, budget = tmp_path / "smallest.json", Budget(macs=min(costs))
    file.write_text(costs[min(costs)])
    large = evolution(budget=budget, clip_spec=clip_spec)
    for item in (str(file), str(folder)):
        assert initial.resolve([item], evolution(budget=budget))
        with pytest.raises(ValueError, match="within the budget"):
            initial.resolve([item], large)


def test_a_search_begins_with_them_and_with_no_others(tmp_path):
    folder, texts = earlier(tmp_path / "a")
    oracle = stub_oracle(tmp_path / "b", initial=[str(folder)])
    proposed = []
    for _ in range(5):
        trial = oracle.create_trial("tuner0")
        proposed.append(trial.hyperparameters.values[GENOTYPE])
        report(oracle, trial)
    assert proposed[:3] == [texts[1], texts[3], texts[0]]
    assert len(set(proposed)) == 5
    oracle.close()
    # It goes on also where what it began with is gone.
    (folder / "journal.jsonl").unlink()
    assert stub_oracle(tmp_path / "b", initial=[str(folder)]).create_trial("a")


def test_what_can_not_begin_a_search_leaves_no_search(tmp_path):
    oracle = stub_oracle(tmp_path, initial=["nowhere"])
    with pytest.raises(ValueError, match="`initial`"):
        oracle.open()
    assert not oracle.journal_path.exists()
