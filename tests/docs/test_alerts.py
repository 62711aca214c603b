"""Every alert asks for metrics and labels that there are, and has its runbook."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import promql_parser
import pytest
from repository import DOCS, ROOT
from ruamel.yaml import YAML

from duecourse.dispatch.health import State

ALERTS = ROOT / "examples" / "alerts"
RULES = [
    pytest.param(rule, id=rule["alert"])
    for group in YAML(typ="safe").load(ALERTS / "duecourse.rules.yml")["groups"]
    for rule in group["rules"]
]
RUNBOOKS = (DOCS / "how-to" / "runbooks.md").read_text("utf-8")
OF_PROMETHEUS = {"job", "instance"}
"""Labels that the scrape adds."""


@pytest.fixture(scope="module")
def metrics() -> dict[str, set[str]]:
    """Name to labels, as the page of metrics has them; a test of its own holds it to the code."""
    page = (DOCS / "reference" / "metrics.md").read_text("utf-8")
    rows = re.findall(r"^\| `([a-z_]+)` \| ([^|]*)\|", page, re.MULTILINE)
    found = {name: set(re.findall(r"`([a-z]+)`", labels)) for name, labels in rows}
    times = {f"{name}_bucket": {*labels, "le"} for name, labels in found.items() if name.endswith("_seconds")}
    return found | times | {"up": set()}


def selectors(node: Any) -> Iterator[Any]:
    """Every metric that an expression asks for."""
    match node:
        case promql_parser.VectorSelector():
            yield node
        case promql_parser.MatrixSelector():
            yield node.vector_selector
        case promql_parser.BinaryExpr():
            yield from selectors(node.lhs)
            yield from selectors(node.rhs)
        case promql_parser.Call():
            for argument in node.args:
                yield from selectors(argument)
        case promql_parser.AggregateExpr() | promql_parser.ParenExpr():
            yield from selectors(node.expr)
        case promql_parser.NumberLiteral():
            return
        case _:
            raise AssertionError(f"an expression of a kind that this test does not know: {node}")


@pytest.mark.parametrize("rule", RULES)
def test_an_alert_asks_for_what_there_is(rule: dict[str, Any], metrics: dict[str, set[str]]) -> None:
    asked = list(selectors(promql_parser.parse(rule["expr"])))
    assert asked
    for one in asked:
        assert one.name in metrics
        matched = {matcher.name for matcher in one.matchers.matchers}
        assert matched <= metrics[one.name] | OF_PROMETHEUS
        for matcher in one.matchers.matchers:
            if matcher.name == "state":
                assert set(matcher.value.split("|")) <= {state.value for state in State}


@pytest.mark.parametrize("rule", RULES)
def test_an_alert_says_how_grave_it_is_and_has_a_runbook(rule: dict[str, Any]) -> None:
    assert rule["labels"] == {"severity": rule["labels"]["severity"]}
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert rule["annotations"]["summary"]
    page, _, anchor = rule["annotations"]["runbook"].partition("#")
    assert (ROOT / page).read_text("utf-8") == RUNBOOKS
    assert anchor == rule["alert"].lower()
    (text,) = re.findall(rf"^## {rule['alert']}\n(.*?)(?=^## |\Z)", RUNBOOKS, re.MULTILINE | re.DOTALL)
    assert "**Means**" in text and "**Look**" in text and "**do**" in text.lower()


def test_no_runbook_is_of_an_alert_that_is_gone() -> None:
    headings = re.findall(r"^## (Duecourse\w+)$", RUNBOOKS, re.MULTILINE)
    assert sorted(headings) == sorted(one.id for one in RULES)


def test_promtool_takes_the_rules_and_their_own_tests() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        assert os.environ.get("DUECOURSE_TEST_ALL") != "1", "promtool is missing"
        pytest.skip("promtool, of Debian's package prometheus, is not installed")
    for words in (("check", "rules", "duecourse.rules.yml"), ("test", "rules", "duecourse.test.yml")):
        ran = subprocess.run([promtool, *words], cwd=ALERTS, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stdout + ran.stderr
