"""Classes of words that mean alike here: a rule and the model know 'uncle' when they know 'father'."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final

_HAN: Final = re.compile(r"[\u3400-\u9fff]")


def read_data(name: str) -> Any:
    """A TOML file of `data/`."""
    return tomllib.loads(files(__package__).joinpath("data", f"{name}.toml").read_text("utf-8"))


@cache
def classes(language: str) -> Mapping[str, str]:
    """Class to the pattern of its words, as it stands in a regular expression. language: 'en' or 'zh'."""
    return {name: f"(?:{words})" for name, words in read_data("words")[language].items()}


def classes_found(text: str) -> Iterator[tuple[str, int]]:
    """Class and place of each word of a class in a plain text, class by class."""
    for name, pattern in _patterns(_HAN.search(text) is not None):
        for match in pattern.finditer(text):
            yield name, match.start()


@cache
def _patterns(chinese: bool) -> tuple[tuple[str, re.Pattern[str]], ...]:
    english = [(name, re.compile(rf"\b{words}\b")) for name, words in classes("en").items()]
    if not chinese:
        return tuple(english)
    return (*english, *((name, re.compile(words)) for name, words in classes("zh").items()))
