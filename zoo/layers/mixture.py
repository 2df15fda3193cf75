"""Architecture weights of a supernet, and the sums of operations that they weigh."""

import math
from collections.abc import Sequence

import keras
from keras import ops

from zoo.genotypes.base import check

# Channels up to which a matrix product weighs operations: on two CPU cores it takes 0.6
# of the time of products and a sum at 16 channels, 0.9 at 64, and 1.8 at 128.
DENSE = 64


@keras.saving.register_keras_serializable(package="zoo")
class CellWeights(keras.layers.Layer):
    """Architecture weights of one kind of cell, as shares of operations on each edge.

    Continuous relaxation of DARTS (https://arxiv.org/abs/1806.09055): of each edge the
    shares `softmax(logits)` add up to 1. Logits begin near zero.

    Input: anything, such as the clip, as the shares do not depend on it; output:
    `(edges, operations)`.

    Args:
        edges: Rows of the table.
        operations: Columns of the table.
    """

    def __init__(self, edges: int, operations: int, **kwargs):
        super().__init__(**kwargs)
        for name, count in (("edges", edges), ("operations", operations)):
            check(count >= 1, name, "at least 1", count)
        self.edges = edges
        self.operations = operations

    def build(self, input_shape):
        start = keras.initializers.RandomNormal(stddev=1e-3)
        shape = (self.edges, self.operations)
        self.logits = self.add_weight(shape, start, dtype="float32", name="logits")

    def call(self, inputs):
        return ops.softmax(self.logits)

    def compute_output_shape(self, input_shape):
        return (self.edges, self.operations)

    def cost(self, input_shape: tuple[int, ...]) -> tuple[int, int]:
        """No multiply-accumulates, and the elements of the table."""
        return 0, self.edges * self.operations

    def get_config(self):
        config = super().get_config()
        return {**config, "edges": self.edges, "operations": self.operations}


@keras.saving.register_keras_serializable(package="zoo")
class MixedOperation(keras.layers.Layer):
    """Sums operations on one source by their shares, for every node that reads it.

    Of DARTS (https://arxiv.org/abs/1806.09055): `y = sum_o share_o * o(x)`, for several
    edges from one source. An operation without weights has the same output on all of
    them; one with weights puts out the channels of all edges side by side.

    Input: list of the shares, `(edges, operations)`, and of outputs of operations,
    `(batch, time, height, width, channels)`. Such an input may hold several operations
    side by side, and each of them channels for one edge or for each edge. Output: a
    list of `(batch, time, height, width, channels)`, one for each edge.

    Args:
        rows: The rows of these edges in the table of shares.
        columns: Of each input, the columns of the operations that it holds. Columns
            that no input holds are zero.
        channels: Of each edge.
    """

    def __init__(
        self,
        rows: Sequence[int],
        columns: Sequence[Sequence[int]],
        channels: int,
        **kwargs,
    ):
        super().__init__(**kwargs)
        held = [place for places in columns for place in places]
        for name, places in (("rows", rows), ("columns", held)):
            known = len(places) > 0 and min(places) >= 0
            check(known, name, "places in a table", places)
        self.rows = list(rows)
        self.columns = [list(places) for places in columns]
        self.channels = channels

    def build(self, input_shapes):
        table, *shapes = input_shapes
        rule = f"some for each of {len(shapes)} inputs"
        check(len(shapes) == len(self.columns), "columns", rule, self.columns)
        rule = f"within a table of shape {tuple(table)}"
        check(max(self.rows) < table[0], "rows", rule, self.rows)
        widest = max(place for places in self.columns for place in places)
        check(widest < table[1], "columns", rule, self.columns)
        for shape, places in zip(shapes, self.columns, strict=True):
            known = [len(places) * self.channels * n for n in (1, len(self.rows))]
            rule = f"of one of {known} channels"
            check(shape[-1] in known, "input", rule, shape[-1])

    def call(self, inputs):
        shares, *outputs = inputs
        shares = ops.take(shares, ops.convert_to_tensor(self.rows, "int32"), axis=0)
        total = 0
        for places, x in zip(self.columns, outputs, strict=True):
            table = ops.take(shares, ops.convert_to_tensor(places, "int32"), axis=1)
            common = x.shape[-1] == len(places) * self.channels
            total += self._common(table, x) if common else self._own(table, x)
        return ops.split(total, len(self.rows), axis=-1)

    def _common(self, shares, x):
        """Outputs that are the same for all edges, weighed for each edge."""
        edges, operations = shares.shape
        one = ops.eye(self.channels, dtype=shares.dtype)
        shares = ops.transpose(shares)
        kernel = ops.reshape(shares, (operations, 1, edges, 1)) * one[None, :, None]
        size = (operations * self.channels, edges * self.channels)
        return ops.matmul(x, ops.reshape(kernel, size))

    def _own(self, shares, x):
        """Outputs that each edge has for itself, weighed."""
        edges, operations = shares.shape
        width = edges * self.channels
        each = ops.ones((1, 1, self.channels), dtype=shares.dtype)
        scale = ops.reshape(
            ops.transpose(shares)[..., None] * each, (operations, width)
        )
        if width > DENSE:
            parts = (*x.shape[1:-1], operations, width)
            return ops.sum(ops.reshape(x, (-1, *parts)) * scale, axis=-2)
        kernel = scale[:, None] * ops.eye(width, dtype=shares.dtype)
        return ops.matmul(x, ops.reshape(kernel, (operations * width, width)))

    def compute_output_shape(self, input_shapes):
        return [(*input_shapes[1][:-1], self.channels) for _ in self.rows]

    def cost(self, input_shapes: list[tuple[int, ...]]) -> tuple[int, int]:
        """No multiply-accumulates, and the elements of all sums, for one clip."""
        sums = self.compute_output_shape(input_shapes)
        return 0, sum(math.prod(shape[1:]) for shape in sums)

    def get_config(self):
        return {
            **super().get_config(),
            "rows": self.rows,
            "columns": self.columns,
            "channels": self.channels,
        }


def architecture(model: keras.Model) -> dict[str, keras.Variable]:
    """A supernet's architecture weights by the kind of cell, before the softmax.

    Raises:
        ValueError: The model has none.
    """
    found = {
        layer.name: layer.logits
        for layer in model.layers
        if isinstance(layer, CellWeights)
    }
    check(bool(found), "model", "a supernet of cells", model.name)
    return found
