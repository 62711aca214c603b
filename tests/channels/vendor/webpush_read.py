"""http_ece, which browsers' push libraries are tested with, decrypts what we encrypted; prints the text."""

import base64
import json
import sys

import http_ece
from cryptography.hazmat.primitives.serialization import load_pem_private_key

given = json.load(sys.stdin)
body, auth = (base64.b64decode(given[name]) for name in ("body", "auth"))
key = load_pem_private_key(given["browser"].encode(), None)
print(json.dumps(http_ece.decrypt(body, private_key=key, auth_secret=auth, version="aes128gcm").decode()))
