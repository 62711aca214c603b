"""A gateway described by its settings: a signed redirect there, a signed notification back."""
