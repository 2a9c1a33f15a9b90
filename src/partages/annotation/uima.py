"""UIMA CAS JSON, what INCEpTION imports and exports (specification 0.4.0), through dkpro-cassis.

In such a file offsets count UTF-16 units; cassis converts them to code points and back.
"""

import json
from collections.abc import Iterable
from functools import cache

from partages.annotation import Layer
from partages.documents import Document, Span
from partages.errors import UnreadableDocument

SCORE = "score"
"""Feature of the spans' confidence, left out where an engine gives none; INCEpTION ignores it."""
_MARKS = (b'"%TYPES"', b'"%FEATURE_STRUCTURES"', b'"%VIEWS"')


def looks_like_cas(head: bytes) -> bool:
    """Whether a JSON file that begins with these bytes (a few thousand) is a UIMA CAS."""
    return any(mark in head for mark in _MARKS)


@cache
def _types(name: str, features: tuple[str, ...]):  # type: ignore[no-untyped-def]  # cassis has no types
    from cassis import TypeSystem

    system = TypeSystem()
    kind = system.create_type(name, "uima.tcas.Annotation")
    for feature in features:
        system.create_feature(kind, feature, "uima.cas.String")
    system.create_feature(kind, SCORE, "uima.cas.Double")
    return system, kind


def write_cas(document: Document, spans: Iterable[Span], layer: Layer) -> str:
    """One document and its spans as UIMA CAS JSON, type system included."""
    from cassis import Cas

    system, kind = _types(layer.name, (layer.label, *layer.features))
    cas = Cas(system)
    cas.sofa_string, cas.sofa_mime, cas.document_language = document.text, "text/plain", "fr"
    cas.get_document_annotation().end = len(document.text)
    annotations = []
    for span in spans:
        features = {name: value for name, value in span.attributes.items() if name in layer.features}
        annotation = kind(begin=span.start, end=span.end, **{layer.label: span.label}, **features)
        annotation.score = span.score
        annotations.append(annotation)
    cas.add_all(annotations)
    return str(cas.to_json()) + "\n"


def read_cas(data: str, layer: Layer, name: str = "document") -> tuple[str, list[Span]]:
    """The text of a UIMA CAS JSON and the spans of one layer, in order.

    Spans without a label are left out: an annotator had not finished them.

    Raises:
        UnreadableDocument: not a UIMA CAS, without text, or a span outside of its text.
    """
    from cassis import load_cas_from_json

    wrong = UnreadableDocument(
        f"« {name} » n'est pas un fichier UIMA CAS JSON lisible : exportez-le à nouveau d'INCEpTION."
    )
    try:
        cas = load_cas_from_json(data)
        text = cas.sofa_string
        kinds = [kind for kind in cas.typesystem.get_types() if kind.name.rpartition(".")[2] == layer.short]
        found = [annotation for kind in kinds for annotation in cas.select(kind.name)]
    except Exception:  # cassis raises a dozen types for a file that is not what it says
        raise wrong from None
    if not isinstance(text, str):
        raise wrong
    spans = []
    for annotation in found:
        label = getattr(annotation, layer.label, None)
        if not label:
            continue
        start, end = annotation.begin, annotation.end
        if not (isinstance(start, int) and isinstance(end, int) and 0 <= start < end <= len(text)):
            raise wrong
        attributes = {key: str(value) for key in layer.features if (value := getattr(annotation, key, None))}
        score = getattr(annotation, SCORE, None)
        spans.append(Span(start, end, str(label), attributes, float(score) if score is not None else None))
    return text, sorted(spans, key=lambda span: (span.start, span.end, span.label))


def missing_features(data: bytes, layer: Layer) -> list[str] | None:
    """Features of a layer, its label among them, that a file's type system lacks; None: it lacks the layer.

    INCEpTION may leave out of a file the types that it does not use: None is then no fault.
    """
    try:
        types = json.loads(data)["%TYPES"]
        found = next(kind for name, kind in types.items() if name.rpartition(".")[2] == layer.short)
    except (ValueError, KeyError, TypeError, AttributeError, StopIteration, RecursionError):
        return None
    return [name for name in (layer.label, *layer.features) if name not in found]
