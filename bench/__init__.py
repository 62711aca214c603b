"""Benches: each speed is a ratio to a named baseline that was measured in the same run. `python -m bench --help`."""
