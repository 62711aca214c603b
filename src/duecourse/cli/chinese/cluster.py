"""In Chinese: where a book lies on a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SENTENCES: Final[Mapping[str, str]] = {
    "Spreading tables": "正在分布各表",
    "Spreading {table}; {left} to go": "正在分布 {table}，还剩 {left} 张表",
    "Tables spread now: {count}": "本次分布的表：{count} 张",
    "Cluster: {shards} shards with lanes, on {count} nodes: {nodes}": (
        "集群：{shards} 个有分道的分片，位于 {count} 个节点：{nodes}"
    ),
}
