"""Pre-annotation by an engine, and what people then changed in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from partages.documents import Span

Spans = Mapping[str, Sequence[Span]]


@dataclass(frozen=True, slots=True)
class Change:
    """One span of a document: what became of it.

    Attributes:
        kind: ``kept``, ``attributes`` (same place and label), ``relabelled`` (same place), ``moved`` (same
            label, shares a character), ``removed``, ``added``.
    """

    document: str
    kind: str
    start: int
    end: int
    label: str


KINDS = ("kept", "attributes", "relabelled", "moved", "removed", "added")


def changes(document: str, before: Sequence[Span], after: Sequence[Span]) -> list[Change]:
    """What became of each pre-annotated span, and what was added; a corrected span answers for one only."""
    out = []
    left = list(after)
    rest = []
    for span in before:
        same = next((s for s in left if (s.start, s.end) == (span.start, span.end)), None)
        if same is None:
            rest.append(span)
            continue
        left.remove(same)
        kind = "relabelled" if same.label != span.label else "kept"
        if kind == "kept" and dict(same.attributes) != dict(span.attributes):
            kind = "attributes"
        out.append(Change(document, kind, same.start, same.end, same.label))
    for span in rest:
        moved = next((s for s in left if s.label == span.label and s.overlaps(span)), None)
        if moved:
            left.remove(moved)
            out.append(Change(document, "moved", moved.start, moved.end, moved.label))
        else:
            out.append(Change(document, "removed", span.start, span.end, span.label))
    out += [Change(document, "added", span.start, span.end, span.label) for span in left]
    return sorted(out, key=lambda change: (change.start, change.end, change.kind))
