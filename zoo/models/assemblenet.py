"""AssembleNet's multi-stream graphs (https://arxiv.org/abs/1905.13209)."""

import math

import keras
from keras import layers, ops

from zoo.genotypes.assemblenet import AssembleNetGenotype
from zoo.genotypes.base import check
from zoo.genotypes.plans.assemblenet import LEVELS, Fusion, Part, Plan
from zoo.genotypes.plans.residual import Layer, Module
from zoo.layers.attention import PeerAttention
from zoo.layers.convolution import JointConv, SpatialConv, TemporalConv
from zoo.layers.flow import flow_of
from zoo.layers.fusion import GatedSum
from zoo.layers.head import VideoHead
from zoo.layers.normalization import BatchNorm
from zoo.layers.objects import ObjectPool
from zoo.layers.pooling import SpatialAveragePool, SpatialMaxPool

FLOWS = ("representation", "tvl1", "input")
OBJECTS = ("maps", "channels")
LITE_ITERATIONS = 20  # Of the representation flow.
EDGES = ("found", "frozen", "new")


def build(
    genotype: AssembleNetGenotype,
    input_shape: tuple[int, int, int, int] | None = None,
    num_classes: int = 400,
    include_top: bool = True,
    flow: str = "representation",
    edges: str = "found",
    pooling: str = "average",
    dropout: float = 0.0,
    objects: str = "maps",
) -> keras.Model:
    """Builds a network of a graph.

    The semantics are those of the released code (google-research, assemblenet, commit
    0c1bbe5f), whose forward pass it equals: convolutions that stride have as many zeros
    on each side, pools have TensorFlow's padding. Unlike there, where they are frozen,
    the published weights of edges train, as in the paper; a clip's flow does not
    depend on the other clips in its batch; attention of an input to itself comes before
    its weight.

    Args:
        genotype: Which graph.
        input_shape: (frames, height, width, 3) of RGB; None is the genotype's clip.
        num_classes: Width of the classifier.
        include_top: Whether to end with the classifier.
        flow: Where the flow of flow sources comes from: "representation", from the
            clip as in the released code; "tvl1", from the clip by the algorithm that
            the paper names; or "input", a second input of the model, in pixels / 20.
        edges: Weights of edges: "found" begins with those of the genotype, "frozen"
            keeps them, "new" begins with one half, as do genotypes without weights.
        pooling: How the classifier joins frames: the paper has "average" for Moments in
            Time and "max" for Charades; see `VideoHead`.
        dropout: Before the classifier; the paper has none.
        objects: What the input of object sources holds: "maps", the number of each
            pixel's class, of which any beyond the source's channels is none; or
            "channels", one for each class, as in the released code: a gigabyte for
            32 frames of 224x224 pixels and 151 classes.

    Returns:
        Model from `clip`, RGB in [0, 1] of (batch, frames, height, width, 3), to logits
        (batch, num_classes), or without the top to what is classified: the features of
        the last level, averaged over space if it has several nodes, in the lite form
        after its two convolutions. Inputs `flow` of 2 channels and `objects`, of
        (batch, frames, height, width) where they are maps, come after `clip` where the
        graph has such sources; what nothing reads is no input. Each node's output is
        an endpoint: `node0`, `node1`, ...

    Raises:
        ValueError: An option is unknown, or the clip has one frame and flow is needed.
    """
    check(flow in FLOWS, "flow", f"one of {FLOWS}", flow)
    check(edges in EDGES, "edges", f"one of {EDGES}", edges)
    check(objects in OBJECTS, "objects", f"one of {OBJECTS}", objects)
    input_shape = genotype.clip_shape(input_shape)
    rule = "of RGB, 3 channels, beside which this family reads or computes flow"
    check(input_shape[-1] == 3, "input_shape", rule, input_shape)
    plan = genotype.plan(input_shape)
    inputs = _inputs(genotype, input_shape, flow, objects)
    sources = {"rgb": inputs.get("clip"), "object": inputs.get("objects")}
    if "flow" in genotype.kinds:
        sources["flow"] = inputs.get("flow")
        if sources["flow"] is None:
            sources["flow"] = _flow(genotype, inputs["clip"], flow)
    outputs = _nodes(plan, sources, edges)
    x = _joined([outputs[top.name] for top in plan.tops])
    for layer in plan.head:
        x = _layer(x, layer)
    if include_top:
        head = VideoHead(num_classes, pooling, dropout, dtype="float32", name="head")
        x = head(x)
    known = list(inputs.values())
    return keras.Model(known if len(known) > 1 else known[0], x)


def feedback(genotype: AssembleNetGenotype, model: keras.Model) -> dict[str, float]:
    """Gates of the edges after training, by "from>to".

    An edge that is its node's only one has no gate and is not there.
    """
    gates = {}
    for index, node in enumerate(genotype.nodes):
        if len(node.inputs) > 1:
            logits = model.get_layer(f"node{index}_gates").logits
            values = ops.convert_to_numpy(ops.sigmoid(logits)).tolist()
            pairs = zip(node.inputs, values, strict=True)
            gates |= {f"{source}>{index}": value for source, value in pairs}
    return gates


def _inputs(
    genotype: AssembleNetGenotype, shape: tuple, flow: str, objects: str
) -> dict:
    """The model's inputs by name."""
    inputs, given = {}, flow == "input" and "flow" in genotype.kinds
    if "rgb" in genotype.kinds or not given:
        inputs["clip"] = keras.Input(shape, name="clip")
    if given:
        inputs["flow"] = keras.Input((*shape[:3], 2), name="flow")
    if "object" in genotype.kinds and objects == "maps":
        inputs["objects"] = keras.Input(shape[:3], dtype="uint8", name="objects")
    elif "object" in genotype.kinds:
        classes = {node.channels for node in genotype.nodes if node.kind == "object"}
        inputs["objects"] = keras.Input((*shape[:3], *classes), name="objects")
    return inputs


def _flow(genotype: AssembleNetGenotype, clip, kind: str):
    short = genotype.lite and kind == "representation"
    return flow_of(clip, kind, **({"iterations": LITE_ITERATIONS} if short else {}))


def _nodes(plan: Plan, sources: dict, edges: str) -> dict:
    """The output of each node by its name."""
    outputs, means = {}, {}
    peers = {peer.name for peer in plan.peers(LEVELS)}
    for part in plan.parts:
        if part.fusion:
            read = [outputs[plan.parts[index].name] for index in part.node.inputs]
            below = [means[peer.name] for peer in plan.peers(part.node.level)]
            x = _fused(read, below, part, edges)
            for module in part.modules:
                x = _module(x, module)
        else:
            x = _stem(sources[part.node.kind], part)
        outputs[part.name] = x
        if part.name in peers:
            means[part.name] = _mean(x, f"{part.name}_mean")
    return outputs


def _stem(x, part: Part):
    if part.node.kind == "object" and len(x.shape) == 4:
        size = part.stem[0].size
        return ObjectPool(part.output.channels, size, name=part.name)(x)
    for layer in part.stem:
        x = _layer(x, layer)
    return x


def _fused(tensors: list, peers: list, part: Part, edges: str):
    fusion: Fusion = part.fusion
    pooled = [
        _layer(x, pool) if pool else x
        for x, pool in zip(tensors, fusion.pools, strict=True)
    ]
    name, weights = part.name, part.node.weights
    if part.attention:
        attend = PeerAttention(len(pooled), name=f"{name}_attention")
        pooled = attend([*pooled, *peers])
    if not fusion.groups:
        return pooled[0]
    gates = weights if weights and edges != "new" else None
    sums = GatedSum(gates, edges != "frozen", name=f"{name}_gates")(pooled)
    outputs = [
        _layer(x, group.projection) if group.projection else x
        for x, group in zip(sums, fusion.groups, strict=True)
    ]
    return layers.Add(name=f"{name}_fused")(outputs) if len(outputs) > 1 else outputs[0]


def _module(x, module: Module):
    shortcut = x
    for layer in module.shortcut:
        shortcut = _layer(shortcut, layer)
    for layer in module.layers:
        x = _layer(x, layer)
    x = layers.Add(name=module.name)([x, shortcut])
    return layers.Activation("relu", name=module.activation)(x)


def _layer(x, layer: Layer):
    if layer.kind == "pad":
        sides = (0, layer.size, layer.size)
        return layers.ZeroPadding3D(sides, name=layer.name)(x)
    if layer.kind == "pool":
        options = {"padding": "same", "name": layer.name}
        return SpatialMaxPool(layer.size, layer.stride, **options)(x)
    x = _conv(layer)(x)
    if layer.norm:
        scale = "zeros" if layer.norm == "zero" else "ones"
        x = BatchNorm(
            momentum=0.99,
            epsilon=1e-5,
            gamma_initializer=scale,
            name=f"{layer.name}_norm",
        )(x)
    return (
        layers.Activation("relu", name=layer.activation)(x) if layer.activation else x
    )


def _conv(layer: Layer) -> keras.layers.Layer:
    options = {"use_bias": False, "name": layer.name}
    filters = layer.output.channels
    if layer.kind == "time":
        scale = math.sqrt(2 / (layer.size * layer.input.channels))
        return TemporalConv(
            filters,
            layer.size,
            dilation_rate=layer.dilation,
            padding="same",
            kernel_initializer=keras.initializers.TruncatedNormal(stddev=scale),
            **options,
        )
    start = keras.initializers.VarianceScaling(1.0, "fan_in", "truncated_normal")
    options |= {"padding": layer.padding, "kernel_initializer": start}
    if layer.kind == "space_time":
        dilation = (layer.dilation, 1, 1)
        return JointConv(filters, layer.size, dilation_rate=dilation, **options)
    return SpatialConv(filters, layer.size, layer.stride, **options)


def _joined(tensors: list):
    """The nodes of the last level as one."""
    if len(tensors) == 1:
        return tensors[0]
    pooled = [_mean(x, f"top{i}_mean") for i, x in enumerate(tensors)]
    widths = {x.shape[-1] for x in tensors}
    join = layers.Average if len(widths) == 1 else layers.Concatenate
    return join(name="top_joined")(pooled)


def _mean(x, name: str):
    """Of each frame, (batch, frames, 1, 1, channels)."""
    return SpatialAveragePool(x.shape[2:4], name=name)(x)
