"""aioapns sends one notification to each token; prints [status, reason] of each. Plain HTTP/2 instead of TLS."""

import asyncio
import json
import sys

from aioapns import NotificationRequest, PushType
from aioapns.connection import (
    APNsKeyConnectionPool,
    APNsProductionClientProtocol,
    JWTAuthorizationHeaderProvider,
)


class Plain(APNsKeyConnectionPool):
    def __init__(self, given):
        super().__init__(given["key"], given["key_id"], given["team_id"], given["topic"])
        self.given = given

    async def create_connection(self):
        provider = JWTAuthorizationHeaderProvider(self.key, self.key_id, self.team_id)
        _, protocol = await self.loop.create_connection(
            lambda: APNsProductionClientProtocol(
                self.apns_topic, self.loop, self.discard_connection, provider
            ),
            "127.0.0.1",
            self.given["port"],
        )
        return protocol


async def main():
    given = json.load(sys.stdin)
    pool = Plain(given)
    answers = []
    for token in given["tokens"]:
        request = NotificationRequest(
            token,
            {"aps": {"alert": {"title": "Payment due", "body": given["text"]}}},
            time_to_live=60,
            push_type=PushType.ALERT,
        )
        result = await pool.send_notification(request)
        answers.append([result.status, result.description])
    pool.close()
    print(json.dumps(answers))


asyncio.run(main())
