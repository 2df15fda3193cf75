import keras
import numpy as np
from helpers import fill, known_clip

import zoo
from zoo.fusing import fuse
from zoo.genotypes.tiny_video import (
    NonLocal,
    SpatialLayer,
    Stream,
    TemporalLayer,
    TinyVideoBlock,
    TinyVideoGenotype,
)

GENOTYPE = TinyVideoGenotype(
    streams=(Stream(4, 8.0, 8), Stream(2, 4.0, 8)),
    blocks=(
        TinyVideoBlock(
            filters=4,
            expand=2,
            repeats=2,
            spatial=SpatialLayer("conv", 3, 2),
            temporal=TemporalLayer("conv", 2, 1),
            squeeze_ratio=0.5,
            skip=True,
        ),
        TinyVideoBlock(
            filters=6,
            expand=2,
            spatial=SpatialLayer("depthwise", 3, 1, "hard_swish"),
            context_gate=True,
            inverted=True,
            inputs=("stream1",),
        ),
        TinyVideoBlock(
            filters=6,
            expand=2,
            non_local=NonLocal(2, 2),
            inputs=("block0", "block1"),
        ),
    ),
)


def test_the_fused_network_is_the_network():
    model = zoo.build(GENOTYPE, num_classes=5)
    fill(model)
    fused = fuse(model)
    clip = known_clip((2, *model.input_shape[1:]))
    np.testing.assert_allclose(fused(clip), model(clip), rtol=1e-4, atol=1e-5)


def test_no_norm_is_left_outside_other_layers():
    fused = fuse(zoo.build(GENOTYPE, num_classes=5))
    kinds = {type(layer) for layer in fused.layers}
    assert keras.layers.BatchNormalization not in kinds
    assert zoo.endpoints(fused) == ["block0", "block1", "block2"]


def test_fusing_copies():
    model = zoo.build(GENOTYPE, num_classes=5)
    fused = fuse(model)
    clip = known_clip((1, *model.input_shape[1:]))
    before = np.array(fused(clip))
    fill(model)
    np.testing.assert_array_equal(fused(clip), before)
