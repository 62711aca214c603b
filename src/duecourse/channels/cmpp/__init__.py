"""SMS over CMPP 2.0 and 3.0, China Mobile's protocol: codec, codes, reports, the adapter and its far end."""
