"""From RGB in [0, 1] to the numbers that published weights were trained with."""

import keras


@keras.saving.register_keras_serializable(package="zoo")
class ClipScale(keras.layers.Layer):
    """Multiplies each channel and adds to it, by numbers that do not train.

    `y = scale * x + offset`, and at first y = x. Weights that were trained with clips
    of another range (`zoo.published`) bring their range along in this layer. It can not
    go into the first convolution, as the zeros that pad the clip are in its range.

    Input: `(batch, time, height, width, channels)`; output the same.

    Args:
        **kwargs: As for `keras.layers.Layer`.
    """

    def build(self, input_shape):
        shape = (input_shape[-1],)
        self.scale = self.add_weight(shape, "ones", trainable=False, name="scale")
        self.offset = self.add_weight(shape, "zeros", trainable=False, name="offset")

    def call(self, inputs):
        return inputs * self.scale + self.offset

    def compute_output_shape(self, input_shape):
        return input_shape
