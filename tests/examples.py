"""How many examples the longest property tests try: few in the suite, many in `make soak`."""

from __future__ import annotations

import os


def examples(usual: int) -> int:
    """DUECOURSE_TEST_EXAMPLES, or as many as the suite has time for."""
    return int(os.environ.get("DUECOURSE_TEST_EXAMPLES", usual))
