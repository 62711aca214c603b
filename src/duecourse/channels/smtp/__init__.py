"""E-mail over SMTP, signed with DKIM, bounces read back."""
