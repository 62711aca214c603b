"""What changes between two versions of a template, in facts that a sentence can be made of."""

from __future__ import annotations

from duecourse.content.differences import template_changes
from duecourse.policy.templates import TemplateText


def test_new_gone_and_changed_parts_are_told_with_what_they_name() -> None:
    old = [
        TemplateText("due", "en", {"sms": "{{ creditor }}: pay {{ total | money }}", "subject": "A date"}),
        TemplateText("gone", "en", {"sms": "x"}),
        TemplateText("same", "en", {"sms": "x"}),
    ]
    new = [
        TemplateText(
            "due", "en", {"sms": "{{ creditor }}: pay by {{ due_on | date }}", "link": "https://x.example"}
        ),
        TemplateText("due", "hi", {"sms": "{{ name }}"}),
        TemplateText("same", "en", {"sms": "x"}),
    ]
    found = [
        (c.template, c.language, c.part, c.kind, c.names_now, c.names_no_longer)
        for c in template_changes(old, new)
    ]
    assert found == [
        ("due", "en", "sms", "changed", ("due_on",), ("total",)),
        ("due", "en", "subject", "removed", (), ()),
        ("due", "en", "link", "new", (), ()),
        ("due", "hi", "sms", "new", ("name",), ()),
        ("gone", "en", "sms", "removed", (), ()),
    ]


def test_what_is_no_liquid_yet_names_nothing_and_is_still_compared() -> None:
    [change] = template_changes(
        [TemplateText("t", "en", {"sms": "{{ total"})], [TemplateText("t", "en", {"sms": "x"})]
    )
    assert (change.kind, change.names_no_longer, change.lines[-1]) == ("changed", (), "+x")
