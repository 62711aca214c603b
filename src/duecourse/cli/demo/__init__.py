"""`duecourse demo`: a made-up lender's week, through real sockets."""
