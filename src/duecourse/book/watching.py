"""Watching a folder: a delivery is taken when its flag file is there and its files stand still, once, across restarts.

All memory is in the folder: a marker beside the flag file, or a folder to which a taken delivery goes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .delivering import Delivery, DeliveryReport, find_deliveries
from .delivery import Definition
from .rejects import rejects_name

_MARKERS = (".done", ".refused")


class Watcher:
    """A folder and the deliveries that come into it.

    settle_seconds: how long files must stand still when they were not seen before; a file seen twice alike, one
    look apart, stands still as well.
    """

    def __init__(self, folder: Path, definition: Definition, settle_seconds: float) -> None:
        self._folder = folder
        self._definition = definition
        self._settle_seconds = settle_seconds
        self._seen: dict[str, str] = {}
        self.waiting: list[Delivery] = []
        """At the last look: those whose files were still changing."""

    def look(self, at: float) -> list[Delivery]:
        """Deliveries to take now, the oldest first; none after one that is still changing. at: seconds since 1970.

        Raises DuecourseError as find_deliveries does.
        """
        self._finish_moves()
        ready: list[Delivery] = []
        self.waiting = []
        seen: dict[str, str] = {}
        for delivery in find_deliveries(self._folder, self._definition):
            signature = delivery.signature()
            seen[delivery.flag.name] = signature
            if self._marked(delivery.flag) == signature:
                continue
            still = self._seen.get(delivery.flag.name) == signature or self._old(delivery, at)
            # A later day must not overtake an earlier one that is still being written.
            (ready if still and not self.waiting else self.waiting).append(delivery)
        self._seen = seen
        return ready

    def _old(self, delivery: Delivery, at: float) -> bool:
        newest = max((path.stat().st_mtime for path in delivery.files() if path.exists()), default=at)
        return newest <= at - self._settle_seconds

    def _marked(self, flag: Path) -> str | None:
        """The signature with which a delivery was taken or refused before."""
        for end in _MARKERS:
            marker = _read(flag.with_name(flag.name + end))
            if marker is not None:
                return str(marker.get("signature"))
        return None

    def mark(self, delivery: Delivery, report: DeliveryReport) -> Path:
        """Remember what became of a delivery, so that it is not taken again; answers where that stands.

        With a folder to go to, the marker is written first and says what is to move: a crash midway is made good.
        """
        refused = report.state == "refused"
        rule = self._definition.rule.watch
        folder = rule.refused if refused else rule.done
        for end in _MARKERS:
            delivery.flag.with_name(delivery.flag.name + end).unlink(missing_ok=True)
        marker = delivery.flag.with_name(delivery.flag.name + (".refused" if refused else ".done"))
        said: dict[str, Any] = {
            "delivery": report.delivery,
            "delivered_on": report.delivered_on.isoformat(),
            "state": report.state,
            "rows": report.rows,
            "rejected": report.rejected,
            "problems": [str(problem) for problem in report.problems],
            "signature": delivery.signature(),
        }
        if folder:
            said["to"] = str(_free(self._folder / folder / delivery.flag.stem).relative_to(self._folder))
            said["files"] = [path.name for path in (*self._rejects(delivery), *delivery.files())]
        _write(marker, said)
        if folder:
            self._finish_moves()
            return self._folder / str(said["to"])
        return marker

    def _rejects(self, delivery: Delivery) -> Iterable[Path]:
        for part in delivery.parts:
            source = self._definition.mappings[part.rule.name].source
            yield part.path.with_name(rejects_name(part.path, source))

    def _finish_moves(self) -> None:
        for end in _MARKERS:
            for marker in sorted(self._folder.glob(f"*{end}")):
                said = _read(marker)
                if said is None or "to" not in said:
                    continue
                to = self._folder / said["to"]
                to.mkdir(parents=True, exist_ok=True)
                for name in said["files"]:
                    if (self._folder / name).exists():
                        (self._folder / name).replace(to / name)
                marker.replace(to / marker.name)


def _read(marker: Path) -> dict[str, Any] | None:
    try:
        said = json.loads(marker.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return said if isinstance(said, dict) and "signature" in said else None


def _write(marker: Path, said: dict[str, Any]) -> None:
    passing = marker.with_name(marker.name + ".part")
    passing.write_text(json.dumps(said, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    passing.replace(marker)


def _free(wanted: Path) -> Path:
    """The folder's name, with a number when a delivery of that name went there before."""
    number = 1
    while (found := wanted if number == 1 else wanted.with_name(f"{wanted.name}-{number}")).exists():
        number += 1
    return found
