"""brat stand-off: a ``.txt`` and a ``.ann`` beside it (https://brat.nlplab.org/standoff.html).

Entities (``T``), their attributes (``A``, ``M``) and the note of a confidence are read and written; a span
that runs over a line end is written in one fragment a line, as brat wants it, and put together
again when read. Relations, events and other notes are passed over.
"""

import re
from collections.abc import Iterable

from partages.annotation import Layer
from partages.documents import Document, Span
from partages.errors import UnreadableDocument

_LINE_END = re.compile(r"[\r\n]+")
_SCORE = re.compile(r"score=(\d(?:\.\d+)?)$")


def configuration(layer: Layer, labels: Iterable[str]) -> str:
    """``annotation.conf``: the labels and attributes that brat offers."""
    attributes = [
        f"{name}\tArg:<ENTITY>, Value:{'|'.join(values)}" for name, values in layer.features.items()
    ]
    return "\n".join(["[entities]", *labels, "[relations]", "[events]", "[attributes]", *attributes, ""])


def write_brat(document: Document, spans: Iterable[Span]) -> str:
    """The ``.ann`` of a document; its ``.txt`` is the document's text, unchanged."""
    lines: list[str] = []
    attributes = notes = 0
    for number, span in enumerate(spans, 1):
        fragments = _fragments(document.text, span)
        offsets = ";".join(f"{start} {end}" for start, end in fragments)
        quoted = " ".join(document.text[start:end] for start, end in fragments)
        lines.append(f"T{number}\t{span.label} {offsets}\t{quoted}")
        for name, value in span.attributes.items():
            attributes += 1
            lines.append(f"A{attributes}\t{name} T{number} {value}")
        if span.score is not None:
            notes += 1
            lines.append(f"#{notes}\tAnnotatorNotes T{number}\tscore={span.score}")
    return "".join(line + "\n" for line in lines)


def _fragments(text: str, span: Span) -> list[tuple[int, int]]:
    fragments, at = [], span.start
    for gap in _LINE_END.finditer(text, span.start, span.end):
        if gap.start() > at:
            fragments.append((at, gap.start()))
        at = gap.end()
    if at < span.end:
        fragments.append((at, span.end))
    return fragments or [(span.start, span.end)]


def read_brat(text: str, annotations: str, name: str = "document") -> list[Span]:
    """The spans of a ``.ann``, in order.

    A discontinuous entity whose fragments only a blank parts becomes one span, else one span a
    fragment.

    Raises:
        UnreadableDocument: a line that is not brat's, or offsets outside of the text.
    """
    found: dict[str, tuple[str, list[tuple[int, int]]]] = {}
    attributes: dict[str, dict[str, str]] = {}
    scores: dict[str, float] = {}
    for number, line in enumerate(annotations.split("\n"), 1):
        line = line.rstrip("\r")
        fields = line.split("\t")
        try:
            if line.startswith("T"):
                label, _, offsets = fields[1].partition(" ")
                pieces = [_offsets(piece) for piece in offsets.split(";")]
                if not all(0 <= start < end <= len(text) for start, end in pieces):
                    raise ValueError
                found[fields[0]] = label, _joined(text, sorted(pieces))
            elif line.startswith(("A", "M")):
                name_of, target, *value = fields[1].split(" ")
                attributes.setdefault(target, {})[name_of] = " ".join(value) or "true"
            elif line.startswith("#") and len(fields) > 2 and (score := _SCORE.match(fields[2])):
                scores[fields[1].rpartition(" ")[2]] = float(score[1])
        except (ValueError, IndexError):
            raise UnreadableDocument(
                f"« {name} », ligne {number} : ce n'est pas une annotation brat de ce texte."
            ) from None
    spans = [
        Span(start, end, label, attributes.get(key, {}), scores.get(key))
        for key, (label, pieces) in found.items()
        for start, end in pieces
    ]
    return sorted(spans, key=lambda span: (span.start, span.end, span.label))


def _offsets(piece: str) -> tuple[int, int]:
    start, end = piece.split(" ")
    return int(start), int(end)


def _joined(text: str, pieces: list[tuple[int, int]]) -> list[tuple[int, int]]:
    joined = [pieces[0]]
    for start, end in pieces[1:]:
        if not text[joined[-1][1] : start].strip():
            joined[-1] = joined[-1][0], end
        else:
            joined.append((start, end))
    return joined
