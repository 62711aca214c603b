"""Twilio's own client: SMS, a call, and whether a signature of ours is theirs."""

import json
import sys

from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.request_validator import RequestValidator
from twilio.rest import Client

given = json.load(sys.stdin)


class Elsewhere(TwilioHttpClient):
    """Sends to the far end what is meant for api.twilio.com."""

    def __init__(self, url):
        super().__init__()
        self._url = url

    def request(self, method, uri, *args, **kwargs):
        return super().request(method, uri.replace("https://api.twilio.com", self._url), *args, **kwargs)


def client(url, token):
    return Client(given["account_sid"], token, http_client=Elsewhere(url))


def sent(one, number):
    try:
        return one.messages.create(to=number, from_=given["sender"], body=given["text"]).status
    except TwilioRestException as error:
        return error.code


messages = [sent(client(given["sms_url"], given["auth_token"]), number) for number in given["numbers"]]
refused = sent(client(given["sms_url"], "another token"), given["numbers"][0])
called = client(given["voice_url"], given["auth_token"]).calls.create(
    to=given["numbers"][0], from_=given["sender"], url="https://lender.example/twiml"
)
validator = RequestValidator(given["auth_token"])
valid = [validator.validate(given["callback"], given["fields"], each) for each in given["signatures"]]
print(json.dumps({"messages": messages, "refused": refused, "called": called.status, "valid": valid}))
