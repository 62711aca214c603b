"""The ways to providers as metrics: what this process's adapters say of themselves, asked at a scrape."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from duecourse.dispatch.switchboard import Switchboard
from duecourse.domain.messaging import LINE_COUNTS, Adapter, LineState, Watched


def line_state(adapter: Adapter) -> LineState:
    """How the way to a provider stands; of an adapter that does not say: it is there."""
    return adapter.line_state() if isinstance(adapter, Watched) else LineState(connected=True)


class LinesCollector(Collector):
    """The adapters of a switchboard, and what it holds for them. Used by the event loop that they live on."""

    def __init__(self, switchboard: Switchboard, lanes_held: Callable[[], int]) -> None:
        self._switchboard = switchboard
        self._lanes_held = lanes_held

    def describe(self) -> Iterator[Metric]:
        """Every metric, without its samples."""
        return iter(_families({}, self._switchboard, 0, 0))

    def collect(self) -> Iterator[Metric]:
        """How each provider's lines stand now."""
        board = self._switchboard
        states = {name: line_state(adapter) for name, adapter in board.adapters.items()}
        return iter(_families(states, board, len(board.pending), self._lanes_held()))


def _families(
    states: Mapping[str, LineState], board: Switchboard, pending: int, lanes_held: int
) -> list[Metric]:
    connected = _gauge("provider_connected", "1 when a message could be written to the provider now, else 0.")
    lines = _gauge("provider_lines", "Lines that are up, where lines are kept up.")
    window = _gauge("provider_window", "Messages that may be unanswered at the provider at once.")
    paused = _gauge("provider_paused", "1 while this process leaves it alone, as after being throttled.")
    counted = {
        word: CounterMetricFamily(f"duecourse_provider_{word}", said, labels=["provider"])
        for word, said in LINE_COUNTS.items()
    }
    for name, state in states.items():
        connected.add_metric([name], int(state.connected))
        window.add_metric([name], board.adapters[name].window)
        paused.add_metric([name], int(board.is_paused(name)))
        if state.lines is not None:
            lines.add_metric([name], state.lines)
        for word, number in state.counts.items():
            counted[word].add_metric([name], number)
    return [
        connected,
        lines,
        window,
        paused,
        *counted.values(),
        GaugeMetricFamily(
            "duecourse_pending_receipts", "Receipts heard that wait for their attempt.", pending
        ),
        GaugeMetricFamily("duecourse_held_lanes", "Lanes that this process holds.", lanes_held),
    ]


def _gauge(name: str, help_text: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"duecourse_{name}", help_text, labels=["provider"])
