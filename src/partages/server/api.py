"""``/api/v1``: one POST a use case, made from its options and its result."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field, ValidationError, create_model
from pydantic.json_schema import models_json_schema

from partages import __version__
from partages.batch import describe_invalid
from partages.documents import Document
from partages.errors import BadDocument, DocumentTooLarge, PartagesError
from partages.inputs import MAX_BYTES_PER_CHARACTER, text_from_bytes
from partages.resources import Resources
from partages.server import body
from partages.server.problems import InvalidRequest, of_defect, of_error
from partages.server.work import Workers
from partages.usecases import all_usecases
from partages.usecases.base import Options, Result, UseCase

PREFIX = "/api/v1"
JSON_OVERHEAD = 1_000_000
"""Bytes of a request beside its text: options, corrected spans."""
REF = "#/components/schemas/{model}"
EXAMPLE_TEXT = (
    "Compte rendu d'hospitalisation. Mme Élise DURAND, née le 03/02/1951, est admise le 12 mars 2024 pour "
    "une décompensation cardiaque sur fibrillation atriale. Pas de fièvre. Furosémide 40 mg par jour."
)


class Problem(BaseModel):
    """Une erreur, au format application/problem+json (RFC 9457). Elle ne cite jamais le document."""

    type: str = Field(description="Identifiant stable de la sorte d'erreur.")
    title: str = Field(description="La sorte d'erreur, en clair.")
    status: int = Field(description="Statut HTTP.")
    detail: str = Field(description="Ce qui ne va pas, et que faire.")


class Extracted(BaseModel):
    """Le texte d'un fichier."""

    text: str
    notices: list[str] = Field(description="Remarques de lecture : encodage détecté, pages sans texte…")


class Health(BaseModel):
    """État du service."""

    status: str
    version: str
    usecases: list[str]
    generator: str = Field(description="« embedded », « none », ou « server » pour un serveur désigné.")


def request_model(usecase: UseCase) -> type[BaseModel]:
    """What a use case's address accepts: its options, the text, and an identifier."""
    name = "Demande" + "".join(part.title() for part in usecase.name.split("_"))
    fields: dict[str, Any] = {
        "text": (str, Field(description="Le texte du document.", examples=[EXAMPLE_TEXT])),
        "id": (str, Field("", description="Identifiant, rendu tel quel.", examples=["crh-17"])),
    }
    model: type[BaseModel] = create_model(name, __base__=usecase.options, **fields)
    return model


def parse(usecase: UseCase, given: dict[str, Any], limit: int) -> tuple[Document, Options]:
    """The document and options of a request.

    Args:
        limit: most characters of a document.

    Raises:
        InvalidRequest: a field is missing, unknown or has a refused value (named, never quoted).
        BadDocument: the text is empty, too large, or not valid Unicode.
    """
    given = dict(given)
    text, identifier = given.pop("text", None), given.pop("id", "")
    if not isinstance(text, str):
        raise InvalidRequest("Le champ « text » manque ou n'est pas une chaîne : ajoutez-le.")
    if not isinstance(identifier, str):
        raise InvalidRequest("Le champ « id » n'est pas une chaîne : corrigez-le.")
    try:
        identifier.encode()
    except UnicodeEncodeError:
        raise InvalidRequest("Le champ « id » n'est pas de l'Unicode valide : corrigez-le.") from None
    if len(text) > limit:
        raise DocumentTooLarge(f"Le texte dépasse {limit:,} caractères : découpez-le.".replace(",", "\u202f"))
    document = Document(identifier, text)
    document.require_text()
    try:
        return document, usecase.options.model_validate(given)
    except ValidationError as error:
        raise InvalidRequest(describe_invalid(error)) from None


def event(name: str, data: str) -> bytes:
    """One server-sent event (HTML standard, 9.2); ``data`` is one line of JSON."""
    return f"event: {name}\ndata: {data}\n\n".encode()


def _pieces(usecase: UseCase, document: Document, options: Options, resources: Resources) -> Iterator[Any]:
    if usecase.stream is None:
        yield usecase.run(document, options, resources)
    else:
        yield from usecase.stream(document, options, resources)


async def _events(
    usecase: UseCase,
    document: Document,
    options: Options,
    resources: Resources,
    workers: Workers,
    request: Request,
) -> AsyncIterator[bytes]:
    pieces = workers.stream(lambda: _pieces(usecase, document, options, resources), request.is_disconnected)
    try:
        async for piece in pieces:
            if piece is None:
                yield b": attente\n\n"
            elif isinstance(piece, Result):
                yield event("result", piece.model_dump_json())
            else:
                yield event("text", json.dumps({"text": piece}, ensure_ascii=False))
    except PartagesError as error:
        yield event("error", json.dumps(of_error(error), ensure_ascii=False))
    except Exception as error:
        yield event("error", json.dumps(of_defect(error), ensure_ascii=False))
    finally:
        await pieces.aclose()  # type: ignore[attr-defined]


def _problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    descriptions = {
        400: "JSON invalide",
        403: "Demande venue d'un autre site",
        413: "Document trop volumineux",
        415: "Type de contenu non accepté",
        422: "Demande ou document refusé",
        500: "Défaut interne",
        501: "Composant absent",
        502: "Le modèle de génération a échoué",
        503: "Serveur occupé, ou modèle de génération indisponible",
    }
    schema = {"$ref": REF.format(model="Problem")}
    return {
        status: {
            "description": descriptions[status],
            "content": {"application/problem+json": {"schema": schema}},
        }
        for status in statuses
    }


def _add_usecase(router: APIRouter, usecase: UseCase, resources: Resources, workers: Workers) -> None:
    limit = resources.settings.max_characters

    async def endpoint(request: Request) -> Response:
        body.require_type(request, "application/json")
        data = await body.read(request, MAX_BYTES_PER_CHARACTER * limit + JSON_OVERHEAD)
        if "text/event-stream" in request.headers.get("accept", ""):
            document, options = await workers.run(lambda: parse(usecase, body.json_object(data), limit))
            events = _events(usecase, document, options, resources, workers, request)
            return StreamingResponse(events, media_type="text/event-stream")

        def work() -> str:
            return usecase.run(*parse(usecase, body.json_object(data), limit), resources).model_dump_json()

        return Response(await workers.run(work), media_type="application/json")

    streamed = {
        "schema": {
            "type": "string",
            "description": 'Événements « text » ({"text": morceau}), puis « result » (le résultat) ou '
            "« error » (un problème RFC 9457).",
        }
    }
    reference = f" ({usecase.reference})" if usecase.reference else ""
    router.add_api_route(
        f"/{usecase.name}",
        endpoint,
        methods=["POST"],
        summary=f"{usecase.title}{reference}",
        description=f"{usecase.summary} Les positions sont comptées en points de code Unicode du texte "
        "reçu, fin exclue. Rien n'est conservé.",
        operation_id=usecase.name,
        tags=["Cas d'usage"],
        responses={
            200: {
                "description": "Le résultat.",
                "model": usecase.result,
                "content": {"text/event-stream": streamed},
            },
            **_problems(400, 403, 413, 415, 422, 500, 501, 502, 503),
        },
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {
                    "application/json": {
                        "schema": {"$ref": REF.format(model=request_model(usecase).__name__)},
                        "example": {"id": "crh-17", "text": EXAMPLE_TEXT},
                    }
                },
            }
        },
    )


def make_router(resources: Resources, workers: Workers) -> APIRouter:
    """The routes of the API."""
    router = APIRouter(prefix=PREFIX)
    for usecase in all_usecases().values():
        _add_usecase(router, usecase, resources, workers)

    @router.post(
        "/extract",
        summary="Lire un fichier",
        description="Donne le texte d'un fichier .txt, .docx ou .pdf. Le fichier n'est écrit nulle part.",
        operation_id="extract",
        tags=["Fichiers"],
        responses={
            200: {"model": Extracted, "description": "Le texte."},
            **_problems(403, 413, 415, 422, 500, 503),
        },
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {
                    "multipart/form-data": {
                        "schema": {
                            "type": "object",
                            "required": ["file"],
                            "properties": {"file": {"type": "string", "format": "binary"}},
                        }
                    }
                },
            }
        },
    )
    async def extract(request: Request) -> Response:
        data, name = await body.uploaded_file(request)

        def work() -> str:
            try:
                text, notices = text_from_bytes(data, name, resources.settings.max_characters)
                Document("", text)
            except BadDocument as error:
                # names of files are names of patients: the answer must not repeat them
                message = str(error).replace(f"« {name} »", "Ce fichier")
                raise type(error)(message) from None
            return Extracted(text=text, notices=notices).model_dump_json()

        return Response(await workers.run(work), media_type="application/json")

    @router.get(
        "/health",
        summary="État du service",
        description="Répond dès que le serveur peut travailler ; ne démarre aucun modèle.",
        operation_id="health",
        tags=["Service"],
        response_model=Health,
    )
    async def health() -> Health:
        generator = resources.settings.generator
        return Health(
            status="ok",
            version=__version__,
            usecases=list(all_usecases()),
            generator=generator if generator in ("embedded", "none") else "server",
        )

    return router


def openapi(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI description: FastAPI's, with the requests and problems it cannot see."""
    if app.openapi_schema is None:
        description = FastAPI.openapi(app)
        models: list[type[BaseModel]] = [Problem, *map(request_model, all_usecases().values())]
        _, schemas = models_json_schema([(model, "validation") for model in models], ref_template=REF)
        components = description.setdefault("components", {}).setdefault("schemas", {})
        for name, schema in schemas.get("$defs", {}).items():
            components.setdefault(name, schema)
        app.openapi_schema = description
    return app.openapi_schema
