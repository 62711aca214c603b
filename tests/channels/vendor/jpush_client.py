"""JPush's own client pushes to each device; prints msg_ids or error codes."""

import json
import logging
import sys

import jpush

given = json.load(sys.stdin)
logging.disable(logging.CRITICAL)
jpush.common.ZONES["DEFAULT"].update(PUSH=f"{given['url']}/v3/", REPORT=f"{given['url']}/v3/")
client = jpush.JPush(given["app_key"], given["master_secret"])
answers = []
for device in given["tokens"]:
    push = client.create_push()
    push.audience = jpush.registration_id(device)
    push.platform = jpush.all_
    push.notification = jpush.notification(
        alert=given["text"], android=jpush.android(alert=given["text"], title="Payment due")
    )
    push.options = {"time_to_live": 60}
    try:
        answers.append(push.send().payload["msg_id"])
    except jpush.common.JPushFailure as failure:
        answers.append(failure.error_code)
    except jpush.common.Unauthorized:
        answers.append("unauthorized")
print(json.dumps(answers))
