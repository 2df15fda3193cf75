"""The families, one per file: `build(genotype, ...)` gives a `keras.Model`."""
