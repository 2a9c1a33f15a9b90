"""Request bodies: read in memory, never on disk, and never further than the limit."""

import json
from collections.abc import AsyncGenerator
from typing import Any

from fastapi import Request
from python_multipart.exceptions import MultipartParseError
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from partages.errors import DocumentTooLarge
from partages.server.problems import InvalidJson, InvalidRequest, UnsupportedType

MAX_UPLOAD_BYTES = 50_000_000
"""A .pdf or .docx file. Reports weigh tens of kilobytes; letters scanned with text, a few megabytes."""
MULTIPART_OVERHEAD = 4_096
"""Bytes around a file in a multipart body: boundaries, part headers, a long name."""


def _too_large(limit: int) -> DocumentTooLarge:
    return DocumentTooLarge(
        f"La demande dépasse {limit:,} octets : découpez le document.".replace(",", "\u202f")
    )


def require_type(request: Request, expected: str) -> None:
    """Raise UnsupportedType unless the body is declared as ``expected``."""
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given != expected:
        raise UnsupportedType(f"Cette adresse attend un contenu de type {expected}.")


async def limited(request: Request, limit: int) -> AsyncGenerator[bytes, None]:
    """The body's chunks.

    Raises:
        DocumentTooLarge: more than ``limit`` bytes are announced, or arrive.
    """
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > limit:
        raise _too_large(limit)
    received = 0
    async for chunk in request.stream():
        received += len(chunk)
        if received > limit:
            raise _too_large(limit)
        yield chunk


async def read(request: Request, limit: int) -> bytes:
    """The whole body; same errors as ``limited``."""
    return b"".join([chunk async for chunk in limited(request, limit)])


def json_object(body: bytes) -> dict[str, Any]:
    """The JSON object of a body.

    Raises:
        InvalidJson: not UTF-8, or not JSON.
        InvalidRequest: JSON, but not an object.
    """
    try:
        value = json.loads(body.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise InvalidJson("Le corps de la demande n'est pas en UTF-8 : convertissez-le.") from None
    except (ValueError, RecursionError):
        raise InvalidJson("Le corps de la demande n'est pas du JSON valide : corrigez-le.") from None
    if not isinstance(value, dict):
        raise InvalidRequest('Le corps de la demande doit être un objet JSON {"text": …}.')
    return value


class _InMemory(MultiPartParser):
    spool_max_size = MAX_UPLOAD_BYTES + MULTIPART_OVERHEAD  # beyond it, Starlette would write to disk


async def uploaded_file(request: Request) -> tuple[bytes, str]:
    """Content and name of the one file of a multipart body.

    Raises:
        UnsupportedType: the body is not multipart/form-data.
        InvalidRequest: it is damaged, or holds no file named ``file``.
        DocumentTooLarge: it exceeds MAX_UPLOAD_BYTES.
    """
    require_type(request, "multipart/form-data")
    stream = limited(request, MAX_UPLOAD_BYTES + MULTIPART_OVERHEAD)
    try:
        form = await _InMemory(request.headers, stream, max_files=1, max_fields=8).parse()
    except (MultiPartException, MultipartParseError, KeyError, UnicodeDecodeError):
        raise InvalidRequest("Le fichier envoyé est incomplet ou mal formé : recommencez l'envoi.") from None
    try:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise InvalidRequest("Aucun fichier reçu : envoyez-le dans le champ « file ».")
        return await file.read(), file.filename or "fichier"
    finally:
        await form.close()
