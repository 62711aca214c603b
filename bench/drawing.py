"""`python -m bench.drawing [FOLDER]`: a folder's figures beside the bars they must stay within, as its speed.svg."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

RESULTS = Path(__file__).parent / "results"
DRAWN = "speed.svg"
WIDTH, LEFT, ROW = 860, 330, 30
UNIT = 250
"""Pixels from nothing to the bar."""
MOST = 1.9
"""Longer than so many bars is cut, and its figure says how long it is."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A figure with what it must not pass. bar, stretch: in its own unit; more: whether more of it is better."""

    bench: str
    path: str
    what: str
    unit: str
    bar: float
    stretch: float
    more: bool = False

    def read(self, results: Path) -> float | None:
        """From the bench's JSON; None where it has not been run."""
        written = results / f"{self.bench}.json"
        if not written.exists():
            return None
        found: Any = json.loads(written.read_text("utf-8"))["figures"]
        for key in self.path.split("."):
            found = found[key]
        return float(found)

    def of_bar(self, figure: float) -> float:
        """1 is the bar, less is better."""
        return self.bar / figure if self.more else figure / self.bar


WANTED = (
    Wanted("plan", "ratio_to_bare_insert", "plan a day / bare INSERT", "×", 4, 2),
    Wanted("plan", "ratio_to_bare_insert_one_session", "the same in one session", "×", 4, 2),
    Wanted("plan", "ratio_of_doubled_book", "the same, book doubled / itself", "×", 1.2, 1.05),
    Wanted("dispatch", "ratio_to_sum_of_parts", "dispatch / its bare parts", "×", 2, 1.3),
    Wanted("celery", "times_as_many_per_core", "dispatch, per core / Celery", "×", 5, 15, more=True),
    Wanted("import", "ratio_to_bare_copy", "import / bare COPY", "×", 5, 3),
    Wanted("import", "peak_ratio_whole_to_tenth", "memory of an import / a tenth", "×", 1.2, 1),
    Wanted("delay", "delay_seconds.p99", "delay at 1,000 a second, p99", "s", 2, 0.5),
)


def draw(results: Path, wanted: Sequence[Wanted] = WANTED) -> str:
    """The SVG: a row for each figure that the folder has, as long as its share of the bar."""
    rows = [(one, figure) for one in wanted if (figure := one.read(results)) is not None]
    height = 52 + ROW * len(rows)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}"',
        ' font-family="sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        f'<text x="{LEFT + UNIT}" y="18" text-anchor="middle">bar</text>',
    ]
    for place, (one, figure) in enumerate(rows):
        share, stretch = one.of_bar(figure), one.of_bar(one.stretch)
        top = 30 + ROW * place
        length = UNIT * min(share, MOST)
        colour = "#2a7f4f" if share <= stretch else "#4a7ab5" if share <= 1 else "#c0562f"
        told = f"{figure:.2f} {one.unit} ({'at least' if one.more else 'at most'} {one.bar:g}, stretch {one.stretch:g})"
        parts += [
            f'<text x="{LEFT - 8}" y="{top + 15}" text-anchor="end">{escape(one.what)}</text>',
            f'<rect x="{LEFT}" y="{top}" width="{length:.0f}" height="20" fill="{colour}"/>',
            f'<path d="M{LEFT + UNIT * stretch:.0f} {top - 3}v26" stroke="#888" stroke-dasharray="3 3"/>',
            f'<text x="{LEFT + 6}" y="{top + 15}" fill="white" stroke="#0008" stroke-width="3" paint-order="stroke">'
            f"{escape(told)}</text>",
        ]
    parts.append(f'<path d="M{LEFT + UNIT} 24v{height - 34}" stroke="black"/></svg>')
    return "\n".join(parts) + "\n"


def main() -> None:
    """Draw what stands in the folder, and leave the drawing there."""
    parser = argparse.ArgumentParser(prog="python -m bench.drawing", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=RESULTS)
    folder = parser.parse_args().folder
    (folder / DRAWN).write_text(draw(folder), encoding="utf-8")


if __name__ == "__main__":
    main()
