"""What commands say of stops confirmed, retention and acts, English to Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SENTENCES: Final[Mapping[str, str]] = {
    "One message confirms it.": "将发送一条消息予以确认。",
    "Spoken as {actor}; announces: {acts}": "以{actor}身份发送；所告知的行动：{acts}",
    "Keeping": "保存期限",
    "Looking through lanes": "正在逐区查看",
    "No rule names a longest keeping: nothing is erased. Add one to your rules (P13, most_years).": (
        "没有规则规定最长保存期限，未删除任何内容。请在自有规则中添加（P13，most_years）。"
    ),
    "erased": "已删除",
    "keep at least": "至少保存",
    "keep at most": "最多保存",
    "must be kept": "须保存",
    "region": "地区",
    "retired addresses": "停用的地址",
    "still wanted": "仍需使用",
    "texts": "消息正文",
    "words of answers": "答复内容",
    "there are": "现有",
    "to erase": "待删除",
    "which": "类别",
    "{years} years ({rule})": "{years} 年（{rule}）",
}

REASONS: Final[Mapping[str, str]] = {
    "confirms a word to stop": "确认退订",
    "text erased by {who}": "消息正文已由 {who} 删除",
}
"""Of histories, with their parts in braces."""
