"""Borrowers, contact points, opt-outs, loans, installments, payments, and the import of a lender's files."""
