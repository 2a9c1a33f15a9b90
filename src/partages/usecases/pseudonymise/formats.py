"""What ``--format`` offers beside JSON lines: the rendered text as .txt, brat, UIMA CAS JSON.

The text written is the rendered one, with the spans where they stand in it: the text received, with its
identities, is written only for ``--rendering spans``.
"""

from collections.abc import Mapping

from partages.annotation import ENTITE_ANONYMISATION, brat, uima
from partages.documents import Document, Span
from partages.usecases.base import Format, file_name
from partages.usecases.pseudonymise.schema import Categorie, PseudonymiseResult


def _rendered(document: Document, result: PseudonymiseResult) -> tuple[Document, list[Span]]:
    spans = [
        Span(start, end, span.label, span.attributes, span.score)
        for span, (start, end) in zip(result.spans, result.places, strict=True)
        if end > start
    ]
    return Document(document.id, result.text), spans


def _text(document: Document, result: PseudonymiseResult) -> Mapping[str, str]:
    return {file_name(document.id, ".txt"): result.text}


def _brat(document: Document, result: PseudonymiseResult) -> Mapping[str, str]:
    rendered, spans = _rendered(document, result)
    return {
        file_name(document.id, ".txt"): result.text,
        file_name(document.id, ".ann"): brat.write_brat(rendered, spans),
    }


def _cas(document: Document, result: PseudonymiseResult) -> Mapping[str, str]:
    rendered, spans = _rendered(document, result)
    return {file_name(document.id, ".json"): uima.write_cas(rendered, spans, ENTITE_ANONYMISATION)}


FORMATS = {
    "txt": Format("un fichier texte par document, dans un dossier", files=_text),
    "brat": Format(
        "brat, un .txt et un .ann par document",
        files=_brat,
        shared={"annotation.conf": brat.configuration(ENTITE_ANONYMISATION, Categorie)},
    ),
    "cas": Format("UIMA CAS JSON (INCEpTION), un .json par document", files=_cas),
}
