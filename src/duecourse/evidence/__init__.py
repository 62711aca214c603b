"""What proves afterwards what was said and done: certificates, codes that anyone can check."""
