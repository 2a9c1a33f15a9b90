"""The text as rules see it, and the way back to the text received.

Accents are composed, invisible marks (soft hyphen, right-to-left mark...) taken out, and every
space but the line end becomes a plain one, so that one pattern reads all the ways of typing.
"""

import unicodedata
from dataclasses import dataclass
from functools import cached_property

_SAME_LENGTH = str.maketrans(
    dict.fromkeys("\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a" "\u202f\u205f\u3000\t\x0b\x0c\r", " ")
    | {"’": "'", "ʼ": "'", "´": "'", "‑": "-", "‐": "-", "\u2028": "\n", "\u2029": "\n", "\x85": "\n"}
)  # fmt: skip


@dataclass(frozen=True)
class View:
    """``text`` is what rules read; ``source(start, end)`` gives the offsets in the text received."""

    text: str
    origin: list[int] | None
    length: int

    def source(self, start: int, end: int) -> tuple[int, int]:
        """Offsets in the text received of a stretch of the view; marks on its last letter included."""
        if self.origin is None:
            return start, end
        return self.origin[start], self.origin[end] if end < len(self.origin) else self.length

    @cached_property
    def lines(self) -> list[tuple[int, int]]:
        """Offsets of each line, line ends excluded."""
        found, start = [], 0
        for line in self.text.split("\n"):
            found.append((start, start + len(line)))
            start += len(line) + 1
        return found


def view(text: str) -> View:
    """The view of a text."""
    translated = text.translate(_SAME_LENGTH)
    if translated.isascii() or not any(
        unicodedata.category(character) in ("Mn", "Cf", "Co", "Cn") for character in set(translated)
    ):
        return View(translated, None, len(text))
    characters: list[str] = []
    origin: list[int] = []
    for index, character in enumerate(translated):
        category = unicodedata.category(character)
        if category == "Cf":
            continue
        if category == "Mn" and characters:
            composed = unicodedata.normalize("NFC", characters[-1] + character)
            if len(composed) == 1:
                characters[-1] = composed
            continue
        characters.append(character)
        origin.append(index)
    return View("".join(characters), origin, len(text))
