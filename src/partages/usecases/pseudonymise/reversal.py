"""What gives a pseudonymised text back: where each surrogate stands, and what it stands for.

A text that was not touched comes back to the letter. One that was (corrected, cut, summarised, answered by
a model) has the surrogates it still holds replaced one by one, longest first.
"""

import hashlib
import json
from typing import Any

import ahocorasick

from partages.documents import Document
from partages.usecases.pseudonymise.schema import PseudonymiseResult

SHORTEST = 3
"""Characters of a surrogate that is looked for in a text that was touched."""


def seal(document: Document, result: PseudonymiseResult) -> dict[str, Any]:
    """What to keep, encrypted, of one document."""
    return {
        "sha256": _digest(result.text),
        "pieces": [
            [start, end, result.text[start:end], document.text[span.start : span.end]]
            for span, (start, end) in zip(result.spans, result.places, strict=True)
        ],
    }


def restore(text: str, sealed: str) -> tuple[str, bool]:
    """The text with its identities, and whether it is the original to the letter."""
    kept = json.loads(sealed)
    if _digest(text) == kept["sha256"]:
        pieces, at = [], 0
        for start, end, _, original in kept["pieces"]:
            pieces += [text[at:start], original]
            at = end
        return "".join(pieces) + text[at:], True
    return _replaced(text, kept["pieces"]), False


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _replaced(text: str, pieces: list[tuple[int, int, str, str]]) -> str:
    """Surrogates that stand for one value alone, replaced wherever they are words of their own."""
    originals: dict[str, set[str]] = {}
    for _, _, surrogate, original in pieces:
        if len(surrogate) >= SHORTEST and surrogate != original:
            originals.setdefault(surrogate, set()).add(original)
    automaton = ahocorasick.Automaton()
    for surrogate, values in originals.items():
        if len(values) == 1:
            automaton.add_word(surrogate, (len(surrogate), next(iter(values))))
    if not len(automaton):
        return text
    automaton.make_automaton()
    written, at = [], 0
    for last, (length, original) in automaton.iter_long(text):
        start, end = last - length + 1, last + 1
        if start < at or _inside_a_word(text, start, end):
            continue
        written += [text[at:start], original]
        at = end
    return "".join(written) + text[at:]


def _inside_a_word(text: str, start: int, end: int) -> bool:
    return (start > 0 and text[start - 1].isalnum() and text[start].isalnum()) or (
        end < len(text) and text[end].isalnum() and text[end - 1].isalnum()
    )
