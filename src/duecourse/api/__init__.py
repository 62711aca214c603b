"""The HTTP API for integrators and the address that providers call."""
