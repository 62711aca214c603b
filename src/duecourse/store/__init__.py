"""Connection (embedded server or URL), migrations, lanes and leases, SQL loading."""
