"""The text given back: with consistent surrogates, with tags, or as it came."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from partages.documents import Document, Span
from partages.text import fold
from partages.usecases.pseudonymise.schema import KEPT_AS_IS
from partages.usecases.pseudonymise.surrogates import Secret, Surrogates


@dataclass(frozen=True, slots=True)
class Rendered:
    """A rendered text, and where each span stands in it, in the order of the spans (start, end)."""

    text: str
    places: tuple[tuple[int, int], ...]


def render(
    document: Document,
    spans: Sequence[Span],
    rendering: str,
    secret: Secret,
    alias: Callable[[str], str] = lambda part: part,
) -> Rendered:
    """The document's text with its spans replaced.

    Args:
        spans: in order, without overlap, in code points of ``document.text``.
        rendering: ``surrogates``, ``tags`` or ``spans`` (the text as it came).
        secret: what surrogates are drawn from.
        alias: the right spelling of a folded name part, where a known patient's name is misspelled.
    """
    if rendering == "spans":
        return Rendered(document.text, tuple((span.start, span.end) for span in spans))
    replace: Callable[[int, Span], str]
    replace = _Tags(document) if rendering == "tags" else Surrogates(document, spans, secret, alias)
    pieces: list[str] = []
    places: list[tuple[int, int]] = []
    at = length = 0
    for index, span in enumerate(spans):
        between, written = document.text[at : span.start], replace(index, span)
        pieces += [between, written]
        places.append((length + len(between), length + len(between) + len(written)))
        length = places[-1][1]
        at = span.end
    return Rendered("".join(pieces) + document.text[at:], tuple(places))


class _Tags:
    """``[Nom_1]``: the same number for the same value."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._numbers: dict[tuple[str, str], int] = {}
        self._counts: Counter[str] = Counter()

    def __call__(self, index: int, span: Span) -> str:  # noqa: ARG002
        quoted = self._document.quote(span)
        if span.label in KEPT_AS_IS:
            return quoted
        value = (span.label, fold(quoted))
        if value not in self._numbers:
            self._counts[span.label] += 1
            self._numbers[value] = self._counts[span.label]
        return f"[{span.label}_{self._numbers[value]}]"
