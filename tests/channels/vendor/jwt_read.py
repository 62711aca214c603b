"""PyJWT checks our tokens and makes its own; prints the claims it read and the tokens it made."""

import json
import sys

import jwt

given = json.load(sys.stdin)
options = {"verify_exp": False, "verify_aud": False}
read = [
    jwt.decode(one["token"], one["public"], algorithms=[one["algorithm"]], options=options)
    for one in given["ours"]
]
made = [jwt.encode({"iss": "them"}, one["private"], algorithm=one["algorithm"]) for one in given["ours"]]
print(json.dumps({"read": read, "made": made}))
