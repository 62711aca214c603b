"""Any SMS gateway over HTTP, described in configuration."""
