"""Words as numbers: what duplicates, decontamination and topics are computed from, without a loop a word.

A word is a run of letters or digits, lower case, without accents. Its number is the first 8 bytes of its BLAKE2b digest:
the same on every machine, so that an index made on one is read on another.
"""

import hashlib
import re

import numpy as np
from numpy.typing import NDArray

from partages.text import strip_accents

Hashes = NDArray[np.uint64]

_WORD = re.compile(r"[^\W_]+")
_REMEMBERED = 500_000
"""Words whose number is remembered; then the memory is emptied, and stays flat."""
_known: dict[str, int] = {}
# 2**64 divided by the golden ratio, as in SplitMix64.
MIX = np.uint64(0x9E3779B97F4A7C15)


def split(text: str) -> list[str]:
    """The words of a text in NFC, lower case."""
    return _WORD.findall(text.lower())


def number(word: str) -> int:
    """The number of a lower-case word, the same with and without accents."""
    try:
        return _known[word]
    except KeyError:
        if len(_known) >= _REMEMBERED:
            _known.clear()
        plain = word if word.isascii() else strip_accents(word)
        value = int.from_bytes(hashlib.blake2b(plain.encode(), digest_size=8).digest(), "little")
        _known[word] = value
        return value


def numbers(words: list[str]) -> Hashes:
    """The numbers of lower-case words, in order."""
    return np.fromiter(map(number, words), dtype=np.uint64, count=len(words))


def scramble(values: Hashes) -> Hashes:
    """A one-to-one mixing of 64 bits (the finaliser of SplitMix64: Steele, Lea, Flood, 2014)."""
    values = values ^ (values >> np.uint64(30))
    values = values * np.uint64(0xBF58476D1CE4E5B9)
    values = values ^ (values >> np.uint64(27))
    values = values * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def grams(values: Hashes, n: int) -> Hashes:
    """Numbers of the ``n``-grams, in order; empty where there are fewer than ``n`` words."""
    if len(values) < n:
        return values[:0]
    mixed = values[: len(values) - n + 1].copy()
    for at in range(1, n):
        mixed = scramble(mixed * MIX + values[at : len(values) - n + 1 + at])
    return mixed


def digest(words: Hashes) -> int:
    """One number for a text whatever its case, accents, marks and spacing; never 0."""
    return int.from_bytes(hashlib.blake2b(words.tobytes(), digest_size=8).digest(), "little") or 1
