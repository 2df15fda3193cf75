"""Networks of pytorchvideo, in its own environment; bench_peers.py starts it.

With --compile, torch.compile is tried too, which takes minutes for each network.
"""

import functools
import math
import sys

from peers_answers import Built, answer_all

SLOW = 4  # SlowFast's slow pathway reads each fourth frame.


def build(name: str, clip: list[int], threads: int) -> Built:
    """A network by its name in `pytorchvideo.models.hub`, maybe with a size behind."""
    import torch  # Where it is missing, the answer says so.
    from pytorchvideo.models import hub
    from pytorchvideo.models.x3d import create_x3d

    torch.manual_seed(0)
    torch.set_num_threads(threads)
    hub_name = name.partition("@")[0]
    if hub_name in ("x3d_xs", "x3d_s"):  # Whose heads pool the map of their clips.
        model = create_x3d(input_clip_length=clip[0], input_crop_size=clip[1])
    else:
        model = getattr(hub, hub_name)(pretrained=False)
    model.eval().requires_grad_(False)
    frames = torch.rand(1, 3, *clip)
    slow = hub_name.startswith("slowfast")
    inputs = [frames[:, :, ::SLOW].contiguous(), frames] if slow else frames
    forms = {
        "eager": lambda: eager(model, inputs),
        "eager, channels last": lambda: channels_last(model, inputs),
        "TorchScript, optimized": lambda: scripted(model, inputs),
    }
    if "--compile" in sys.argv:
        forms["torch.compile"] = lambda: compiled(model, inputs)
    parameters = sum(math.prod(x.shape) for x in model.parameters())
    return Built(parameters, macs(model, inputs), {"pytorch": forms})


def macs(model, inputs) -> int:
    """Products of all convolutions and dense layers."""
    import torch

    found = []

    def note(layer, _, output) -> None:
        places = output.numel() // layer.weight.shape[0]
        found.append(places * layer.weight.numel())

    kinds = (torch.nn.Conv3d, torch.nn.Conv2d, torch.nn.Linear)
    layers = [layer for layer in model.modules() if isinstance(layer, kinds)]
    hooks = [layer.register_forward_hook(note) for layer in layers]
    eager(model, inputs)()
    for hook in hooks:
        hook.remove()
    return sum(found)


def eager(model, inputs):
    import torch

    @torch.inference_mode()
    def call():
        # Its MultiPathWay writes into the list that it is given.
        return model(list(inputs) if isinstance(inputs, list) else inputs)

    return call


def channels_last(model, inputs):
    import copy

    import torch

    change = functools.partial(torch.Tensor.to, memory_format=torch.channels_last_3d)
    listed = isinstance(inputs, list)
    inputs = [change(x) for x in inputs] if listed else change(inputs)
    model = copy.deepcopy(model).to(memory_format=torch.channels_last_3d)
    return eager(model, inputs)


def scripted(model, inputs):
    """Its norms are merged into convolutions."""
    import torch

    with torch.inference_mode():
        traced = torch.jit.trace(model, (inputs,), check_trace=False)
        traced = torch.jit.optimize_for_inference(torch.jit.freeze(traced))
    return eager(traced, inputs)


def compiled(model, inputs):
    import torch

    torch._inductor.config.freezing = True  # Merges norms into convolutions.
    return eager(torch.compile(model), inputs)


if __name__ == "__main__":
    answer_all(build)
