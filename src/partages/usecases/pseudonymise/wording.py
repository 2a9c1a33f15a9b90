"""Which words a text has: what lets a costly pattern be left out where none of its words stands."""

import re
from functools import lru_cache

from partages.text import fold

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
