"""The hand-written test bed of pseudonymisation: fictitious reports with inline annotations.

    Mme <Nom RolePER=Patient>DURAND</Nom>, née le <DateNaissancePatient>03/02/1951</DateNaissancePatient>

``&lt;`` and ``&amp;`` stand for ``<`` and ``&``. ``<Mot>`` marks a word that looks like a name of the
same report and is not one; it yields no span. ``data/reports/README.md`` says how the reports were written
and annotated.
"""

import re
from pathlib import Path
from typing import Literal

from partages.documents import Annotation, Document, Span

FOLDER = Path(__file__).parent / "data" / "reports"
LAST_DEV = 44
"""Reports up to this number are ``dev``, the others ``held-out``."""

NOT_A_NAME = "Mot"

_TOKEN = re.compile(
    r"<(?P<label>[A-Za-z]+)(?P<attributes>(?: \w+=\w+)*)>|</(?P<closed>[A-Za-z]+)>|&(?:lt|amp);|[<&]"
)


def parse(marked: str, document_id: str) -> tuple[Document, Annotation, tuple[Span, ...]]:
    """Return the document, its annotation, and the spans marked as words that are not names.

    Offsets are code points of the text without its markup.

    Raises:
        ValueError: a tag without its pair, a tag inside another, an empty span, a bare ``<`` or ``&``.
    """
    text: list[str] = []
    length = 0
    spans: list[Span] = []
    opened: tuple[int, str, dict[str, str]] | None = None
    position = 0
    for token in _TOKEN.finditer(marked):
        piece = marked[position : token.start()]
        position = token.end()
        if token.group() in ("&lt;", "&amp;"):
            piece += "<" if token.group() == "&lt;" else "&"
        text.append(piece)
        length += len(piece)
        if token["label"]:
            if opened:
                raise ValueError(f"{document_id}: <{token['label']}> opens inside <{opened[1]}>")
            opened = length, token["label"], dict(pair.split("=") for pair in token["attributes"].split())
        elif token["closed"]:
            if not opened or opened[1] != token["closed"]:
                raise ValueError(f"{document_id}: </{token['closed']}> closes nothing")
            spans.append(Span(opened[0], length, opened[1], opened[2]))
            opened = None
        elif token.group() in ("<", "&"):
            raise ValueError(f"{document_id}: write &lt; or &amp; near character {length}")
    if opened:
        raise ValueError(f"{document_id}: <{opened[1]}> is never closed")
    text.append(marked[position:])
    document = Document(document_id, "".join(text))
    named = tuple(span for span in spans if span.label != NOT_A_NAME)
    words = tuple(span for span in spans if span.label == NOT_A_NAME)
    return document, Annotation(document_id, named), words


def files(split: Literal["dev", "held-out"] | None = None) -> list[Path]:
    """The report files of one half, or of both, in order of number."""
    found = sorted(FOLDER.glob("[0-9]*.txt"))
    if split is None:
        return found
    return [path for path in found if (int(path.name[:3]) <= LAST_DEV) == (split == "dev")]


def read_reports(split: Literal["dev", "held-out"] | None = None) -> list[tuple[Document, Annotation]]:
    """The reports of one half, or of both, with their annotation; the id is the name of the file."""
    return [parse(path.read_text(encoding="utf-8"), path.stem)[:2] for path in files(split)]
