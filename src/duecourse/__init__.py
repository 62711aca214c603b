"""Duecourse: reminds borrowers before an installment is due, within the law, and proves every contact."""
