"""Signed webhooks: messages for lenders who send by themselves."""
