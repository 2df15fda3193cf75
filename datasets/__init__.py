"""Clip sources: folders and tables of videos, and data sets that need no download.

Import what you need by its module (`from datasets import folder`): this file stays
empty, so that `datasets.moving_shapes` needs NumPy alone.
"""
