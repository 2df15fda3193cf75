"""The published architectures, one file per paper."""
