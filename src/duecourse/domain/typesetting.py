"""Pages and pictures from a Typst source and values, with fonts that are the same on every machine.

Only the fonts of the given folders and Typst's own are used, never those a machine happens to have: the same letter
looks the same everywhere, and a character that no font has is refused instead of printed as a box. Values enter as
JSON and are never read as markup.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Final

import typst
from fontTools.ttLib import TTCollection, TTFont

from .typefaces import FAMILIES, font_folders

_FONT_FILES: Final = frozenset({".ttf", ".otf", ".ttc", ".otc"})
_LIKE_LATIN: Final = range(0x20, 0x17F)
"""What the fonts inside Typst have for sure."""


class Typesetter:
    """Compiles sources with one set of fonts. Parsed once; for one thread at a time."""

    def __init__(self, folders: Iterable[Path] = ()) -> None:
        """folders: with fonts besides those that come along, at any depth. Raises OSError for one that is not there."""
        given = list(folders)
        for folder in given:
            if not folder.is_dir():
                raise FileNotFoundError(f"the folder of fonts {folder} is missing")
        self._folders = [*font_folders(), *given]
        paths = [str(folder) for folder in self._folders if folder.is_dir()]
        self._compiler = typst.Compiler(
            font_paths=typst.Fonts(include_system_fonts=False, include_embedded_fonts=True, font_paths=paths),
            ignore_system_fonts=True,
        )

    def missing(self, text: str) -> str:
        """The characters of a text that no font has, each once, in order; '' when all can be set."""
        return "".join(
            dict.fromkeys(
                each
                for each in text
                if ord(each) not in _LIKE_LATIN
                and ord(each) not in self._characters
                and unicodedata.category(each) not in ("Cc", "Cf", "Zs", "Zl", "Zp", "Mn")
            )
        )

    def pdf(
        self, source: str, values: Mapping[str, Any], at: datetime, families: Sequence[str] = FAMILIES
    ) -> bytes:
        """A PDF/A-2b file. values: what the source reads from `sys.inputs.values` as JSON; at: its date, so that the
        same letter made twice is the same file. families: the first that has a character gives it, then any other font.
        Raises ValueError where the source does not compile.
        """
        made = self._compile(
            source, values, families, format="pdf", pdf_standards="a-2b", timestamp=at.replace(microsecond=0)
        )
        return made if isinstance(made, bytes) else b"".join(made)

    def png(
        self,
        source: str,
        values: Mapping[str, Any],
        ppi: float = 144,
        families: Sequence[str] = FAMILIES,
    ) -> bytes:
        """The first page as a PNG. ppi: points per inch, 72 to 600. Raises ValueError where it does not compile."""
        made = self._compile(source, values, families, format="png", ppi=ppi)
        return made if isinstance(made, bytes) else made[0]

    def _compile(
        self, source: str, values: Mapping[str, Any], families: Sequence[str] = FAMILIES, **how: Any
    ) -> bytes | list[bytes]:
        inputs = {"values": json.dumps(values, ensure_ascii=False), "fonts": json.dumps(families)}
        try:
            made = self._compiler.compile(source.encode(), sys_inputs=inputs, **how)
        except typst.TypstError as error:
            # Its message may quote a value.
            raise ValueError(f"the page cannot be set ({type(error).__name__})") from None
        assert made is not None
        return made

    @cached_property
    def _characters(self) -> frozenset[int]:
        return _characters_of(tuple(self._folders))


@cache
def _characters_of(folders: tuple[Path, ...]) -> frozenset[int]:
    """Every character that a font of these folders has. Half a second for those that come along: once a process."""
    found: set[int] = set()
    for folder in folders:
        for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
            if path.suffix.lower() in _FONT_FILES:
                for font in _fonts(path):
                    found.update(font.getBestCmap() or {})
    return frozenset(found)


def _fonts(path: Path) -> list[TTFont]:
    if path.suffix.lower() in (".ttc", ".otc"):
        return list(TTCollection(path, lazy=True).fonts)
    return [TTFont(path, lazy=True)]
