"""SMS over SGIP 1.2, China Unicom's protocol: codec, codes, reports, the adapter that also listens, and its far end."""
