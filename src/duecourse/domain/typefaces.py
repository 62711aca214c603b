"""The typefaces that come with the program, so that a page looks the same on every machine and no script is missing.

Noto Sans for Latin, Greek and Cyrillic (Vietnamese too), simplified and traditional Chinese, Devanagari and Arabic;
SIL Open Font License 1.1, each a package of its own that holds nothing but fonts.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

_PACKAGES: Final = (
    "fontpkg_noto_sans",
    "pylopdf_fonts_zh_cn",
    "pylopdf_fonts_zh_tw",
    "pylopdf_fonts_hi",
    "pylopdf_fonts_ar",
)
_TRADITIONAL: Final = ("zh-TW", "zh-HK", "zh-MO", "zh-Hant")
FAMILIES: Final = ("Noto Sans", "Noto Sans SC", "Noto Sans TC", "Noto Sans Devanagari", "Noto Sans Arabic")
"""In this order the first that has a character gives it."""


@cache
def font_folders() -> tuple[Path, ...]:
    """The folders of the packages that are installed."""
    specs = (find_spec(name) for name in _PACKAGES)
    return tuple(Path(spec.origin).parent for spec in specs if spec and spec.origin)


def families_for(language: str) -> tuple[str, ...]:
    """FAMILIES in the order a language wants: the two ways to write Chinese draw the same character differently."""
    if language.startswith(_TRADITIONAL):
        return tuple(sorted(FAMILIES, key=lambda family: (family == "Noto Sans SC", FAMILIES.index(family))))
    return FAMILIES
