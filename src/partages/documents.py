"""Document, Span, Relation, Annotation: the one vocabulary that every part speaks.

Offsets are Unicode code points into the text exactly as received, end excluded, so that
``document.text[span.start:span.end]`` is the quoted text whatever the document holds
(CRLF, tabs, form feeds, emoji, combining accents). All four types are frozen: a part that
changes something returns a new object (``dataclasses.replace``).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from partages.errors import EmptyDocument, UnreadableDocument


@dataclass(frozen=True, slots=True)
class Span:
    """A labelled stretch of a document's text.

    Attributes:
        start, end: code points, ``0 <= start < end``.
        label: a name of the use case's schema, such as ``Nom``.
        attributes: features of the label, such as ``{"RolePER": "Patient"}``.
        score: confidence from 0 to 1, or None when the engine gives none.

    Raises:
        ValueError: the offsets do not delimit at least one character.
    """

    start: int
    end: int
    label: str
    attributes: Mapping[str, str] = field(default_factory=dict, hash=False)
    score: float | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end:
            raise ValueError(f"a span must hold at least one character, got [{self.start}, {self.end})")

    def __len__(self) -> int:
        return self.end - self.start

    def overlaps(self, other: "Span") -> bool:
        return self.start < other.end and other.start < self.end


@dataclass(frozen=True, slots=True)
class Relation:
    """A labelled, directed link between two spans of the same document (``RefersTo``)."""

    label: str
    source: Span
    target: Span


@dataclass(frozen=True, slots=True)
class Document:
    """A text with its identifier. Its ``repr`` shows the length, never the text.

    Raises:
        UnreadableDocument: the text holds lone surrogates, which no UTF-8 output can carry.
    """

    id: str
    text: str

    def __post_init__(self) -> None:
        try:
            self.text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise UnreadableDocument(
                f"Le texte contient un demi-caractère Unicode isolé à la position {error.start} "
                "(« surrogate ») : réexportez le document en UTF-8 valide."
            ) from None

    def __repr__(self) -> str:
        return f"Document({len(self.text)} characters)"

    def require_text(self) -> None:
        """Raise EmptyDocument when there is nothing to read."""
        if not any(character.isalnum() for character in self.text):
            raise EmptyDocument

    def quote(self, span: Span) -> str:
        """Return the text under ``span``.

        Raises:
            ValueError: the span goes past the end of the text.
        """
        if span.end > len(self.text):
            raise ValueError(f"span [{span.start}, {span.end}) exceeds {len(self.text)} characters")
        return self.text[span.start : span.end]


@dataclass(frozen=True, slots=True)
class Annotation:
    """What one engine or one person says of one document.

    Attributes:
        document_id: the ``Document.id`` the offsets refer to.
        spans: in order of ``start``, then ``end``.
        relations: links between these spans.
        dropped: how many propositions could not be anchored in the text and were left out.
    """

    document_id: str
    spans: tuple[Span, ...] = ()
    relations: tuple[Relation, ...] = ()
    dropped: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "spans", tuple(sorted(self.spans, key=lambda s: (s.start, s.end, s.label))))
