"""Where borrowers pay: one folder per payment gateway. Imports only domain, and what channels share over HTTP.

What every gateway is stands in `contract.py`, what they do alike in `adapter.py`; `registry.py` has one line for each
kind; `till.py` holds those that are configured. Nothing here touches the book: a gateway begins an order, answers what
became of it, and tells a genuine notification from a forged one. What follows in the book is responses/paying.py.
"""
