"""Folding of French text for look-ups: case, accents, ligatures and spacing taken out."""

import re
import unicodedata

_LIGATURES = str.maketrans({"œ": "oe", "Œ": "oe", "æ": "ae", "Æ": "ae", "’": "'", "ʼ": "'"})
_SEPARATORS = re.compile(r"[\s\-‐‑–_]+")


def strip_accents(text: str) -> str:
    """``text`` without diacritics; ligatures are spelled out, so the length may change."""
    decomposed = unicodedata.normalize("NFKD", text.translate(_LIGATURES))
    return "".join(character for character in decomposed if not unicodedata.combining(character))


def fold(text: str) -> str:
    """The look-up form: lower case, no accents, one space for any run of spaces and hyphens."""
    return _SEPARATORS.sub(" ", strip_accents(text).casefold()).strip()
