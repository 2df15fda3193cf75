import json

import gin
import pytest
from clip_sources import tiny_genotype

from zoo import flags, launch, smoke
from zoo.genotypes import FOUND, ClipSpec
from zoo.genotypes.tiny_video import Stream, TinyVideoBlock, TinyVideoGenotype

JOB = "zoo.train.train"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("assemblenet50", (8, 12.5, 64, 64, None)),
        ("pseudo3d", (8, 25.0, 64, 64, 4)),
        ("tvn1", (2, 3.0, 64, 64, None)),
    ],
)
def test_clips_are_small_and_otherwise_the_networks_own(name, expected):
    names = ("frames", "rate", "height", "width", "segments")
    settings = zip(names, expected, strict=True)
    lines = [f"genotypes.ClipSpec.{key} = {value}" for key, value in settings]
    assert sorted(smoke.clip_bindings(name)) == sorted(lines)


def test_clips_of_several_streams_stay(tmp_path):
    block = TinyVideoBlock(4, 1, inputs=("stream0", "stream1"))
    streams = (Stream(2, 4.0, 16), Stream(6, 12.0, 8))
    (tmp_path / "best.json").write_text(TinyVideoGenotype(streams, (block,)).to_json())
    assert smoke.clip_bindings(str(tmp_path / "best.json")) == []


def test_small_clips_stay_as_they_are(tmp_path):
    genotype = tiny_genotype()
    (tmp_path / "best.json").write_text(genotype.to_json())
    lines = smoke.clip_bindings(str(tmp_path / "best.json"))
    assert f"genotypes.ClipSpec.height = {genotype.clip_spec.height}" in lines


def configured(tmp_path, *argv):
    """The clips of a training that --smoke shrinks; None where nothing says."""
    argv = [*argv, "--smoke", f"--workdir={tmp_path}", "--data=moving_shapes"]
    options = {"search": "folder"}
    try:
        launch.configure(JOB, flags.parse_flags(JOB, argv, options, ""), [*options])
        spec = launch._bound(f"{JOB}.clip_spec")
        return spec and spec.scoped_configurable_fn()
    finally:
        gin.clear_config()


@pytest.mark.parametrize("binding", [None, "genotypes.ClipSpec.frames = 16"])
def test_a_training_reads_them_unless_it_is_told_otherwise(binding, tmp_path):
    argv = ["--gin_file=train/assemblenet50_charades.gin"]
    argv += [f"--gin_bindings={binding}"] if binding else []
    spec = configured(tmp_path, *argv)
    assert spec == ClipSpec(16 if binding else 8, 6.0, 64, 64)


OWN = (
    "from __gin__ import dynamic_registration\nfrom zoo import genotypes\n"
    "import zoo.train\nzoo.train.train.clip_spec = @genotypes.ClipSpec()\n"
    "genotypes.ClipSpec.frames = 4\ngenotypes.ClipSpec.rate = 2.0\n"
    "genotypes.ClipSpec.height = %SIDE\ngenotypes.ClipSpec.width = 320\nSIDE = 32\n"
)


@pytest.mark.parametrize("model", ["assemblenet50", "pseudo3d"])
def test_clips_of_a_config_are_not_made_larger(model, tmp_path):
    (tmp_path / "own.gin").write_text(OWN)
    argv = [f"--gin_file={tmp_path / 'own.gin'}", f"--model={model}"]
    assert configured(tmp_path, *argv) == ClipSpec(4, 2.0, 32, 64)


@pytest.mark.parametrize("value", ["%MODEL", "'pseudo3d'"])
def test_a_model_by_a_macro_or_a_binding_is_shrunk(value, tmp_path):
    bindings = ["MODEL = 'pseudo3d'", f"train.train.model = {value}"]
    argv = [f"--gin_bindings={binding}" for binding in bindings]
    assert configured(tmp_path, *argv) == ClipSpec(8, 25.0, 64, 64, 4)


def test_a_model_that_is_no_text_is_left_alone(tmp_path):
    assert configured(tmp_path, "--gin_bindings=train.train.model = 5") is None
    with pytest.raises(ValueError, match=r"`model` must be .*Got: '%tvn'"):
        configured(tmp_path, "--model=%tvn")


SETTINGS = [
    *("frames = 6", "rate = 1.0", "height = 100", "width = 90", "segments = None"),
]


@pytest.mark.parametrize("count", [1, 5])
def test_clips_by_bindings_stay_and_the_rest_is_the_networks(count, tmp_path):
    bindings = ["train.train.clip_spec = @genotypes.ClipSpec()"]
    bindings += [f"genotypes.ClipSpec.{setting}" for setting in SETTINGS[:count]]
    argv = [f"--gin_bindings={binding}" for binding in bindings]
    # Six frames are not of four segments.
    expected = ClipSpec(6, 25.0, 64, 64) if count == 1 else ClipSpec(6, 1.0, 100, 90)
    assert configured(tmp_path, "--model=pseudo3d", *argv) == expected


def test_no_clips_by_a_binding_stay_none(tmp_path):
    argv = ["--model=tvn1", "--gin_bindings=train.train.clip_spec = None"]
    assert configured(tmp_path, *argv) is None


def test_members_of_a_search_read_small_clips(tmp_path):
    (tmp_path / "best.json").write_text(FOUND["pseudo3d"].to_json())
    assert configured(tmp_path, f"--search={tmp_path}") == ClipSpec(8, 25, 64, 64, 4)
    clip = ClipSpec(frames=6, rate=5.0, height=40, width=56)
    known = {"search": {"clip_spec": repr(clip)}, "machine": {}}
    (tmp_path / "search.json").write_text(json.dumps(known))
    assert configured(tmp_path, f"--search={tmp_path}") == clip
    with pytest.raises(ValueError, match="`search` must be a genotype or its file"):
        smoke.clip_bindings(str(tmp_path / "no"), "search")
