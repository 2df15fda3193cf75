"""What the backend computes on."""

import keras


def mirrors() -> int:
    """Devices that TensorFlow spreads a batch over; a batch of JAX is always whole."""
    if keras.backend.backend() != "tensorflow":
        return 1
    import tensorflow as tf  # Is there, as the backend.

    return tf.distribute.get_strategy().num_replicas_in_sync


def only_cpus() -> bool:
    """Whether there is no accelerator."""
    devices = keras.distribution.list_devices()
    return all(device.lower().startswith("cpu") for device in devices)
