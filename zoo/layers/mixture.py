"""Architecture weights of a supernet, and the sums of operations that they weigh."""

import math
from collections.abc import Sequence

import keras
from keras import ops


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
            if count < 1:
                raise ValueError(f"`{name}` must be at least 1. Got: {count}")
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
    them, one with weights puts out the channels of all edges side by side.

    Input: list of the shares, `(edges, operations)`, and the operations' outputs,
    `(batch, time, height, width, channels)`, or with `len(rows)` times the channels;
    output: a list of `(batch, time, height, width, channels)`, one for each edge.

    Args:
        rows: The rows of these edges in the table of shares.
        columns: The column of each operation that is given. Others are zero.
        channels: Of each edge.
    """

    def __init__(
        self, rows: Sequence[int], columns: Sequence[int], channels: int, **kwargs
    ):
        super().__init__(**kwargs)
        for name, places in (("rows", rows), ("columns", columns)):
            if len(places) == 0 or min(places) < 0:
                raise ValueError(f"`{name}` must be places in a table. Got: {places}")
        self.rows = list(rows)
        self.columns = list(columns)
        self.channels = channels

    def build(self, input_shapes):
        table, *shapes = input_shapes
        if len(shapes) != len(self.columns):
            rule = f"one for each of {len(shapes)} inputs"
            raise ValueError(f"`columns` must be {rule}. Got: {self.columns}")
        if max(self.rows) >= table[0] or max(self.columns) >= table[1]:
            rule = f"within a table of shape {tuple(table)}"
            given = f"{self.rows}, {self.columns}"
            raise ValueError(f"`rows` and `columns` must be {rule}. Got: {given}")
        known = (self.channels, self.channels * len(self.rows))
        for shape in shapes:
            if shape[-1] not in known:
                rule = f"one of {known}, the channels of an input"
                raise ValueError(f"`channels` must be {rule}. Got: {shape[-1]}")

    def call(self, inputs):
        shares, *outputs = inputs
        shares = ops.take(shares, ops.convert_to_tensor(self.rows, "int32"), axis=0)
        wide, sums = None, [None] * len(self.rows)
        for column, x in zip(self.columns, outputs, strict=True):
            share = shares[:, column]
            if x.shape[-1] == self.channels:
                for place in range(len(sums)):
                    sums[place] = _added(sums[place], share[place] * x)
            else:
                wide = _added(wide, ops.repeat(share, self.channels) * x)
        if wide is None:
            return sums
        parts = ops.split(wide, len(sums), axis=-1)
        return [_added(total, x) for total, x in zip(sums, parts, strict=True)]

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
    if not found:
        raise ValueError(f"`model` must be a supernet of cells. Got: {model.name!r}")
    return found


def _added(total, x):
    return x if total is None else total + x
