"""Searches for architectures: spaces, budgets, evolution on keras-tuner."""
