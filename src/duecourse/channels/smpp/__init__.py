"""SMS over SMPP 3.4: codec, session, receipts and the adapter."""
