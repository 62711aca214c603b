"""Local far ends that speak the real protocols, so that a policy can be tried without a provider."""
