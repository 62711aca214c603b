"""What `duecourse certificate` prints, English to Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SENTENCES: Final[Mapping[str, str]] = {
    "Certificate {number} issued: {file}": "已出具结清证明 {number}：{file}",
    "Certificate {number} was issued on {day}: {file}": "结清证明 {number} 已于 {day} 出具：{file}",
    "Verification code {code}": "验证码 {code}",
    "Sealed with the demonstration seal: it has no legal effect.": "使用的是演示签章，不具有法律效力。",
    "Issued: {count:,}": "已出具：{count:,}",
    "number": "编号",
    "issued on": "出具日期",
    "Certificates": "结清证明",
    "Certificate {number} is taken back.": "结清证明 {number} 已收回。",
    "Certificate {number} had been taken back before.": "结清证明 {number} 此前已收回。",
    "This file is not a certificate as it was issued here.": "该文件不是本处出具的结清证明原件。",
    "No certificate of ours has this code.": "我方没有使用此验证码的结清证明。",
    "It bears the unbroken seal of {signer}.": "文件带有 {signer} 的完好签章。",
    "The seal of {signer} on it is broken: it was changed after it was sealed.": (
        "{signer} 的签章已失效：文件在签章后被改动。"
    ),
    "settled on": "结清日期",
    "It bears no seal.": "文件没有签章。",
    "Certificate {number}, issued by {lender} on {day}: valid": "结清证明 {number}，由 {lender} 于 {day} 出具：有效",
    "Certificate {number}, issued by {lender} on {day}: no longer valid since {since} ({why})": (
        "结清证明 {number}，由 {lender} 于 {day} 出具：自 {since} 起失效（{why}）"
    ),
    "Sealed by {signer}; nothing was changed since.": "由 {signer} 签章，此后未被改动。",
    "Seal of {name}, from {first} to {last}": "{name} 的签章，有效期 {first} 至 {last}",
    "Issued by {issuer}": "颁发者 {issuer}",
    "Key {key}, SHA-256 {fingerprint}": "密钥 {key}，SHA-256 {fingerprint}",
    "This is a demonstration seal: nobody vouches for it, and it has no legal effect.": (
        "这是演示签章：没有机构为其担保，不具有法律效力。"
    ),
}

WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "certificate": {"valid": "有效", "reopened": "贷款已恢复未结清", "withdrawn": "已由出具单位收回"},
}
"""Stored words that only certificates have."""
