"""Masked forms for screens: enough to recognise what one already knows, not enough to use.

A masked value never shows the length of a Latin name or of what stands before an @.
"""

from __future__ import annotations

STARS = "****"


def mask_phone(number: str) -> str:
    """+8613812341234 -> +86138****1234, 13812341234 -> 138****1234. At least four digits stay hidden."""
    if len(number) < 9:
        return STARS + number[-2:] if len(number) >= 7 else STARS
    hidden = max(4, len(number) - 10)
    head = len(number) - 4 - hidden
    return f"{number[:head]}{'*' * hidden}{number[-4:]}"


def mask_email(address: str) -> str:
    """zhang.san@example.com -> z***@example.com; without an @ everything is hidden."""
    before, at, domain = address.rpartition("@")
    if not at or not before:
        return STARS
    return f"{before[0] if len(before) > 2 else ''}***@{domain}"


def mask_token(token: str) -> str:
    """Of what a program made (an OpenID, a device token, a customer number) the last four of eight or more."""
    return f"{STARS}{token[-4:]}" if len(token) >= 8 else STARS


def mask_name(name: str) -> str:
    """张三丰 -> 张**; Maria Santos -> M*** S***. East Asian names keep one star per character."""
    words = name.split()
    if len(words) == 1 and len(words[0]) > 1 and _is_ideographic(words[0]):
        return words[0][0] + "*" * (len(words[0]) - 1)
    return " ".join(f"{word[0]}***" if len(word) > 1 else "***" for word in words) or STARS


def mask_id_number(number: str) -> str:
    """110101199003071234 -> 110***********1234; a short one shows its last two, below 8 nothing."""
    if len(number) >= 15:
        return f"{number[:3]}{'*' * (len(number) - 7)}{number[-4:]}"
    if len(number) >= 8:
        return f"{'*' * (len(number) - 2)}{number[-2:]}"
    return STARS


def _is_ideographic(word: str) -> bool:
    """Whether every character is a Han ideograph (extensions included), kana or Hangul."""
    return all(
        "一" <= character <= "鿿"
        or "㐀" <= character <= "䶿"
        or "𠀀" <= character <= "\U000323af"
        or "぀" <= character <= "ヿ"
        or "가" <= character <= "힣"
        for character in word
    )
