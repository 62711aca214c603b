"""Where something stands in an answer: paths of names and numbers, nothing that computes."""

from __future__ import annotations

from typing import Any


def look(value: Any, path: str) -> Any:
    """What stands at `data.0.id`; '' is the whole. Raises KeyError, IndexError, TypeError or ValueError."""
    for name in path.split(".") if path else ():
        value = value[int(name)] if isinstance(value, list) else value[name]
    return value


def first(value: Any, path: str) -> str:
    """The same as text, as a gateway writes it: true and false in lower case. '' where there is none."""
    try:
        found = look(value, path)
    except (KeyError, IndexError, TypeError, ValueError):
        return ""
    if found is None or isinstance(found, (dict, list)):
        return ""
    return str(found).lower() if isinstance(found, bool) else str(found)


def fields_of_text(text: str, separator: str) -> list[str]:
    """The fields of an answer like `0,20261125123`."""
    return [each.strip() for each in text.strip().split(separator)]
