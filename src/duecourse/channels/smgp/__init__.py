"""SMS over SMGP 3.0, China Telecom's protocol: codec, codes, reports, the adapter and its far end."""
