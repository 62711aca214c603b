"""Tencent Cloud's own clients: SMS, its pulled states, a call."""

import json
import sys

from tencentcloud.common.credential import Credential
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.sms.v20210111 import models as sms
from tencentcloud.sms.v20210111.sms_client import SmsClient
from tencentcloud.vms.v20200902 import models as voice
from tencentcloud.vms.v20200902.vms_client import VmsClient

given = json.load(sys.stdin)


def client(kind, url, key):
    profile = HttpProfile(protocol="http", endpoint=url.removeprefix("http://"))
    return kind(Credential(given["secret_id"], key), "ap-guangzhou", ClientProfile(httpProfile=profile))


def sent(one, number):
    request = sms.SendSmsRequest()
    request.PhoneNumberSet = [number]
    request.SmsSdkAppId = given["sdk_app_id"]
    request.SignName = "远东消费金融"
    request.TemplateId = "1"
    request.TemplateParamSet = [given["text"]]
    return one.SendSms(request).SendStatusSet[0].Code


texts = client(SmsClient, given["sms_url"], given["secret_key"])
codes = [sent(texts, number) for number in given["numbers"]]
request = sms.PullSmsSendStatusRequest()
request.SmsSdkAppId, request.Limit = given["sdk_app_id"], 100
states = [
    [one.ReportStatus, one.PhoneNumber] for one in texts.PullSmsSendStatus(request).PullSmsSendStatusSet
]
try:
    refused = sent(client(SmsClient, given["sms_url"], "another key"), given["numbers"][0])
except TencentCloudSDKException as error:
    refused = error.code

call = voice.SendTtsVoiceRequest()
call.TemplateId, call.CalledNumber, call.VoiceSdkAppid = "1", given["numbers"][0], given["sdk_app_id"]
call.TemplateParamSet, call.PlayTimes = [given["text"]], 2
called = client(VmsClient, given["voice_url"], given["secret_key"]).SendTtsVoice(call).SendStatus.CallId
print(json.dumps({"codes": codes, "states": states, "refused": refused, "called": called}))
