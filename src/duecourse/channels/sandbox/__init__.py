"""Far ends that speak the real protocols on loopback: to try a policy without a provider, and for tests."""
