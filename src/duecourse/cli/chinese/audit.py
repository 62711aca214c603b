"""What `audit` prints, English to Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SENTENCES: Final[Mapping[str, str]] = {
    "By agent, the ten with the most": "按人员（违规最多的十个）",
    "By channel": "按渠道",
    "By month": "按月",
    "By rule": "按规则",
    "Not shown to be right or wrong: no record in the file": "无法证明合规与否：文件中没有记录",
    "breaches": "违规",
    "contacts": "联系",
    "judging": "判断中",
    "law": "法律",
    "reading": "读取中",
    "reading: {rows:,} rows, {refused:,} refused": "读取中：{rows:,} 行，拒收 {refused:,} 行",
    "share": "占比",
    "would be withheld": "本会拦截",
    "{breaches:,} breaches ({share:.1%}): {law:,} of law, {draft:,} of drafts only, "
    "{policy:,} of conventions only; {withheld:,} would have been withheld": (
        "违规 {breaches:,} 次（{share:.1%}）：法律 {law:,}，仅草案 {draft:,}，仅惯例 {policy:,}；"
        "本会拦截 {withheld:,} 次"
    ),
    "{judged:,} contacts with {people:,} people judged; {refused:,} rows refused, {unknown:,} without a region": (
        "已判断 {people:,} 人的 {judged:,} 次联系；拒收 {refused:,} 行，{unknown:,} 次地区未知"
    ),
    "{what}: {file}": "{what}：{file}",
}
