"""A bank of our own that plays every outcome: the default of a simulated book."""
