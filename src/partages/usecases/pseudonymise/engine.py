"""From a document to its identifying spans and its rendered text."""

from collections.abc import Iterable

from partages.documents import Document, Span
from partages.errors import BadDocument
from partages.usecases.base import SpanResult
from partages.usecases.pseudonymise import gazetteers, ner
from partages.usecases.pseudonymise.dates import find_dates
from partages.usecases.pseudonymise.finding import Finding, settle
from partages.usecases.pseudonymise.identifiers import find_addresses, find_contacts, find_identifiers
from partages.usecases.pseudonymise.persons import find_persons
from partages.usecases.pseudonymise.places import find_birth_places, find_hospitals, find_social, find_towns
from partages.usecases.pseudonymise.propagation import propagate
from partages.usecases.pseudonymise.render import render
from partages.usecases.pseudonymise.schema import Options, PseudonymiseResult
from partages.usecases.pseudonymise.view import view

RULES = (
    find_dates,
    find_identifiers,
    find_contacts,
    find_addresses,
    find_persons,
    find_hospitals,
    find_towns,
    find_birth_places,
    find_social,
)


def detect(text: str, *, statistical: bool = True) -> list[Span]:
    """The identifying spans of a text, in order, without overlap.

    Args:
        text: as received; offsets are code points in it.
        statistical: also listen to the NER model.
    """
    seen = view(text)
    findings: list[Finding] = [finding for rule in RULES for finding in rule(seen.text)]
    if statistical:
        findings += ner.find_entities(seen.text)
    settled = settle(findings)
    settled = settle([*settled, *propagate(seen.text, settled)])
    spans = []
    for finding in settled:
        start, end = seen.source(finding.start, finding.end)
        spans.append(Span(start, end, str(finding.label), dict(finding.attributes), round(finding.score, 2)))
    return spans


def pseudonymise(document: Document, options: Options) -> PseudonymiseResult:
    """Detect (or take the spans a person corrected), then render.

    Raises:
        BadDocument: a given span goes past the end of the text.
    """
    if options.spans is None:
        spans = detect(document.text, statistical=options.engine == "full")
    else:
        spans = _given(document, options.spans)
    return PseudonymiseResult(
        id=document.id,
        spans=[
            SpanResult(start=s.start, end=s.end, label=s.label, attributes=dict(s.attributes), score=s.score)
            for s in spans
        ],
        text=render(document, spans, options.rendering, options.key.get_secret_value()),
    )


def _given(document: Document, spans: Iterable[SpanResult]) -> list[Span]:
    given = [Span(s.start, s.end, s.label, s.attributes, s.score) for s in spans]
    if given and max(span.end for span in given) > len(document.text):
        raise BadDocument("Un passage donné dépasse la fin du texte : renvoyez les positions de ce texte-ci.")
    return given


def warm() -> None:
    """Load lexicons and model."""
    gazetteers.words(), gazetteers.first_names(), gazetteers.communes(), gazetteers.drugs()
    ner.pipeline()
