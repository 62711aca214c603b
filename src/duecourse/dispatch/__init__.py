"""Workers: lane leases, claim, judge, send, settle, recover; receipts; the stop."""
