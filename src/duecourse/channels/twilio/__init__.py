"""Twilio: SMS and calls in most countries."""
