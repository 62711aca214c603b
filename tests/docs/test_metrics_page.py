"""Every metric stands on its page with its labels, and the page names none that no process has."""

from __future__ import annotations

import re

import psycopg
from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric
from repository import DOCS

from duecourse.dispatch.meters import Meters
from duecourse.dispatch.switchboard import Switchboard
from duecourse.privacy.keyring import Keyring
from duecourse.store.lifeline import Lifeline
from duecourse.web.figures import FiguresCollector
from duecourse.web.lines import LinesCollector
from duecourse.web.metrics import RequestMeters, new_registry

PAGE = (DOCS / "reference" / "metrics.md").read_text("utf-8")
ROW = re.compile(r"^\| `([a-z_]+)` \| ((?:`[a-z]+`(?:, )?)*) ?\| (.+) \|$", re.MULTILINE)


def every_metric() -> dict[str, frozenset[str]]:
    """Name as it is scraped to its labels: what a worker has and what `serve` has."""
    registry = new_registry()
    process = {_name(one): frozenset[str]() for one in registry.collect()}
    counted = CollectorRegistry()
    meters, requests = Meters(counted), RequestMeters(counted)
    own = {
        _name(metric): frozenset(one._labelnames)
        for holder in (meters, requests)
        for one in vars(holder).values()
        if hasattr(one, "_labelnames")
        for metric in one.describe()
    }
    board = Switchboard(Lifeline(None, psycopg.connect), Keyring.new(), desks=1)  # nobody is asked
    read = [
        *FiguresCollector(None, lambda _: None, []).describe(),  # type: ignore[arg-type, return-value]
        *LinesCollector(board, lambda: 0).describe(),
    ]
    return process | own | {_name(one): frozenset(one._labelnames) for one in read}


def _name(metric: Metric) -> str:
    return f"{metric.name}_total" if metric.type == "counter" else metric.name


def test_each_metric_stands_on_the_page_with_its_labels_and_no_other() -> None:
    said = {name: frozenset(re.findall(r"`([a-z]+)`", labels)) for name, labels, _ in ROW.findall(PAGE)}
    assert said == every_metric()
    assert len(ROW.findall(PAGE)) == len(said), "a metric stands twice"


def test_no_label_could_name_a_person_a_message_or_a_lane() -> None:
    labels = {label for names in every_metric().values() for label in names}
    assert labels == {
        "answer",
        "cause",
        "channel",
        "kind",
        "lease",
        "provider",
        "route",
        "rule",
        "seconds",
        "state",
        "status",
    }
