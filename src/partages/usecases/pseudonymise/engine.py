"""From a document to its identifying spans and its rendered text."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from partages.documents import Document, Span
from partages.errors import BadDocument
from partages.models.generator import Generator
from partages.usecases.base import SpanResult
from partages.usecases.pseudonymise import gazetteers
from partages.usecases.pseudonymise.dates import find_dates
from partages.usecases.pseudonymise.finding import Finding, settle
from partages.usecases.pseudonymise.identifiers import find_addresses, find_contacts, find_identifiers
from partages.usecases.pseudonymise.known import find_known, overlay, speller, trimmed
from partages.usecases.pseudonymise.likeness import find_likely_names
from partages.usecases.pseudonymise.lists import find_in_lists
from partages.usecases.pseudonymise.marking import find_marked
from partages.usecases.pseudonymise.merging import credible, join, merge, unlikely, widen, without_citations
from partages.usecases.pseudonymise.model import SpanModel, span_model
from partages.usecases.pseudonymise.patient import KnownPatient
from partages.usecases.pseudonymise.persons import find_persons
from partages.usecases.pseudonymise.places import find_birth_places, find_hospitals, find_social, find_towns
from partages.usecases.pseudonymise.propagation import propagate, without_months_of_names
from partages.usecases.pseudonymise.render import render
from partages.usecases.pseudonymise.residues import find_residues
from partages.usecases.pseudonymise.scanner import scan
from partages.usecases.pseudonymise.schema import FRENCH_NAMES, Options, PseudonymiseResult
from partages.usecases.pseudonymise.surrogates import Secret
from partages.usecases.pseudonymise.view import view

RULES = (
    find_dates,
    find_identifiers,
    find_contacts,
    find_addresses,
    find_persons,
    find_likely_names,
    find_in_lists,
    find_hospitals,
    find_towns,
    find_birth_places,
    find_social,
)


def rules(text: str, families: Iterable[Callable[[str], Iterable[Finding]]] = RULES) -> list[Finding]:
    """What the rules find in a view, settled: engine ``rules`` before propagation, and what the model reads."""
    return settle(finding for rule in families for finding in rule(text))


@dataclass(frozen=True)
class Parts:
    """The parts that take part, to measure each.

    Attributes:
        families: rules.
        model: the span model; True is the one that ships, False none.
        propagation: what is found once is found everywhere.
    """

    families: tuple[Callable[[str], Iterable[Finding]], ...] = RULES
    model: SpanModel | bool = True
    propagation: bool = True


def detect(
    text: str,
    *,
    statistical: bool = True,
    known: KnownPatient | None = None,
    parts: Parts | None = None,
    generator: Generator | None = None,
) -> list[Span]:
    """The identifying spans of a text, in order, without overlap.

    Args:
        text: as received; offsets are code points in it.
        statistical: also listen to the span model.
        known: what the hospital already knows of the patient.
        parts: which parts take part; decides instead of ``statistical``.
        generator: a language model that also marks the text.

    Raises:
        GeneratorError, GeneratorUnavailable: the language model failed.
    """
    parts = parts or Parts(model=statistical)
    seen = view(text)
    settled = rules(seen.text, parts.families)
    if parts.model:
        spotter = span_model() if parts.model is True else parts.model
        decided = spotter.decide(seen.text, settled)
        settled = [finding for finding in settled if not unlikely(finding, decided)]
        settled = merge(seen.text, settled, credible(seen.text, decided.proposed))
    if generator:
        marked = settle(find_marked(seen.text, generator))
        settled = merge(seen.text, settled, credible(seen.text, marked))
    settled = without_citations(seen.text, without_months_of_names(seen.text, settled))
    if parts.propagation:
        settled = join(seen.text, settle([*settled, *propagate(seen.text, settled)]))
    settled = widen(seen.text, settled)
    if known:
        settled = list(trimmed(overlay(settled, find_known(seen.text, known)), seen.text))
    settled = sorted([*settled, *find_residues(seen.text, settled)], key=lambda finding: finding.start)
    spans = []
    for finding in settled:
        start, end = seen.source(finding.start, finding.end)
        spans.append(Span(start, end, str(finding.label), dict(finding.attributes), round(finding.score, 2)))
    return spans


def quick(text: str, known: KnownPatient | None = None) -> list[Span]:
    """Engine ``fast``: what one pass over the tokens finds, and what is known of the patient."""
    spans = scan(text)
    if not known:
        return spans
    seen = view(text)
    certain = [
        replace(finding, start=start, end=end)
        for finding in find_known(seen.text, known)
        for start, end in [seen.source(finding.start, finding.end)]
    ]
    others = [Finding(s.start, s.end, s.label, s.score or 0.0, "scan", s.attributes) for s in spans]
    return [
        Span(f.start, f.end, str(f.label), dict(f.attributes), round(f.score, 2))
        for f in trimmed(overlay(others, certain), text)
    ]


def pseudonymise(
    document: Document, options: Options, generator: Callable[[], Generator] | None = None
) -> PseudonymiseResult:
    """Detect (or take the spans a person corrected), then render.

    Args:
        document: the report.
        options: what the user asked.
        generator: opens the language model; called for engine ``llm`` only, which needs it.

    Raises:
        BadDocument: a given span goes past the end of the text.
        GeneratorError, GeneratorUnavailable: the language model failed (engine ``llm`` only).
    """
    given = options.spans
    if given is None and options.corrected:
        given = _corrected(options.annotations)
    if given is None:
        spans = (
            quick(document.text, options.known)
            if options.engine == "fast"
            else detect(
                document.text,
                statistical=options.engine == "full",
                known=options.known,
                generator=generator() if generator and options.engine == "llm" else None,
            )
        )
    else:
        spans = _given(document, given)
    patient = options.patient or "".join(options.known.ipp[:1] if options.known else ())
    secret = Secret.of(document, options.key.get_secret_value(), patient)
    rendered = render(
        document, spans, options.rendering, secret, *([speller(options.known)] if options.known else [])
    )
    return PseudonymiseResult(
        id=document.id,
        spans=[
            SpanResult(start=s.start, end=s.end, label=s.label, attributes=dict(s.attributes), score=s.score)
            for s in spans
        ],
        text=rendered.text,
        places=rendered.places,
    )


def _corrected(annotations: list[SpanResult] | None) -> list[SpanResult]:
    """The annotations of the file; of two that overlap, the longer, so that nothing annotated shows."""
    if annotations is None:
        raise BadDocument(
            "Ce document n'a pas d'annotations : donnez un fichier UIMA CAS JSON ou brat, ou retirez --corrected."
        )
    if any(span.label not in FRENCH_NAMES for span in annotations):
        raise BadDocument("Une annotation a une catégorie inconnue : voir docs/formats.md.")
    findings = [Finding(s.start, s.end, s.label, 1.0, "corrected", s.attributes) for s in annotations]
    return [
        SpanResult(start=f.start, end=f.end, label=f.label, attributes=dict(f.attributes))
        for f in settle(findings)
    ]


def _given(document: Document, spans: Iterable[SpanResult]) -> list[Span]:
    given = [Span(s.start, s.end, s.label, s.attributes, s.score) for s in spans]
    if given and max(span.end for span in given) > len(document.text):
        raise BadDocument("Un passage donné dépasse la fin du texte : renvoyez les positions de ce texte-ci.")
    return given


def warm() -> None:
    """Load lexicons and model."""
    gazetteers.words(), gazetteers.first_names(), gazetteers.communes(), gazetteers.drugs()
    span_model()
