"""What adapters over HTTP share: one line to a provider, and the listener that providers call."""
