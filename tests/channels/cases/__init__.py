"""A module for each family: its `CASES`."""

from __future__ import annotations

from ..conformance import Case
from . import aliyun, apns, fcm, jpush, smpp, smtp, tencent, webpush

CASES: tuple[Case, ...] = (
    *smpp.CASES,
    *smtp.CASES,
    *aliyun.CASES,
    *apns.CASES,
    *fcm.CASES,
    *jpush.CASES,
    *tencent.CASES,
    *webpush.CASES,
)
