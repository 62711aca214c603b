"""What can be shown to others long afterwards: settlement certificates, sealed by the lender, and whether they hold."""
