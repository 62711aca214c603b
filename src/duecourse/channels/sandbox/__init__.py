"""Far ends that speak the real protocols on loopback, for trying a policy without a provider and for tests."""
