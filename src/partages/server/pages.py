"""The page: one document, and fragments that htmx puts in place. All state is in the browser.

Fragments are asked for with a JSON body, so that the text comes exactly as it is: form
encodings change line ends, and offsets with them.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from partages import __version__
from partages.documents import Document
from partages.inputs import MAX_BYTES_PER_CHARACTER
from partages.resources import Resources
from partages.samples import all_samples
from partages.server import body, desk, fiction
from partages.server.api import JSON_OVERHEAD, parse
from partages.server.work import Workers
from partages.usecases import all_usecases
from partages.usecases.base import SpanResult
from partages.usecases.pseudonymise.schema import FRENCH_NAMES, KEPT_AS_IS

HERE = Path(__file__).parent

FAMILIES = (
    (
        "personne",
        "Personne",
        ("Nom", "Prenom", "SituationFamiliale", "IdentiteSocialePatient", "NationalitePatient"),
    ),
    ("date", "Date", ("DateNaissancePatient", "DateIdentifiante", "DateNonIdentifiante")),
    ("lieu", "Lieu", ("Etablissement", "Adresse", "CodePostal", "Ville", "Pays")),
    ("contact", "Identifiant et contact", ("CodeIdentifiant", "NumeroTelephone", "AdresseEmail", "Url")),
)
"""Categories by family: the family gives the colour, the category's name is always written too."""
FAMILY_OF = {label: key for key, _, labels in FAMILIES for label in labels}

ORIGINS = {
    "found": "Conclusion trouvée dans le compte rendu",
    "extractive": "Ébauche faite de phrases du compte rendu",
    "generated": "Ébauche rédigée par un modèle",
    "edited": "Texte relu par vous",
    "absent": "Aucune conclusion dans le compte rendu",
}
MAX_EVIDENCE_SHOWN = 160
"""Characters of a quoted evidence in the panel; the whole of it lights up in the report."""


@dataclass(frozen=True)
class Segment:
    """A stretch of the report as displayed: plain, or under a span."""

    text: str
    span: SpanResult | None = None


def segments(text: str, spans: Sequence[SpanResult]) -> list[Segment]:
    """Cut a text at its spans, which are in order and disjoint; joined, the pieces are the text."""
    pieces, at = [], 0
    for span in spans:
        if at < span.start:
            pieces.append(Segment(text[at : span.start]))
        pieces.append(Segment(text[span.start : span.end], span))
        at = span.end
    if at < len(text):
        pieces.append(Segment(text[at:]))
    return pieces


def exact(text: str) -> Markup:
    """Text that an HTML parser gives back code point for code point (NUL aside, shown as U+FFFD).

    A parser turns CR and CRLF into LF unless CR is a character reference, and drops NUL
    (HTML standard, 13.2.3.5 and 13.2.6.4.7).
    """
    escaped = str(escape(text))
    return Markup(escaped.replace("\r", "&#13;").replace("\0", "\ufffd"))  # noqa: S704 (just escaped)


def dotted(code: str) -> str:
    """``C189`` as physicians write it: ``C18.9``. Categories, blocks and chapters are unchanged."""
    return f"{code[:3]}.{code[3:]}" if re.fullmatch(r"[A-Z]\d\d[\dA-Z+]+", code) else code


def percent(score: float | None) -> str:
    """A score from 0 to 1 as a whole percentage."""
    return "" if score is None else f"{round(100 * score)} %"


def short(text: str, limit: int = MAX_EVIDENCE_SHOWN) -> str:
    """Text on one line, cut at a word where there is one."""
    line = " ".join(text.split())
    return line if len(line) <= limit else (line[:limit].rpartition(" ")[0] or line[:limit]) + "…"


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"exact": exact, "dotted": dotted, "percent": percent, "short": short}
    environment.globals |= {
        "version": __version__,
        "french": FRENCH_NAMES,
        "families": FAMILIES,
        "family_of": FAMILY_OF,
        "kept": KEPT_AS_IS,
        "origins": ORIGINS,
    }
    return environment


def _grouped(text: str, spans: Sequence[SpanResult]) -> list[tuple[str, list[tuple[str, list[SpanResult]]]]]:
    """Spans by category, then by value, in the order of FAMILIES."""
    order = [label for _, _, labels in FAMILIES for label in labels]
    by_label: dict[str, dict[str, list[SpanResult]]] = {}
    for span in spans:
        by_label.setdefault(span.label, {}).setdefault(text[span.start : span.end], []).append(span)
    return [(label, list(by_label[label].items())) for label in order if label in by_label]


def _hierarchy(code: Any) -> list[Any]:
    return [parent for parent in getattr(code, "hierarchy", None) or [] if parent.code != code.code]


def make_router(app: FastAPI, resources: Resources, workers: Workers) -> APIRouter:
    """The routes of the page."""
    router = APIRouter(include_in_schema=False)
    templates = _environment()
    limit = resources.settings.max_characters

    def html(name: str, **values: Any) -> Response:
        return Response(templates.get_template(name).render(values), media_type="text/html")

    async def fragment(
        request: Request, usecase_name: str, render: Callable[[Document, Any, dict[str, Any]], str]
    ) -> Response:
        body.require_type(request, "application/json")
        data = await body.read(request, MAX_BYTES_PER_CHARACTER * limit + JSON_OVERHEAD)

        def work() -> str:
            usecase = all_usecases()[usecase_name]
            given = body.json_object(data)
            document, options = parse(usecase, given, limit)
            return render(document, usecase.run(document, options, resources), given)

        return Response(await workers.run(work), media_type="text/html")

    router.include_router(desk.make_router(resources, workers, templates))
    router.include_router(fiction.make_router(resources, workers, templates))

    @router.get("/")
    async def index() -> Response:
        return html(
            "index.html",
            samples=all_samples(),
            has_generator=resources.has_generator,
            embedded=resources.settings.generator == "embedded" and resources.settings.model_file is None,
            generator_address=resources.settings.generator,
        )

    @router.get("/exemples/{name}")
    async def sample(name: str) -> Response:
        for found in all_samples():
            if found.name == name:
                return Response(found.text, media_type="text/plain")
        return Response(status_code=404)

    @router.post("/page/pseudonymise")
    async def identity(request: Request) -> Response:
        def render(document: Document, result: Any, given: dict[str, Any]) -> str:
            return templates.get_template("identite.html").render(
                segments=segments(document.text, result.spans),
                groups=_grouped(document.text, result.spans),
                result=result,
                rendering=given.get("rendering", "surrogates"),
                corrected=given.get("spans") is not None,
            )

        return await fragment(request, "pseudonymise", render)

    @router.post("/page/code")
    async def codes(request: Request) -> Response:
        def render(document: Document, result: Any, given: dict[str, Any]) -> str:  # noqa: ARG001
            return templates.get_template("codes.html").render(
                codes=[
                    {
                        "code": code.code,
                        "label": code.label,
                        "role": code.role,
                        "score": code.score,
                        "hierarchy": _hierarchy(code),
                        "alternatives": code.alternatives,
                        "reasons": code.reasons,
                        "evidence": [(e.start, e.end, document.text[e.start : e.end]) for e in code.evidence],
                    }
                    for code in result.codes
                ],
                set_aside=getattr(result, "set_aside", []),
            )

        return await fragment(request, "code", render)

    @router.post("/page/conclude")
    async def conclusion(request: Request) -> Response:
        def render(document: Document, result: Any, given: dict[str, Any]) -> str:
            return templates.get_template("conclusion.html").render(
                result=result,
                text=document.text,
                only_check=given.get("conclusion") is not None,
                located=getattr(result, "located", None),
            )

        return await fragment(request, "conclude", render)

    @router.get("/api")
    async def reference() -> Response:
        description = app.openapi()
        operations = [
            {"path": path, "method": method.upper(), **operation}
            for path, methods in description["paths"].items()
            for method, operation in methods.items()
        ]
        operations.sort(key=lambda operation: operation["tags"][0])
        groups = [(tag, list(group)) for tag, group in groupby(operations, lambda o: o["tags"][0])]
        return html("api.html", groups=groups, schemas=description["components"]["schemas"])

    return router
