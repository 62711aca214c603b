"""Telephone calls over SIP through baresip, a real user agent that runs as a process of its own."""
