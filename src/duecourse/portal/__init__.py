"""The pages that a borrower opens."""
