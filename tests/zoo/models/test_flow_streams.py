"""Networks that read the flow of the clip they are given, and their ensembles."""

import keras
import numpy as np
import pytest
from helpers import known_clip

import zoo
from zoo.genotypes.evanet import Branch, EvaNetBlock, EvaNetGenotype
from zoo.genotypes.found.inception import uniform
from zoo.genotypes.space_time import SpaceTimeConv
from zoo.layers.flow import RepresentationFlow

SHAPE = (2, 32, 32, 3)
TINY = EvaNetGenotype(
    stem=SpaceTimeConv("conv3d", 1),
    pool_times=(1,),
    blocks=(EvaNetBlock(8, 1, (Branch("point"),)),),
)


@pytest.mark.model
@pytest.mark.parametrize("genotype", [TINY, uniform("conv3d", 1, width=0.05)])
def test_flow_is_that_of_the_clip(genotype):
    clip = known_clip((1, *SHAPE)) / 2 + 0.5
    stream = zoo.build(genotype, SHAPE, 5, flow="representation")
    reads_flow = zoo.build(genotype, (2, 32, 32, 2), 5)
    own = [w for w in stream.weights if "flow" not in w.path.split("/")]
    assert len(own) == len(reads_flow.weights)
    for weight, other in zip(own, reads_flow.weights, strict=True):
        other.assign(weight)
    flow = RepresentationFlow()(clip)
    expected = reads_flow(flow, training=False)
    np.testing.assert_allclose(stream(clip, training=False), expected, atol=1e-5)


@pytest.mark.model
def test_two_streams_of_one_clip_are_one_model():
    clip = known_clip((2, *SHAPE)) / 2 + 0.5
    rgb = zoo.build(TINY, SHAPE, 5)
    flow = zoo.build(TINY, SHAPE, 5, flow="representation")
    both = zoo.fuse([rgb, flow])
    each = [keras.ops.softmax(m(clip, training=False)) for m in (rgb, flow)]
    outputs = both(clip, training=False)
    np.testing.assert_allclose(outputs, (each[0] + each[1]) / 2, atol=1e-6)


def test_unknown_flow_is_refused():
    with pytest.raises(ValueError, match="flow"):
        zoo.build(TINY, SHAPE, 5, flow="farneback")
