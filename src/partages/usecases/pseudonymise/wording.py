"""Which words a text has, and where: a costly pattern is left out where none of its words stands."""

import re
from collections.abc import Collection, Iterator, Set
from functools import cache, lru_cache

import ahocorasick

from partages.text import fold, strip_accents

_WORD = re.compile(r"[^\W\d_]+")
REACH = 90
"""Characters around a word in which a pattern that needs it is looked for."""
_COMMON = frozenset({"femme", "Nouvelle", "entretien", "équipe"})


@lru_cache(maxsize=2)
def _words(text: str) -> list[tuple[int, int, str]]:
    """Every word: where it begins and ends, folded."""
    return [(*match.span(), _folded(match.group())) for match in _WORD.finditer(text)]


@lru_cache(maxsize=2)
def _places(text: str) -> dict[str, list[tuple[int, int]]]:
    """Where each folded word begins and ends."""
    found: dict[str, list[tuple[int, int]]] = {}
    for start, end, word in _words(text):
        found.setdefault(word, []).append((start, end))
    return found


def words_of(text: str) -> Set[str]:
    """Folded words of a text."""
    return _places(text).keys()


@lru_cache(maxsize=50_000)
def _folded(word: str) -> str:
    return fold(word)


def telling_words(entries: set[str]) -> frozenset[str]:
    """The longest folded word of each entry."""
    found = ([word for word in _WORD.findall(entry) if word not in _COMMON] for entry in entries)
    return frozenset(fold(max(reversed(words), key=len)) for words in found if words)


def has_any(text: str, words: frozenset[str]) -> bool:
    """Whether one of the words stands in the text."""
    return not words.isdisjoint(words_of(text))


@lru_cache(maxsize=2)
def _starts(text: str) -> dict[str, list[int]]:
    """Where words begin, by their first three letters, folded."""
    found: dict[str, list[int]] = {}
    for start, _, word in _words(text):
        found.setdefault(word[:3], []).append(start)
    return found


def starts(text: str, openings: frozenset[str]) -> list[int]:
    """Where the words that open so begin, in order."""
    found = _starts(text)
    return sorted(start for opening in openings for start in found.get(opening, ()))


def matches(pattern: re.Pattern[str], text: str, openings: frozenset[str]) -> Iterator[re.Match[str]]:
    """As ``pattern.finditer(text)``, for a pattern that starts with a word: tried only where a word opens so (three folded letters, or
    the whole of a shorter word)."""
    at = 0
    for start in starts(text, openings):
        if start >= at and (match := pattern.match(text, start)):
            yield match
            at = match.end()


def around(pattern: re.Pattern[str], text: str, words: frozenset[str]) -> Iterator[re.Match[str]]:
    """As ``pattern.finditer(text)``, looked for within ``REACH`` characters of one of the words only."""
    at = stop = 0
    places = _places(text)
    for start, end in sorted(place for word in words & places.keys() for place in places[word]):
        if start >= stop - REACH:
            begin, stop = max(at, start - REACH), end + REACH
            for found in pattern.finditer(text, begin, stop):
                yield found
                at = found.end()


def openings(words: str) -> frozenset[str]:
    return frozenset(words.split())


def occurrences(text: str, values: Collection[str]) -> Iterator[tuple[int, int, str]]:
    """Every place of each value, overlaps included, in order of their ends: (start, end, value). One pass, whatever their number."""
    if not values:
        return
    automaton = ahocorasick.Automaton()
    for value in values:
        automaton.add_word(value, value)
    automaton.make_automaton()
    for last, value in automaton.iter(text):
        yield last - len(value) + 1, last + 1, value


def flattened(text: str) -> str:
    """Same length as ``text``: lower case, accents out."""
    return text.translate({ord(character): _plain(character) for character in set(text)})


@cache
def _plain(character: str) -> str:
    plain = strip_accents(character).casefold()
    return plain if len(plain) == 1 else character.lower()[:1]
