"""The coding desk (``/codage``): one stay after another, for those who code all day (DIM).

The page holds the stays, their proposals and the decisions; the server reads tables, searches the
nomenclature, and keeps nothing.
"""

import re
from typing import Any

from fastapi import APIRouter, Request, Response
from jinja2 import Environment
from pydantic import BaseModel

from partages.errors import BadDocument
from partages.exchange import stays
from partages.inputs import MAX_BYTES_PER_CHARACTER, decoded
from partages.resources import Resources
from partages.server import body
from partages.server.problems import InvalidRequest
from partages.server.work import Workers
from partages.terminologies.cim10 import MCO, Nomenclature
from partages.terminologies.search import index

FOUND = 15
"""Codes shown for a search."""
_CODE = re.compile(r"[A-Za-z]\d[\dA-Za-z.+*]{0,6}")
_WRITTEN = re.compile(r"[A-Za-z]\d\d[\d.+*]*")
"""Nothing else than a code, even one that does not exist."""

NOTES = {
    MCO.FREE: "",
    MCO.NEVER_PRINCIPAL: "ne peut pas être DP",
    MCO.EXTERNAL_CAUSE: "cause externe, ne peut pas être DP",
    MCO.FORBIDDEN: "subdivisé : ne se code pas tel quel en MCO",
    MCO.NOT_DP: "ne peut pas être DP",
}
"""What a coder must know of a type (ATIH, CIM-10 FR à usage PMSI, column "type MCO/HAD")."""


class FoundCode(BaseModel):
    """A code of the nomenclature, as the search shows it."""

    code: str
    dotted: str
    label: str
    note: str
    usable: bool
    path: list[str]


class Stays(BaseModel):
    """The stays of a table, and how it was read."""

    stays: list[dict[str, Any]]
    notices: list[str]


def search(query: str, resources: Resources) -> list[FoundCode]:
    """Codes by their beginning, where the query looks like one, else by words, best first."""
    searched = index(resources.settings.cache_folder)
    nomenclature = searched.nomenclature
    written = query.strip()
    if _CODE.fullmatch(written):
        start = written.upper().replace(".", "").removesuffix("*")
        names = [n for n in nomenclature if n.startswith(start)]
        names.sort(key=lambda name: nomenclature[name].retired)  # those in use first
        if names or _WRITTEN.fullmatch(written):
            return [_found(nomenclature, name) for name in names[:FOUND]]
    hits = searched.rank(searched.scores(written), FOUND)
    return [_found(nomenclature, hit.code) for hit in hits if hit.score > 0]


def _found(nomenclature: Nomenclature, name: str) -> FoundCode:
    code = nomenclature[name]
    path = [f"{step} {label}" for step, label in nomenclature.hierarchy(name) if step != name]
    note = NOTES[code.type]
    if code.retired:
        note = f"retiré de la CIM-10 FR depuis {code.retired_in} : ne se code plus"
    usable = not code.retired and code.type is not MCO.FORBIDDEN
    return FoundCode(code=name, dotted=code.dotted, label=code.title, note=note, usable=usable, path=path)


def make_router(resources: Resources, workers: Workers, templates: Environment) -> APIRouter:
    """The routes of the desk."""
    router = APIRouter(include_in_schema=False)
    limit = resources.settings.max_characters

    @router.get("/codage")
    async def desk() -> Response:
        return Response(templates.get_template("codage.html").render(), media_type="text/html")

    @router.post("/page/nomenclature")
    async def nomenclature(request: Request) -> Response:
        body.require_type(request, "application/json")
        given = body.json_object(await body.read(request, 4096))
        query = given.get("query")
        if not isinstance(query, str):
            raise InvalidRequest("Le champ « query » manque : donnez des mots ou un code à chercher.")

        def work() -> str:
            codes = search(query, resources) if query.strip() else []
            return "[" + ",".join(code.model_dump_json() for code in codes) + "]"

        return Response(await workers.run(work), media_type="application/json")

    @router.post("/page/sejours")
    async def table(request: Request) -> Response:
        data, _ = await body.uploaded_file(request)

        def work() -> str:
            text, notices = decoded(data, "Le tableau")
            if len(text) > MAX_BYTES_PER_CHARACTER * limit:
                raise BadDocument("Le tableau est trop long : coupez-le en plusieurs.")
            given = list(stays.read(text, "Le tableau"))
            rows = [fields for _, fields in given if fields.keys() >= {"id", "text"}]
            lost = len(given) - len(rows)
            if lost:
                said = "1 ligne laissée" if lost == 1 else f"{lost} lignes laissées"
                notices = [*notices, f"{said} de côté : l'identifiant ou le texte manque."]
            return Stays(stays=rows, notices=notices).model_dump_json()

        return Response(await workers.run(work), media_type="application/json")

    return router
