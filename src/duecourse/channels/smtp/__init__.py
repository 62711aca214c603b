"""E-mail over SMTP: message building, DKIM, the adapter, and bounces."""
