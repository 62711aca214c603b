"""Alibaba Cloud's own clients: SMS, a call, and the question about each."""

import json
import sys

from alibabacloud_dysmsapi20170525 import models as sms
from alibabacloud_dysmsapi20170525.client import Client as Sms
from alibabacloud_dyvmsapi20170525 import models as voice
from alibabacloud_dyvmsapi20170525.client import Client as Voice
from alibabacloud_tea_openapi.utils_models import Config

given = json.load(sys.stdin)


def config(url, secret):
    return Config(
        access_key_id=given["access_key_id"],
        access_key_secret=secret,
        endpoint=url.removeprefix("http://"),
        protocol="HTTP",
    )


def sent(client, number):
    body = client.send_sms(
        sms.SendSmsRequest(
            phone_numbers=number,
            sign_name="远东消费金融",
            template_code="SMS_1",
            template_param=json.dumps({"text": given["text"]}, ensure_ascii=False),
            out_id="0123",
        )
    ).body
    return [body.code, body.biz_id]


client = Sms(config(given["sms_url"], given["access_key_secret"]))
codes = [sent(client, number) for number in given["numbers"]]
details = client.query_send_details(
    sms.QuerySendDetailsRequest(
        phone_number=given["numbers"][0],
        biz_id=codes[0][1],
        send_date=given["day"],
        page_size=10,
        current_page=1,
    )
).body
try:
    refused = sent(Sms(config(given["sms_url"], "another secret")), given["numbers"][0])[0]
except Exception as error:
    refused = error.code

client = Voice(config(given["voice_url"], given["access_key_secret"]))
called = client.single_call_by_tts(
    voice.SingleCallByTtsRequest(
        called_number=given["numbers"][0],
        tts_code="TTS_1",
        tts_param=json.dumps({"text": given["text"]}, ensure_ascii=False),
        play_times=2,
    )
).body
call = client.query_call_detail_by_call_id(
    voice.QueryCallDetailByCallIdRequest(
        call_id=called.call_id, prod_id=11000000300006, query_date=given["millis"]
    )
).body
print(
    json.dumps(
        {
            "codes": [code for code, _ in codes],
            "status": details.sms_send_detail_dtos.sms_send_detail_dto[0].send_status,
            "refused": refused,
            "called": called.code,
            "state": json.loads(call.data)["state"],
        }
    )
)
