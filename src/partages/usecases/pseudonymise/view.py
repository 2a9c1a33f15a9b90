"""The text as rules see it, and the way back to the text received.

Accents are composed, invisible marks (soft hyphen, right-to-left mark...) taken out, and every
space but the line end becomes a plain one, so that one pattern reads all the ways of typing.
Letter-spaced words (``D U B O I S``) are closed up, and what scanners confuse (O and 0, l and 1) is
put back, one character for one, where a number or a word holds a single foreign sign.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property

from partages.text import fold
from partages.usecases.pseudonymise import gazetteers

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


_SPACED = re.compile(r"(?<!\S)[^\W_](?: {1,3}(?:[^\W_]|[/.\-'])(?![^\s,;:)])){3,}")
_NUMBER_READ_WRONG = re.compile(r"(?<!\w)(?=[OolI\d]*\d)(?=\d*[OolI])[OolI\d]+(?![^\W\d_])")
_WORD_READ_WRONG = re.compile(
    r"(?<!\w)(?!HbA1)(?:[^\W\d_]{2,}[01][^\W\d_]+|[^\W\d_][01][^\W\d_]{3,}|[01][^\W\d_]{5,}|[^\W\d_]{5,}[01](?!\w))(?![\w-]*\d)"
)
_CAPITALS_WITH_L = re.compile(r"(?<![\w-])[A-ZÀ-Þ]{2,}l[A-ZÀ-Þ]+(?!\w)")
_PHONE_READ_WRONG = re.compile(r"(?<![\w.])[0O][1-9lI](?:[ .-]?[0-9OolI]{2}){4}(?![\w])")
_DIGITS = str.maketrans("OolI", "0011")
_UPPER, _LOWER = str.maketrans("01l", "OIL"), str.maketrans("01", "ol")


def _word(match: re.Match[str]) -> str:
    value = match.group()
    return value.translate(_UPPER if value.upper() == value else _LOWER)


def _number(match: re.Match[str]) -> str:
    value = match.group()
    return value.translate(_DIGITS) if sum(map(str.isdigit, value)) > 3 else value


def repair(text: str) -> str:
    """Same length: digits inside words read as letters, letters inside numbers read as digits."""
    text = _PHONE_READ_WRONG.sub(_number, text)
    text = _NUMBER_READ_WRONG.sub(lambda match: match.group().translate(_DIGITS), text)
    text = _WORD_READ_WRONG.sub(_word, text)
    return _CAPITALS_WITH_L.sub(lambda match: match.group().replace("l", "I"), text)


def _closed_up(text: str, origin: list[int] | None) -> tuple[str, list[int] | None]:
    """The text without the spaces inside letter-spaced words; two spaces or more part two words."""
    pieces: list[str] = []
    places: list[int] = []
    at = 0
    for match in _SPACED.finditer(text):
        value = match.group()
        singles = value.split()
        letters = sum(single.isalpha() for single in singles)
        if letters and letters < len(singles) - sum(single in "'-." for single in singles):
            continue  # letters and digits mixed: a table, a blood group
        if not letters and len(set(value) & set("/.-")) == 0 and len(singles) < 6:
            continue
        pieces.append(text[at : match.start()])
        places.extend(range(at, match.start()))
        start = match.start()
        for index, character in enumerate(value):
            if character != " ":
                pieces.append(character)
                places.append(start + index)
            elif value[index + 1] == " " != value[index - 1]:
                pieces.append(" ")
                places.append(start + index)
        at = match.end()
    if not pieces:
        return text, origin
    pieces.append(text[at:])
    places.extend(range(at, len(text)))
    return "".join(pieces), places if origin is None else [origin[place] for place in places]


def view(text: str) -> View:
    """The view of a text."""
    translated = text.translate(_SAME_LENGTH)
    origin: list[int] | None = None
    if not translated.isascii() and any(
        unicodedata.category(character) in ("Mn", "Cf", "Co", "Cn") for character in set(translated)
    ):
        translated, origin = _composed(translated)
    closed, origin = _closed_up(translated, origin)
    parted, origin = _parted(closed, origin)
    return View(with_capitals(repair(parted)), origin, len(text))


_GLUED = re.compile(
    r"(?<=[^\W\d_])(?=(?:PR[ÉE]NOM|SEXE|N[ÉE]E? ?LE|NDA|IPP|NIR|DDN|ADRESSE|T[ÉE]L)\s?:)"
    r"|(?<=\d)(?=(?:NDA|IPP|NIR|DDN|TEL|SEXE|NOM|PRENOM)(?:\s?:|\d))"
    r"|(?<=:[MF])(?=N[ÉE]E? ?LE)"
    r"|(?<=NDA|IPP|NIR|DDN)(?=:)"
    r"|(?<=\sPRENOM|\sPRÉNOM)(?=[A-ZÀ-Þ]{3,}\s)"
    r"|(?<=\b[Ll]e)(?=\d)|(?<=\b[Dd]u)(?=\d)|(?<=\b[Aa]u)(?=\d)|(?<=\bné)(?=\d)|(?<=\bnée)(?=\d)|(?<=NELE)(?=\d)"
    r"|(?<=[a-zà-ÿ]{3})(?=[A-ZÀ-Þ]{3,}(?![a-zà-ÿ]))|(?<=[a-zà-ÿ]{4})(?=[A-ZÀ-Þ][a-zà-ÿ]{3,})|(?<=,)(?=[A-ZÀ-Þ][a-zà-ÿ]{2})"
)


_MAYBE_GLUED = re.compile(
    r"[a-zà-ÿ,](?=[A-ZÀ-Þ])|[eué](?=\d)|[MF](?=N[ÉE])|[APRNE](?=:|\d)|[^\W\d_](?=[PSNIDATpsnidat][RrÉéEeDdPpIi][ÉéEeNnXxAaPpRrDdLl ])|\d(?=[NISDTP][DPIEO])|PR[ÉE]NOM(?=[A-ZÀ-Þ])"
)
"""Where ``_GLUED`` may match, told by two characters."""


def _parted(text: str, origin: list[int] | None) -> tuple[str, list[int] | None]:
    """The text with a space put back between words run together (``avisTANGUY``, ``NOM:DURANDPRENOM:``)."""
    cuts = [
        match.start()
        for near in _MAYBE_GLUED.finditer(text)
        if (match := _GLUED.match(text, near.end())) and not _in_address(text, match.start())
    ]
    if not cuts:
        return text, origin
    pieces: list[str] = []
    places: list[int] = []
    at = 0
    for cut in cuts:
        pieces.append(text[at:cut])
        places.extend(range(at, cut))
        places.append(cut)
        at = cut
    pieces.append(text[at:])
    places.extend(range(at, len(text)))
    return " ".join(pieces), places if origin is None else [origin[place] for place in places]


_IN_ADDRESS = re.compile(r"@|://|www\.")


def _in_address(text: str, at: int) -> bool:
    """Whether a place is inside an e-mail or web address."""
    word = text[max(0, at - 60) : at].rpartition(" ")[2] + text[at : at + 60].partition(" ")[0]
    return _IN_ADDRESS.search(word) is not None


_PLAIN_WORD = re.compile(r"(?<![^\W_@.])[^\W\d_]{2,}(?:['-][^\W\d_]+)*(?![\w@])")
_CALLS = re.compile(
    r"(?:\b(?:dre?|mme|mr|m|pr|docteur|professeur|monsieur|madame|mlle|melle|nom|pr[ée]nom|n[ée]e)\.?\s?:?\s?|^\s*|[|;] ?)$"
)
_ELIDED = re.compile(r"(?:[cdjlmnst]|qu|jusqu|lorsqu|puisqu|aujourd|presqu|quelqu)'")
_LONE_INITIAL = re.compile(
    r"(?:(?<=\n)|^|(?<=[dp]r )|(?<=[dp]r\. )|(?<=/ ))[a-z](?=\. ?[a-z]{2})|(?<=[a-z] )[a-z](?=\. \()"
)
FEW_CAPITALS = 0.002
"""Below this share of capitals, a text has lost them."""


def with_capitals(text: str) -> str:
    """Same length: in a text that has no capitals, those of names and towns are put back."""
    letters = sum(map(str.isalpha, text[:5000]))
    if letters < 12 or sum(map(str.isupper, text[:5000])) > FEW_CAPITALS * letters:
        return text
    text = _LONE_INITIAL.sub(lambda match: match.group().upper(), text)
    return _PLAIN_WORD.sub(lambda match: _capital(match, text), text)


def _capital(match: re.Match[str], text: str) -> str:
    word = match.group()
    titled = word.title() if len(word.title()) == len(word) else word
    if (
        gazetteers.is_acronym(word)
        or fold(word) in gazetteers.listed("termes")
        or gazetteers.is_medical(word)
    ):
        return word
    if _ELIDED.match(word):
        return word
    if gazetteers.is_word(word):
        named = gazetteers.is_first_name(word) or fold(word) in gazetteers.surnames()
        return (
            titled
            if named and len(word) > 2 and _CALLS.search(text[max(0, match.start() - 14) : match.start()])
            else word
        )
    return titled if len(word) > 2 else word


def _composed(translated: str) -> tuple[str, list[int]]:
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
    return "".join(characters), origin
