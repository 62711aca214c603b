"""Messages that the lender's own app fetches."""
