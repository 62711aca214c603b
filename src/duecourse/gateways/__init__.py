"""Payment gateways: where a borrower pays, and how the gateway says that it was paid. Imports only domain."""
