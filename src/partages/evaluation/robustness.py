"""The same documents as other software or a hurried hand would give them; gold offsets follow.

Capitals, no accents, one character for another as an optical reader confuses them (1 in 50), typing errors
(1 in 60: a letter swapped with the next, dropped, or doubled). Deterministic for a seed and a document.
"""

import hashlib
import random
import unicodedata
from collections.abc import Callable

from partages.documents import Span

OCR = {
    "l": "1",
    "I": "l",
    "O": "0",
    "0": "O",
    "e": "c",
    "é": "e",
    "S": "5",
    "5": "S",
    "a": "o",
    "u": "n",
    "1": "l",
}
OCR_RATE, TYPING_RATE = 0.02, 1 / 60


def _upper(character: str) -> str:
    capital = character.upper()
    return capital if len(capital) == 1 else character


def _bare(character: str) -> str:
    plain = unicodedata.normalize("NFD", character)
    return plain[0] if len(plain) > 1 and unicodedata.combining(plain[1]) else character


def _pieces(text: str, kind: str, chance: random.Random) -> list[str]:
    """What stands for each character of the text: possibly nothing, possibly two characters."""
    if kind == "capitals":
        return [_upper(c) for c in text]
    if kind == "no_accents":
        return [_bare(c) for c in text]
    if kind == "ocr":
        return [OCR[c] if c in OCR and chance.random() < OCR_RATE else c for c in text]
    pieces = list(text)
    at = 0
    while at < len(text):
        if text[at].isalpha() and chance.random() < TYPING_RATE:
            action = chance.choice(("swap", "drop", "double"))
            if action == "swap" and at + 1 < len(text) and text[at + 1].isalpha():
                pieces[at], pieces[at + 1] = pieces[at + 1], pieces[at]
                at += 1
            elif action == "drop":
                pieces[at] = ""
            else:
                pieces[at] = text[at] * 2
        at += 1
    return pieces


KINDS: dict[str, str] = {
    "capitals": "tout en capitales",
    "no_accents": "sans accents",
    "ocr": "bruit de reconnaissance optique",
    "typing": "fautes de frappe",
}


def perturb(text: str, kind: str, name: str, seed: int = 0) -> tuple[str, Callable[[Span], Span | None]]:
    """The text altered, and what carries a span over (None when nothing of it is left)."""
    digest = hashlib.sha256(f"{seed}\0{kind}\0{name}".encode()).digest()
    pieces = _pieces(text, kind, random.Random(digest))
    places = [0]
    for piece in pieces:
        places.append(places[-1] + len(piece))

    def move(span: Span) -> Span | None:
        start, end = places[span.start], places[span.end]
        return Span(start, end, span.label) if start < end else None

    return "".join(pieces), move
