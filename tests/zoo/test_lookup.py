import json
import subprocess
import sys

import pytest
from clip_sources import TINY, tiny_genotype

import zoo
from zoo import ensemble, inference, lookup
from zoo.genotypes import FOUND, ClipSpec
from zoo.inference import Description, Run

TVN = FOUND["tvn1"]
CLIP = ClipSpec(frames=6, rate=5.0, height=40, width=56)
ABOUT = Description(tiny_genotype(), ("a", "b"), "single", CLIP)


def write_best(folder, clip_spec=None):
    """The files of a search; without clips it is one of only a genotype's file."""
    path = folder / "best.json"
    path.write_text(TVN.to_json() + "\n")
    if clip_spec:
        known = {"search": json.loads(clip_spec), "machine": {}}
        (folder / "search.json").write_text(json.dumps(known))
    return path


def test_genotypes_and_names_have_clips_of_their_own():
    assert lookup.find(TVN) == lookup.find("tvn1") == (TVN, TVN.clip_spec)


def test_a_folder_named_like_a_model_does_not_hide_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tvn1").mkdir()
    assert lookup.find("tvn1")[0] == TVN


@pytest.mark.parametrize("clip_spec", [None, "{}", '{"clip_spec": null}'])
def test_a_file_has_the_clips_of_its_genotype(tmp_path, clip_spec):
    path = write_best(tmp_path, clip_spec)
    for place in (path, str(path), tmp_path, str(tmp_path)):
        assert lookup.find(place) == (TVN, TVN.clip_spec)


def test_a_file_may_come_from_windows(tmp_path):
    text = TVN.to_json().replace(",", ",\r\n")
    (tmp_path / "mein Netz.json").write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert lookup.find(tmp_path / "mein Netz.json")[0] == TVN


def test_what_a_search_found_has_its_clips(tmp_path):
    path = write_best(tmp_path, json.dumps({"clip_spec": repr(CLIP)}))
    for place in (path, tmp_path):
        assert lookup.find(place) == (TVN, CLIP)


def test_a_run_has_the_clips_that_it_was_trained_on(tmp_path):
    inference.describe(tmp_path, ABOUT)
    for place in (tmp_path, tmp_path / "model.json"):
        assert lookup.find(place) == (tiny_genotype(), CLIP)
    assert lookup.find(ABOUT) == (tiny_genotype(), CLIP)


def test_of_a_one_shot_search_it_is_the_pruned_network(tmp_path):
    inference.describe(tmp_path, ABOUT)
    write_best(tmp_path)
    assert lookup.find(tmp_path)[0] == TVN


@pytest.mark.model
def test_a_model_that_zoo_built_and_a_run_tell_what_they_are():
    model = zoo.build(tiny_genotype(), CLIP.shape, 2)
    genotype, clip = lookup.find(model)
    assert genotype == tiny_genotype()
    assert (clip.shape, clip.rate) == (CLIP.shape, genotype.clip_spec.rate)
    run = Run(model, ABOUT.classes, "single", CLIP, None)
    assert lookup.find(run) == (tiny_genotype(), CLIP)
    assert zoo.draw(run) == zoo.draw(tiny_genotype(), clip_spec=CLIP)


@pytest.mark.parametrize(
    ("network", "told"),
    [
        (5, "such as .*Got: 5"),
        (None, "such as .*Got: None"),
        ("asemblenet50", r"a model's name such as .*'assemblenet50'.*asemblenet50"),
        ("no/best.json", "the folder of a run or of a search"),
        (".", "the folder of a run or of a search"),
    ],
)
def test_what_is_no_network_is_refused(network, told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=f"`network` must be a genotype .*{told}"):
        zoo.draw(network)
    with pytest.raises(ValueError, match="`other` must be a genotype "):
        zoo.draw(TVN, other=network or "")


def test_a_file_that_is_no_genotype_is_named(tmp_path):
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"\xff\xfe{")
    with pytest.raises(ValueError, match=r"clip\.mp4: .* must be JSON"):
        lookup.find(path)


def test_the_text_of_a_genotype_is_no_name_of_a_file():
    for text in (TVN.to_json(), "x" * 5000, "\x00"):
        with pytest.raises(ValueError, match="`network` must be a genotype") as error:
            zoo.draw(text)
        assert len(str(error.value)) < 700


@pytest.mark.parametrize(
    "text",
    [
        *("", "\x00", "[" * 9999, "{}", "[]", '{"search": null}'),
        '{"search": {"clip_spec": "foo"}}',
        '{"search": {"clip_spec": 5}}',
        '{"search": {"clip_spec": "ClipSpec("}}',
        '{"search": {"clip_spec": "ClipSpec(frames=x)"}}',
        '{"search": {"clip_spec": "ClipSpec(frames=6)"}}',
        '{"search": {"clip_spec": "ClipSpec(6, 5.0, 40, 56)"}}',
        '{"search": {"clip_spec": "ClipSpec(**{1: 2})"}}',
    ],
)
def test_a_damaged_claim_of_a_search_is_named(text, tmp_path):
    path = write_best(tmp_path)
    (tmp_path / "search.json").write_text(text)
    line = r"search\.json` must be written by search\.run\. Got: .*$"
    with pytest.raises(ValueError, match=line) as error:
        lookup.find(path)
    assert "\n" not in str(error.value)


def test_an_ensemble_is_no_one_network(tmp_path):
    ensemble.describe(tmp_path, ["member0", "member1"])
    with pytest.raises(ValueError, match="`network` must be one network of an ensem"):
        lookup.find(tmp_path)


def test_a_name_is_drawn_without_keras():
    code = "import sys, zoo; zoo.draw('tvn1'); print('keras' in sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert run.stdout.split() == ["False"]


def test_draws_a_network_with_its_own_clips(tmp_path):
    inference.describe(tmp_path, ABOUT)
    assert f"{CLIP.frames} frames of {CLIP.width}x{CLIP.height}" in zoo.draw(tmp_path)
    drawn = zoo.draw(tmp_path, clip_spec=TINY)
    assert f"{TINY.frames} frames of {TINY.width}x{TINY.height}" in drawn
