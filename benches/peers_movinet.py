"""MoViNets of tf-models-official, in its own environment; bench_peers.py starts it.

Three kinds of each: `base`, convolutions in 3D, as Kinetics-600's base models are;
`2plus1d`, the same with `conv_type="2plus1d"`; `stream`, the causal (2+1)D one of the
streaming models, which here gets the whole clip at once. LiteRT can not have `base`:
its depthwise Conv3D is no operation there.
"""

import functools
import math

from peers_answers import Built, answer_all

NUM_CLASSES = 600
STREAM = {
    "causal": True,
    "conv_type": "2plus1d",
    "se_type": "2plus3d",
    "activation": "hard_swish",
    "gating_activation": "hard_sigmoid",
}
KINDS = {"base": {}, "2plus1d": {"conv_type": "2plus1d"}, "stream": STREAM}


def build(name: str, clip: list[int], threads: int) -> Built:
    """A network named such as movinet_a0_stream."""
    import tensorflow as tf  # Where it is missing, the answer says so.
    from official.projects.movinet.modeling import movinet, movinet_model

    _, size, kind = name.split("_")
    options = KINDS[kind]
    backbone = movinet.Movinet(model_id=size, use_sync_bn=False, **options)
    activation = options.get("activation", "swish")
    model = movinet_model.MovinetClassifier(
        backbone, num_classes=NUM_CLASSES, activation=activation
    )
    shape = [1, *clip, 3]
    frames = tf.random.uniform(shape, seed=0)
    graph = tf.function(lambda frames: model({"image": frames}, training=False))
    graph = graph.get_concrete_function(tf.TensorSpec(shape))
    forms = {
        "tensorflow": {
            "graph": lambda: functools.partial(graph, frames),
            "frozen graph": functools.partial(frozen, graph, frames),
        },
    }
    if options:  # LiteRT has no depthwise Conv3D, after five minutes of converting.
        convert = functools.partial(litert, graph, model, frames, threads)
        forms["litert"] = {"float32": convert}
    parameters = sum(math.prod(weight.shape) for weight in model.trainable_weights)
    return Built(parameters, macs(model, frames), forms)


def macs(model, frames) -> int:
    """Products of all operations with kernels, of which each is computed once."""
    from tensorflow.python.framework import op_callbacks

    found = []

    def note(kind, inputs, attributes, outputs, *_, **__) -> None:
        kind = kind.decode() if isinstance(kind, bytes) else kind
        if kind in ("Conv2D", "Conv3D", "DepthwiseConv2dNative"):
            places = math.prod(outputs[0].shape[:-1])
            found.append(places * math.prod(inputs[1].shape))
        elif kind == "MatMul":
            found.append(math.prod(outputs[0].shape) * inputs[0].shape[-1])

    op_callbacks.add_op_callback(note)
    try:
        model({"image": frames}, training=False)
    finally:
        op_callbacks.remove_op_callback(note)
    return sum(found)


def frozen(graph, frames):
    """Its weights are constants, so TensorFlow can merge norms into convolutions."""
    from tensorflow.python.framework import convert_to_constants

    constant = convert_to_constants.convert_variables_to_constants_v2(graph)
    return functools.partial(constant, frames)


def litert(graph, model, frames, threads: int):
    import tensorflow as tf
    from ai_edge_litert.interpreter import Interpreter

    converter = tf.lite.TFLiteConverter.from_concrete_functions([graph], model)
    content = converter.convert()
    interpreter = Interpreter(model_content=content, num_threads=threads)
    interpreter.allocate_tensors()
    place, clip = interpreter.get_input_details()[0]["index"], frames.numpy()

    def call() -> None:
        interpreter.set_tensor(place, clip)
        interpreter.invoke()

    return call


if __name__ == "__main__":
    answer_all(build)
