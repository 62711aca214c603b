"""pywebpush encrypts and sends to each subscription; prints the status of each answer."""

import json
import sys

from py_vapid import Vapid
from pywebpush import WebPushException, webpush

given = json.load(sys.stdin)
vapid = Vapid.from_pem(given["key"].encode())
answers = []
for subscription in given["subscriptions"]:
    try:
        answer = webpush(
            json.loads(subscription),
            json.dumps({"title": "Payment due", "body": given["text"]}),
            vapid_private_key=vapid,
            vapid_claims={"sub": "mailto:notices@lender.example"},
            ttl=60,
        )
        answers.append(answer.status_code)
    except WebPushException as error:
        answers.append(error.response.status_code)
print(json.dumps(answers))
