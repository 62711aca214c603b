"""The page of the API names what is served, and nothing that is not."""

from __future__ import annotations

import re

from repository import DOCS

from duecourse.api.endpoint import PREFIX
from duecourse.api.keys import Scope
from duecourse.api.routes import ENDPOINTS

PAGE = (DOCS / "reference" / "api.md").read_text("utf-8")


def test_every_endpoint_stands_on_the_page_with_its_scope_and_no_other() -> None:
    said = re.findall(r"^\| `(GET|POST) ([^`]+)` \| `([^`]+)` \|", PAGE, re.MULTILINE)
    served = [(one.method, PREFIX + re.sub(r":path\}", "}", one.path), one.scope.value) for one in ENDPOINTS]
    assert sorted(said) == sorted(served)


def test_every_scope_is_one_of_an_endpoint() -> None:
    assert {one.scope for one in ENDPOINTS} == set(Scope)


def test_every_code_that_an_answer_may_have_stands_on_the_page() -> None:
    for code in ("D164", "D165", "D166", "D167", "D168", "D169", "D170", "D171", "D172", "D173", "D174"):
        assert code in PAGE
