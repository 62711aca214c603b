"""What every page and endpoint shares: what it is given, limits of requests, headers, plain errors."""
