"""Errors on the wire: application/problem+json (RFC 9457), in French, without document text."""

import json
import logging
import traceback
from http import HTTPStatus
from pathlib import Path

from fastapi import Request, Response
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from partages.errors import PartagesError

log = logging.getLogger("partages.server")

RETRY_AFTER_SECONDS = 5
"""What a refused client is asked to wait: a report takes about a second."""


class InvalidJson(PartagesError):
    http_status = 400
    slug = "json-invalide"
    title = "JSON invalide"


class InvalidRequest(PartagesError):
    http_status = 422
    slug = "demande-refusee"
    title = "Demande refusée"


class UnsupportedType(PartagesError):
    http_status = 415
    slug = "type-non-accepte"
    title = "Type de contenu non accepté"


class ForeignOrigin(PartagesError):
    http_status = 403
    slug = "origine-refusee"
    title = "Origine refusée"


class UnknownHost(PartagesError):
    http_status = 421
    slug = "hote-inconnu"
    title = "Nom d'hôte inconnu"


class Busy(PartagesError):
    http_status = 503
    slug = "serveur-occupe"
    title = "Serveur occupé"

    def __init__(self) -> None:
        super().__init__("Trop de demandes attendent déjà : recommencez dans quelques secondes.")


HTTP_TITLES = {
    404: (
        "introuvable",
        "Introuvable",
        "Cette adresse n'existe pas : voir la documentation de l'API à /api.",
    ),
    405: ("methode-refusee", "Méthode refusée", "Cette adresse n'accepte pas cette méthode HTTP."),
}


def fields(status: int, slug: str, title: str, detail: str) -> dict[str, str | int]:
    """The members of a problem document."""
    return {"type": f"urn:partages:probleme:{slug}", "title": title, "status": status, "detail": detail}


def of_error(error: PartagesError) -> dict[str, str | int]:
    """The problem document of one of our errors, whose messages hold no document text."""
    return fields(error.http_status, error.slug, error.title, str(error))


def of_defect(error: BaseException) -> dict[str, str | int]:
    """The problem document of an unexpected error. Its message is neither shown nor logged.

    An exception's message may quote the text it failed on: the log gets its type and place only.
    """
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"
    log.error("internal defect: %s at %s", type(error).__name__, place)
    return fields(
        500, "defaut-interne", "Défaut interne", "Défaut interne du serveur : signalez-le aux mainteneurs."
    )


def respond(problem: dict[str, str | int], headers: dict[str, str] | None = None) -> Response:
    """The HTTP response of a problem document."""
    status = int(problem["status"])
    headers = dict(headers or {})
    if problem["type"] == f"urn:partages:probleme:{Busy.slug}":
        headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    body = json.dumps(problem, ensure_ascii=False).encode()
    return Response(body, status, headers, media_type="application/problem+json")


async def on_partages_error(request: Request, error: Exception) -> Response:  # noqa: ARG001
    assert isinstance(error, PartagesError)
    return respond(of_error(error))


async def on_http_error(request: Request, error: Exception) -> Response:  # noqa: ARG001
    assert isinstance(error, HTTPException)
    default = ("erreur-http", HTTPStatus(error.status_code).phrase, "La demande a été refusée.")
    slug, title, detail = HTTP_TITLES.get(error.status_code, default)
    return respond(fields(error.status_code, slug, title, detail), dict(error.headers or {}))


class Shield:
    """Outermost ASGI layer: what escapes everything else becomes a 500 without text, here and in logs."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except Exception as error:
            problem = of_defect(error)
            if not started:
                await respond(problem)(scope, receive, send)
            elif scope.get("method") != "HEAD":
                # too late for a status: end the body, the client sees it cut short
                await send({"type": "http.response.body", "body": b"", "more_body": False})
