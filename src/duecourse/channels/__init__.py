"""One folder per provider family; an adapter each, all passing one conformance suite."""
