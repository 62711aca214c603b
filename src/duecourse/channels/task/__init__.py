"""Calls that a person makes."""
