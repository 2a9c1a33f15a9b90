"""Folding of French text for look-ups (case, accents, ligatures, spaces taken out); nearness of two texts."""

import re
import unicodedata

from rapidfuzz.distance import LCSseq

_LIGATURES = str.maketrans({"œ": "oe", "Œ": "oe", "æ": "ae", "Æ": "ae", "’": "'", "ʼ": "'"})
_WORD = re.compile(r"[^\W_]+")
_SEPARATORS = re.compile(r"[\s\-‐‑–_]+")


def strip_accents(text: str) -> str:
    """``text`` without diacritics; ligatures are spelled out, so the length may change."""
    decomposed = unicodedata.normalize("NFKD", text.translate(_LIGATURES))
    return "".join(character for character in decomposed if not unicodedata.combining(character))


def fold(text: str) -> str:
    """The look-up form: lower case, no accents, one space for any run of spaces and hyphens."""
    return _SEPARATORS.sub(" ", strip_accents(text).casefold()).strip()


def words(text: str) -> list[str]:
    """Words as ROUGE counts them: letters and digits, lower case, accents removed."""
    flat = "".join(c for c in unicodedata.normalize("NFKD", text.lower()) if not unicodedata.combining(c))
    return _WORD.findall(flat)


def rouge_l(gold: str, predicted: str) -> float:
    """F1 of the longest common subsequence of words (Lin, 2004); 0 when either has no word."""
    one, other = words(gold), words(predicted)
    return 2 * LCSseq.similarity(one, other) / (len(one) + len(other)) if one and other else 0.0
