"""Whether a text offers a way to opt out: not the word alone, but the word with how to say it.

"The plan ends at the end of March" holds two words that opt out and offers nothing. An offer is a word to stop beside a
request to answer with it, in the same sentence, or a word that means nothing else beside a link or address.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import Final

from duecourse.rules.word_lists import opt_out_languages

_ANSWER: Final = (
    # en, es, pt, fr, de, it, id and ms, vi, tl, sw, yo, ha
    "reply", "replying", "respond", "text", "send", "answer", "write", "type",
    "responda", "responde", "respondiendo", "envíe", "envía", "envie", "conteste", "escriba",
    "répondez", "répondre", "envoyez", "antworten", "antworte", "senden", "schicken", "rispondi", "risponda",
    "rispondere", "invia", "inviare", "balas", "ketik", "kirim", "soạn", "gửi", "trả lời", "i-reply", "sagutin",
    "ipadala", "jibu", "tuma", "dáhùn", "fi ránṣẹ́", "amsa", "aika",
    # ru, hi, bn, ta, ar, th, ja, ko, zh
    "ответьте", "отправьте", "भेजें", "उत्तर", "लिखें", "পাঠান", "উত্তর", "அனுப்பவும்", "பதில்", "أرسل", "ارسل", "رد", "للرد",
    "ตอบ", "ส่ง", "พิมพ์", "返信", "送信", "회신", "답장", "回复", "回覆", "回傳", "发送", "傳送", "請回", "请回", "回",
)  # fmt: skip
"""What asks a person to answer."""
_PLAIN: Final = (
    "unsubscrib", "opt out", "opt-out", "optout", "opting out", "stop these messages", "stop these texts",
    "stop texts", "stop e-mails", "stop emails", "退订", "退訂", "取消订阅", "取消訂閱", "拒收", "désabonn", "desabonn",
    "désinscri", "abmeld", "abbestell", "darme de baja", "darse de baja", "descadastr", "disiscriv", "unreg", "отписа",
    "配信停止", "수신거부", "إلغاء الاشتراك", "الغاء الاشتراك", "ยกเลิกข้อความ", "jiondoe",
)  # fmt: skip
"""Words, or their beginnings, that mean nothing else."""
_WHERE: Final = r"(?:https?://|www\.|mailto:|[\w.+-]+@[\w-]+\.\w)"
_NEAR: Final = r"[^.!?。！？\n]{0,40}?"
_BESIDE: Final = r"[^.!?。！？\n\w]{0,4}(?:\w{1,6}[^.!?。！？\n\w]{1,3})?"
_CODE: Final = r"(?<![A-Za-z])[A-Za-z]{1,4}(?![A-Za-z])"
_BY_CODE: Final = re.compile(rf"{_CODE}\s?(?:退订|退訂|拒收)|(?:退订|退訂|拒收)[请請]?回?[复覆]?\s?{_CODE}")
"""As senders in China write it: TD退订, 退订回T, 拒收请回复R."""


def opt_out_offered(text: str) -> bool:
    """Whether the text says how to stop what it is part of, in any of the languages of the opt-out words."""
    return bool(_BY_CODE.search(text) or _by_answer().search(text) or _by_link().search(text))


@cache
def _by_answer() -> re.Pattern[str]:
    """A request to answer with a word right beside it, or near it with one in capitals where the script has them."""
    words = {
        word
        for scopes in opt_out_languages().values()
        for listed in scopes.values()
        for word in listed
        if len(word) > 1 or not word.isascii()  # a single letter is told by _BY_CODE
    }
    answer, word, loud = f"(?i:{_any(_ANSWER)})", f"(?i:{_any(words)})", _any({one.upper() for one in words})
    return re.compile(
        rf"{answer}{_BESIDE}{word}|{answer}{_NEAR}{loud}|{loud}{_NEAR}{answer}|{word}{_BESIDE}{answer}"
    )


@cache
def _by_link() -> re.Pattern[str]:
    plain = f"(?:{'|'.join(map(re.escape, _PLAIN))})"
    return re.compile(rf"{plain}[^\n]{{0,80}}?{_WHERE}|{_WHERE}[^\n]{{0,120}}?{plain}", re.IGNORECASE)


def _any(words: Iterable[str]) -> str:
    """Any of these; whole words where the script has spaces, the longest first."""
    ordered = sorted(words, key=len, reverse=True)
    return f"(?:{'|'.join(_whole(word) for word in ordered)})"


def _whole(word: str) -> str:
    escaped = re.escape(word)
    return rf"(?<!\w){escaped}(?!\w)" if re.match(r"[^\W\d_]", word) and ord(word[0]) < 0x0900 else escaped
