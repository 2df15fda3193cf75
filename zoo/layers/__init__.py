"""Layers over clips of (batch, time, height, width, channels), in `keras.ops` only."""
