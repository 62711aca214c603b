"""Help for who cannot pay: what the policy allows, fitted to what a household has left, agreed to as it was shown.

stating: what a borrower states, sealed. offering: what the policy allows of their loan, with figures. agreeing: taken
up by the borrower, approved by persons, withdrawn, put into the book. judging: kept, broken, overruled by the lender's
file. listing: what staff and exports see.
"""
