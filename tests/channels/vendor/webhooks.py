"""The published library of Standard Webhooks: what it thinks of ours, and what it signs itself."""

import json
import sys
from datetime import UTC, datetime

from standardwebhooks import Webhook, WebhookVerificationError

given = json.load(sys.stdin)


def verifies(one, secret):
    try:
        Webhook(secret).verify(one["body"], one["headers"])
    except WebhookVerificationError:
        return False
    return True


verified = [[verifies(one, secret) for secret in given["secrets"]] for one in given["requests"]]
made = Webhook(given["secrets"][0]).sign(
    "msg_1", datetime.fromtimestamp(given["now"], UTC), given["callback"]
)
print(json.dumps({"verified": verified, "signature": made}))
