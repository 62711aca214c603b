"""Sealing and opening personal fields, the blind index, masking."""
