"""Networks of optical flow on clips of RGB, of which they get the flow on the way."""

import dataclasses

import keras

from zoo.ensemble import Ensemble
from zoo.genotypes.base import check
from zoo.inference import Run
from zoo.inputs import FLOW_CHANNELS
from zoo.layers.flow import flow_of


def from_rgb(model: keras.Model) -> keras.Model:
    """A model of RGB that computes its optical flow, and gives it to a model of flow.

    The flow is that of the layer `TVL1Flow`, which `datasets.prepare --flow` stores: a
    network that is trained on stored flow so runs on videos, and with one of RGB,
    `zoo.fuse([rgb, zoo.from_rgb(flow)])`, is one model of one clip. The model stays as
    it is, and shares its weights with the new one, in which it is the layer `stream`.

    Args:
        model: From 2 channels of flow in [-1, 1], where 1 is 20 pixels.

    Returns:
        Model from `clip`, RGB in [0, 1] of (batch, frames, height, width, 3), to what
        the given one puts out.

    Raises:
        ValueError: The model reads something else.
    """
    plain = isinstance(model, keras.Model) and getattr(model, "inputs", None)
    plain = plain and len(model.inputs) == len(model.outputs) == 1
    rule = "a functional model of one input and one output"
    check(plain, "model", rule, getattr(model, "name", model))
    shape = tuple(model.inputs[0].shape[1:])
    flows = len(shape) == 4 and shape[-1] == FLOW_CHANNELS
    check(flows, "model", "one that reads optical flow, 2 channels", shape)
    clip = keras.Input((*shape[:3], 3), name="clip")
    stream = keras.Model(model.inputs[0], model.outputs[0], name="stream")
    return keras.Model(clip, stream(flow_of(clip, "tvl1")), name=f"{model.name}_rgb")


def online(run: Run | Ensemble) -> Run | Ensemble:
    """A run, or an ensemble, whose networks all read RGB, as video files give it."""
    if isinstance(run, Ensemble):
        members = {name: online(member) for name, member in run.members.items()}
        return dataclasses.replace(run, members=members)
    if run.channels != FLOW_CHANNELS:
        return run
    return dataclasses.replace(run, model=from_rgb(run.model), channels=3)
