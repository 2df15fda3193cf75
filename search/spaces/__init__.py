"""What architectures a search may propose: one class per family, no Keras."""
