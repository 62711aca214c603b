"""wechatpy sends a template message, opens what we sealed and seals what we open."""

import json
import sys

from wechatpy import WeChatClient, WeChatClientException
from wechatpy.crypto import WeChatCrypto
from wechatpy.utils import WeChatSigner

given = json.load(sys.stdin)
told = {}
if "token" in given:
    client = WeChatClient(given["app_id"], given["app_secret"], access_token=given["token"])
    client.API_BASE_URL = f"{given['url']}/cgi-bin/"
    client.message.API_BASE_URL = client.API_BASE_URL
    client.qrcode.API_BASE_URL = client.API_BASE_URL
    told["sent"] = []
    for openid in given["openids"]:
        try:
            data = {"character_string1": {"value": given["text"]}}
            told["sent"].append(client.message.send_template(openid, "repayment", data)["msgid"])
        except WeChatClientException as error:
            told["sent"].append(error.errcode)
    scene = {
        "action_name": "QR_STR_SCENE",
        "action_info": {"scene": {"scene_str": "abc"}},
        "expire_seconds": 60,
    }
    told["ticket"] = client.qrcode.create(scene)["ticket"]
if "sealed" in given:
    crypto = WeChatCrypto(given["callback_token"], given["aes_key"], given["app_id"])
    told["opened"] = crypto.decrypt_message(
        f"<xml><Encrypt>{given['sealed']}</Encrypt></xml>",
        given["signature"],
        given["timestamp"],
        given["nonce"],
    )
    if isinstance(told["opened"], bytes):
        told["opened"] = told["opened"].decode()
    told["envelope"] = crypto.encrypt_message(given["message"], given["nonce"], given["timestamp"])
    signer = WeChatSigner()
    signer.add_data(given["callback_token"], given["timestamp"], given["nonce"])
    told["signature"] = signer.signature
print(json.dumps(told))
