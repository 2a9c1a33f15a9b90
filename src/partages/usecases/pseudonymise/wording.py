"""Which words a text has, and where: a costly pattern is left out where none of its words stands."""

import re
from collections.abc import Collection, Iterator
from functools import cache, lru_cache

import ahocorasick

from partages.text import fold, strip_accents

_WORD = re.compile(r"[^\W\d_]+")
_COMMON = frozenset({"femme", "Nouvelle", "entretien", "équipe"})


@lru_cache(maxsize=2)
def words_of(text: str) -> frozenset[str]:
    """Folded words of a text."""
    return frozenset(map(_folded, set(_WORD.findall(text))))


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
