import csv
import json

import pytest
from clip_sources import tiny_genotype

from zoo import diversity
from zoo.diversity import Candidate

COLUMNS = [*diversity.COLUMNS, "error"]


def write(folder, rows):
    """Writes a history of (trial, genotype, fitness, feasible, parent)."""
    with open(folder / "history.csv", "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows([*row, ""] for row in rows)


def genotype(*values):
    """One with twenty genes, of which the first are these."""
    genes = [*values, *[0] * (20 - len(values))]
    return json.dumps({"blocks": [{"kernel": gene} for gene in genes]})


def test_distance_is_the_share_of_genes_not_in_common():
    one = json.dumps({"a": [1, {"b": 2, "c": None}], "d": []})
    assert diversity.distance(one, one) == 0
    # Of the places a[0], a[1].b, a[1].c and d the second and the last differ.
    other = json.dumps({"a": [1, {"b": 3, "c": None}], "d": {}})
    assert diversity.distance(one, other) == 0.5
    # a[0], a[1].b and d are equal; a[1].c is None or a part of one gene.
    deeper = json.dumps({"a": [1, {"b": 2, "c": {"e": 1}}], "d": []})
    assert diversity.distance(one, deeper) == pytest.approx(2 / 5)
    assert diversity.distance(genotype(), genotype(1, 1)) == pytest.approx(0.1)
    whole = tiny_genotype().to_json()
    wider = whole.replace('"filters":4', '"filters":8')
    assert 0 < diversity.distance(whole, wider) < diversity.LEAST_DISTANCE


def test_like_networks_and_kin_are_left_out():
    best = Candidate("0004", genotype(1), 0.9)
    near = Candidate("0005", genotype(2), 0.8)
    child = Candidate("0006", genotype(1, 2, 3, 4), 0.7, parent="0004")
    grandchild = Candidate("0007", genotype(1, 9, 9, 9), 0.6, parent="0006")
    other = Candidate("0001", genotype(5, 6, 7), 0.5)
    mother = Candidate("0000", genotype(*range(5, 15)), 0.4)
    found = [best, near, child, grandchild, other, mother]
    assert diversity.choose(found, 1) == [best]
    assert diversity.choose(found, 3) == [best, grandchild, other]
    # Too few differ: the best of the others follow.
    assert diversity.choose(found, 5) == [best, grandchild, other, mother, near]
    assert diversity.choose(found, 9)[4:] == [near, child]
    kin = [best, Candidate("0009", genotype(*range(10)), 0.3), child]
    assert diversity.choose(kin, 2) == kin[:2]
    parent = Candidate("0002", genotype(*range(10)), 0.3)
    below = Candidate("0004", genotype(1), 0.9, parent="0002")
    assert diversity.choose([below, parent, other], 2) == [below, other]


def test_ranking_has_each_network_within_the_budget_once(tmp_path):
    rows = [
        ("0000", "a", 0.2, "True", ""),
        ("0001", "b", "", "False", "0000"),
        ("0002", "c", 0.5, "True", "0000"),
        ("0003", "a", 0.4, "True", ""),
        ("0004", "d", 0.5, "True", "0002"),
        ("0005", "e", 0.1, "True", ""),
    ]
    write(tmp_path, rows)
    with open(tmp_path / "history.csv", "a") as file:
        file.write("0006,f,0.9,Tr")  # Being written.
    assert diversity.ranking(tmp_path) == [
        Candidate("0002", "c", 0.5, "0000"),
        Candidate("0004", "d", 0.5, "0002"),
        Candidate("0003", "a", 0.4),
        Candidate("0005", "e", 0.1),
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, r"`search` must be a search's folder, with history\.csv"),
        ("", r"`search` must be one whose history\.csv search\.run wrote"),
        ("trial,fitness\n0,1\n", r"search\.run wrote"),
        (",".join(COLUMNS) + "\n", "one that found networks .* of 0 trials"),
        (",".join(COLUMNS) + "\n0,a,,False,,died\n", "found networks .* of 1 trials"),
    ],
)
def test_folders_that_are_no_search_are_refused(text, reason, tmp_path):
    if text is not None:
        (tmp_path / "history.csv").write_text(text)
    with pytest.raises(ValueError, match=reason):
        diversity.ranking(tmp_path)


@pytest.mark.parametrize(
    ("events", "planned"),
    [
        ([], 2),
        (['{"event":"open","time":1,"max_trials":5}\n'], 5),
        (['{"event":"open","max_trials":5}\n', '{"event":"stop","reason":""}\n'], 2),
        (['{"event":"open","max_trials":5}\n', '{"event":"open","max_tri'], 5),
        (
            [f'{{"event":"open","max_trials":{n}}}\n' for n in (5, 9)],
            9,
        ),
    ],
)
def test_planned_trials_are_in_the_journal(events, planned, tmp_path):
    write(tmp_path, [(str(i), "a", 1, "True", "") for i in range(2)])
    if events:
        (tmp_path / "journal.jsonl").write_text("".join(events))
    assert diversity.trials(tmp_path) == (2, planned)
