"""Our signatures are those that the vendors publish."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from duecourse.channels.aliyun import signing as aliyun
from duecourse.channels.tencent import signing as tencent
from duecourse.channels.twilio import signing as twilio
from duecourse.channels.webhook import signing as webhook
from duecourse.domain.messaging import RawRequest

EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
RUN_INSTANCES = "ImageId=win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd&RegionId=cn-shanghai"
DESCRIBE = b'{"Limit": 1, "Filters": [{"Values": ["\\u672a\\u547d\\u540d"], "Name": "instance-name"}]}'


@pytest.mark.parametrize(
    ("date", "nonce", "published"),
    [
        # 固定参数示例 of V3版本请求体&签名机制, help.aliyun.com (read 2026-11-25)
        (
            "2023-10-26T10:22:32Z",
            "3156853299f313e23d1673dc12e1703d",
            "06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0",
        ),
        # the example of the header Authorization, ROA风格请求体&签名机制, the same site
        (
            "2023-10-26T09:01:01Z",
            "d410180a5abf7fe235dd9b74aca91fc0",
            "e521358f7776c97df52e6b2891a8bc73026794a071b50c3323388c4e0df64804",
        ),
    ],
)
def test_alibaba_clouds_published_signatures(date, nonce, published):
    made = aliyun.signed_headers(
        "YourAccessKeyId",
        "YourAccessKeySecret",
        host="ecs.cn-shanghai.aliyuncs.com",
        action="RunInstances",
        version="2014-05-26",
        query=RUN_INSTANCES,
        now=datetime.fromisoformat(date),
        nonce=nonce,
    )
    assert made["x-acs-content-sha256"] == EMPTY_SHA256
    assert made["authorization"] == (
        "ACS3-HMAC-SHA256 Credential=YourAccessKeyId,SignedHeaders=host;x-acs-action;x-acs-content-sha256;x-acs-date;"
        f"x-acs-signature-nonce;x-acs-version,Signature={published}"
    )
    assert aliyun.is_signed("YourAccessKeySecret", "POST", "/", RUN_INSTANCES, made, b"")
    assert not aliyun.is_signed("YourAccessKeySecret", "POST", "/", RUN_INSTANCES + "x", made, b"")
    assert not aliyun.is_signed("YourAccessKeySecret", "POST", "/", RUN_INSTANCES, made, b"x")


@pytest.mark.parametrize(
    ("secret", "more", "published"),
    [
        # 签名方法 v3, cloud.tencent.com/document/api/213/30654 (read 2026-11-25), as it signs three headers now
        (
            "*" * 32,
            {"x-tc-action": "DescribeInstances"},
            "10b1a37a7301a02ca19a647ad722d5e43b4b3cff309d421d85b46093f6ab6c4f",
        ),
        # and as it signed two before
        (
            "Gu5t9xGARNpq86cd98joQYCN3EXAMPLE",
            {},
            "72e494ea809ad7a8c8f7a4507b9bddcbaa8e581f516e8da2f66e2c5a96525168",
        ),
    ],
)  # fmt: skip
def test_tencent_clouds_published_signatures(secret, more, published):
    headers = {"content-type": tencent.CONTENT_TYPE, "host": "cvm.tencentcloudapi.com", **more}
    names = ";".join(sorted(headers))
    made = tencent.signature(secret, "cvm", "2019-02-25", "1551113065", headers, names, DESCRIBE)
    assert made == published


def test_tencent_cloud_signs_what_is_sent():
    now = datetime.fromtimestamp(1551113065, UTC)
    made = tencent.signed_headers(
        "AKIDEXAMPLE", "*" * 32, host="cvm.tencentcloudapi.com", service="cvm", action="DescribeInstances",
        version="2017-03-12", region="ap-guangzhou", body=DESCRIBE, now=now,
    )  # fmt: skip
    assert made["authorization"].endswith("10b1a37a7301a02ca19a647ad722d5e43b4b3cff309d421d85b46093f6ab6c4f")
    assert tencent.is_signed("*" * 32, "cvm", made, DESCRIBE)
    assert not tencent.is_signed("*" * 32, "cvm", made, DESCRIBE + b" ")
    assert not tencent.is_signed("*" * 32, "sms", made, DESCRIBE)
    assert not tencent.is_signed("*" * 32, "cvm", made | {"x-tc-timestamp": "1551199465"}, DESCRIBE)


@pytest.mark.parametrize(
    ("number", "published"),
    [
        # Webhooks security, twilio.com/docs/usage/webhooks/webhooks-security (read 2026-11-25)
        ("+12349013030", "0/KCTR6DLpKmkAf8muzZqo1nDgQ="),
        # the example of their libraries' tests and documentation (twilio-python, twilio-php)
        ("+14158675309", "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
    ],
)
def test_twilios_published_signatures(number, published):
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    fields = {
        "CallSid": "CA1234567890ABCDE", "Caller": number, "Digits": "1234", "From": number, "To": "+18005551212",
    }  # fmt: skip
    assert twilio.signature("12345", url, list(fields.items())) == published
    body = "&".join(f"{key}={value.replace('+', '%2B')}" for key, value in fields.items()).encode()
    request = RawRequest("POST", "foo=1&bar=2", {"x-twilio-signature": published}, body)
    assert twilio.is_signed("12345", url, request)
    assert not twilio.is_signed("12345", url + "x", request)
    assert not twilio.is_signed("12346", url, request)


def test_standard_webhooks_published_signature():
    """Source: spec/standard-webhooks.md, github.com/standard-webhooks/standard-webhooks (read 2026-11-25)."""
    key = webhook.key_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    made = webhook.signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    "secret", ["MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_%%%", "whsec_c2hvcnQ=", "whsec_" + "YQ" * 60]
)
def test_a_secret_that_is_none_is_refused(secret):
    with pytest.raises(ValueError, match=r"secret|whsec_"):
        webhook.key_of(secret)
