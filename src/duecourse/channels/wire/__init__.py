"""What SMPP, CMPP, SGIP and SMGP share: one session engine, its links, and what comes in over them."""
