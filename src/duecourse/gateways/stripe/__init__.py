"""Stripe: Checkout Sessions, and webhooks signed with a time."""
