"""The command line: the entry point that reads the clock and the settings and wires the rooms together."""
