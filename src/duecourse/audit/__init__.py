"""A lender's past contacts, judged by the same rules as its next ones; nothing of it is kept in the book."""
