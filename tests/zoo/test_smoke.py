import gin
import pytest
from clip_sources import tiny_genotype

from zoo import flags, launch, smoke
from zoo.genotypes import ClipSpec
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


@pytest.mark.parametrize("binding", [None, "genotypes.ClipSpec.frames = 16"])
def test_a_training_reads_them_unless_it_is_told_otherwise(binding, tmp_path):
    argv = ["--gin_file=train/assemblenet50_charades.gin", "--smoke", "--dry_run"]
    argv += [f"--workdir={tmp_path}", "--data=moving_shapes"]
    argv += [f"--gin_bindings={binding}"] if binding else []
    options = {"dry_run": "tell"}
    launch.configure(JOB, flags.parse_flags(JOB, argv, options, ""), [*options])
    spec = gin.query_parameter(f"{JOB}.clip_spec").scoped_configurable_fn()
    gin.clear_config()
    assert spec == ClipSpec(16 if binding else 8, 12.5, 64, 64)
