"""Writing fictitious reports (``/fiction``): a scenario is drawn, a physician writes, a second one reviews.

The page holds the case; the server draws, checks and drafts, and keeps nothing.
"""

import base64
import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request, Response
from jinja2 import Environment

from partages.fiction.case import Case, exported, parse_case
from partages.fiction.checks import check
from partages.fiction.draft import draft
from partages.fiction.review import review
from partages.fiction.sampler import sample, shipped_reasons
from partages.fiction.sheet import RULES, as_docx, facts, write_texts
from partages.fiction.templates import templates as kinds
from partages.resources import Resources
from partages.server import body
from partages.server.problems import InvalidRequest
from partages.server.work import Workers

MAX_BYTES = 4_000_000
"""A case with its documents, in JSON."""


def view(case: Case) -> dict[str, Any]:
    """A case, and what the page shows of it."""
    accepted = case.accepted
    return {
        "case": case.model_dump(mode="json"),
        "facts": facts(case),
        "kinds": {one.type: asdict(kinds()[one.type]) for one in case.documents},
        "accepted": accepted.reviewer if accepted else "",
        "human": case.human,
    }


def act(given: dict[str, Any], resources: Resources) -> dict[str, Any]:
    """What the page asks of the case it sends: save, check, draft, sheet, review or export.

    Raises:
        InvalidRequest: something of the question is missing.
        UsageError: it is not a case, or the action is refused.
        GeneratorError, GeneratorUnavailable: the model failed.
    """
    case = parse_case(json.dumps(given.get("case")))
    texts, action = given.get("texts", {}), given.get("action", "save")
    words = {
        key: given.get(key, "") for key in ("author", "kind", "reviewer", "decision", "comments", "despite")
    }
    if not isinstance(texts, dict) or not all(
        isinstance(value, str) for value in (*texts.values(), *words.values())
    ):
        raise InvalidRequest(
            "Les textes du cas ne sont pas lisibles : rechargez la page, puis rouvrez le cas."
        )
    case = write_texts(case, texts, words["author"].strip())
    folder = resources.settings.cache_folder
    more: dict[str, Any] = {}
    if action == "check":
        more["findings"] = [asdict(one) for one in check(case, folder)]
    elif action == "draft":
        case = draft(case, words["kind"], resources.generator)
    elif action == "sheet":
        more["docx"] = base64.b64encode(as_docx(case)).decode()
    elif action == "review":
        today = datetime.now(UTC).date()
        case = review(
            case, words["reviewer"], words["decision"], words["comments"], words["despite"], today, folder
        )
    elif action == "export":
        if case.accepted is None:
            raise InvalidRequest("Le cas n'est pas accepté en relecture : il ne s'exporte pas encore.")
        more["row"] = exported(case)
    elif action != "save":
        raise InvalidRequest("Cette action n'existe pas.")
    return {**view(case), **more}


def make_router(resources: Resources, workers: Workers, templates: Environment) -> APIRouter:
    """The routes of the page."""
    router = APIRouter(include_in_schema=False)

    @router.get("/fiction")
    async def page() -> Response:
        specialties = sorted({one.specialty for one in shipped_reasons()})
        content = templates.get_template("fiction.html").render(specialties=specialties, rules=RULES)
        return Response(content, media_type="text/html")

    @router.post("/page/fiction/scenario")
    async def scenario(request: Request) -> Response:
        body.require_type(request, "application/json")
        given = body.json_object(await body.read(request, 4096))
        specialty, seed = given.get("specialty") or None, given.get("seed")
        if not isinstance(seed, int) or not isinstance(specialty, str | None):
            raise InvalidRequest("Le tirage demande un nombre (« seed »).")

        def work() -> str:
            return json.dumps(view(sample(1, seed, specialty=specialty)[0]), ensure_ascii=False)

        return Response(await workers.run(work), media_type="application/json")

    @router.post("/page/fiction/cas")
    async def case(request: Request) -> Response:
        body.require_type(request, "application/json")
        given = body.json_object(await body.read(request, MAX_BYTES))

        def work() -> str:
            return json.dumps(act(given, resources), ensure_ascii=False)

        return Response(await workers.run(work), media_type="application/json")

    return router
