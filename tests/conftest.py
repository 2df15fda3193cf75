import gc
import os
import sys

gc.disable()  # To import libraries leaves half a million objects and no garbage.
os.environ.setdefault("JAX_THREEFRY_PARTITIONABLE", "0")  # As all commands have it.
if os.environ.get("KERAS_BACKEND", "tensorflow") == "tensorflow":
    # A None fails their import, which Keras and TensorFlow try in passing and can do
    # without; it takes a third of the time that all imports take.
    sys.modules |= dict.fromkeys(("jax", "matplotlib.pyplot"))


def pytest_collection_finish():
    gc.freeze()  # Nor do these objects ever become garbage.
    gc.set_threshold(50_000)
    gc.enable()
