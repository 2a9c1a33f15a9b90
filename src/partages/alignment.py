"""Quotes back to offsets: a model quotes, the program finds the place.

Models know the answer and cannot count characters, so they are never asked for offsets.
A quote is looked for exactly first; then tolerantly of case, accents, ligatures, typographic
variants (quotes, dashes, invisible characters) and runs of spacing; then also of hyphenation
and of spacing inside words. The first tier that finds something decides. Between several
equal places the nearest to the hint wins; with no hint, or a tie, nothing is returned.
"""

import unicodedata
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property, lru_cache

from partages.documents import Annotation, Span


class Tier(StrEnum):
    """How closely the quote matched, best first."""

    EXACT = "exact"
    FOLDED = "folded"
    """Same up to case, accents, ligatures, typographic variants and runs of spacing."""
    JOINED = "joined"
    """Same once all spacing and hyphens are taken out (line-end hyphenation, letter-spacing)."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a quote stands: code points in the text received, end excluded."""

    start: int
    end: int
    tier: Tier


@dataclass(frozen=True, slots=True)
class Quote:
    """A stretch of text as a model gave it back.

    Attributes:
        text: the quoted words.
        label, attributes: what the span will carry.
        hint: about where it should be, in code points; None when unknown.
    """

    text: str
    label: str
    attributes: tuple[tuple[str, str], ...] = ()
    hint: int | None = None


_VARIANTS = {
    "œ": "oe", "Œ": "oe", "æ": "ae", "Æ": "ae", "ø": "o", "Ø": "o", "ı": "i",
    "’": "'", "‘": "'", "ʼ": "'", "′": "'", "`": "'", "´": "'",
    "“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "″": '"',
    "‐": "-", "‑": "-", "‒": "-", "–": "-", "—": "-", "−": "-", "\u00ad": "",
}  # fmt: skip


@lru_cache(maxsize=4096)
def _fold_character(character: str) -> str:
    """Case, accents, ligatures and look-alikes taken out; spacing becomes one space."""
    if character in _VARIANTS:
        return _VARIANTS[character]
    if character.isspace():
        return " "
    folded = []
    for part in unicodedata.normalize("NFKD", character).casefold():
        if part in _VARIANTS:
            folded.append(_VARIANTS[part])
        elif part.isspace():
            folded.append(" ")
        elif unicodedata.category(part) not in ("Mn", "Me", "Cf", "Cc"):
            folded.append(part)
    return "".join(folded)


def _is_inside_word(character: str) -> bool:
    return character.isalnum() or unicodedata.category(character) in ("Mn", "Mc", "Me")


@dataclass(frozen=True, slots=True)
class _Folded:
    """A folded text, and for each of its characters the source character it comes from."""

    text: str
    origin: Sequence[int]


def _fold(text: str, *, joined: bool) -> _Folded:
    characters: list[str] = []
    origin: list[int] = []
    for index, source in enumerate(text):
        for character in _fold_character(source):
            if character == " " and (joined or not characters or characters[-1] == " "):
                continue
            if joined and character == "-":
                continue
            characters.append(character)
            origin.append(index)
    return _Folded("".join(characters), origin)


class Aligner:
    """Finds quotes in one text; folds it once, whatever the number of quotes."""

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def _folded(self) -> _Folded:
        return _fold(self.text, joined=False)

    @cached_property
    def _joined(self) -> _Folded:
        return _fold(self.text, joined=True)

    def find(self, quote: str, hint: int | None = None) -> Place | None:
        """Return the place of ``quote``, or None when it is absent or stands in several equal places.

        Args:
            quote: words of the text, as remembered.
            hint: about where it starts, in code points. The nearest place wins; two places
                at the same distance are still a tie.
        """
        quote = quote.strip()
        if not quote:
            return None
        places = [Place(start, start + len(quote), Tier.EXACT) for start in _occurrences(self.text, quote)]
        whole = [place for place in places if self._is_whole(place)]
        if places:
            return _nearest(whole or places, hint)
        for tier, joined in ((Tier.FOLDED, False), (Tier.JOINED, True)):
            needle = _fold(quote, joined=joined).text.strip()
            if not needle:
                return None
            places = self._tolerant(self._joined if joined else self._folded, needle, tier)
            if places:
                return _nearest(places, hint)
        return None

    def _tolerant(self, haystack: _Folded, needle: str, tier: Tier) -> list[Place]:
        places: list[Place] = []
        for start in _occurrences(haystack.text, needle):
            first, last = haystack.origin[start], haystack.origin[start + len(needle) - 1]
            end = last + 1
            while (
                end < len(self.text) and not _fold_character(self.text[end]) and not self.text[end].isspace()
            ):
                end += 1  # combining accents and invisible marks belong to the letter before them
            place = Place(first, end, tier)
            if self._is_whole(place) and (not places or places[-1] != place):
                places.append(place)
        return places

    def _is_whole(self, place: Place) -> bool:
        """Whether the place cuts no word in two."""
        text, start, end = self.text, place.start, place.end
        cuts_before = start > 0 and _is_inside_word(text[start - 1]) and _is_inside_word(text[start])
        cuts_after = end < len(text) and _is_inside_word(text[end - 1]) and _is_inside_word(text[end])
        return not cuts_before and not cuts_after


def _occurrences(haystack: str, needle: str) -> list[int]:
    found = []
    start = haystack.find(needle)
    while start >= 0:
        found.append(start)
        start = haystack.find(needle, start + 1)
    return found


def _nearest(places: Sequence[Place], hint: int | None) -> Place | None:
    if len(places) == 1:
        return places[0]
    if hint is None:
        return None
    after = bisect_left([place.start for place in places], hint)
    candidates = places[max(0, after - 1) : after + 1]
    if len(candidates) == 2 and hint - candidates[0].start == candidates[1].start - hint:
        return None
    return min(candidates, key=lambda place: abs(place.start - hint))


def align(text: str, quote: str, hint: int | None = None) -> Place | None:
    """``Aligner(text).find(quote, hint)``, for a single quote."""
    return Aligner(text).find(quote, hint)


def annotate(document_id: str, text: str, quotes: Iterable[Quote]) -> Annotation:
    """Anchor quotes in a text; those that cannot be are left out and counted in ``dropped``."""
    aligner = Aligner(text)
    spans: set[Span] = set()
    dropped = 0
    for quote in quotes:
        place = aligner.find(quote.text, quote.hint)
        if place is None:
            dropped += 1
        else:
            spans.add(Span(place.start, place.end, quote.label, dict(quote.attributes)))
    return Annotation(document_id, tuple(spans), dropped=dropped)
