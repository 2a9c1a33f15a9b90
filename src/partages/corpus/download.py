"""Files by address: streamed, resumed where they were cut, retried when the server fails, checked.

A file is written beside its name (``.partial``) and renamed when whole: what bears its name is whole.
"""

import email.utils
import errno
import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import httpx2

from partages.errors import OutputError, PartagesError

TRIES = 6
"""Attempts without any progress before a server is given up."""
FIRST_WAIT, LONGEST_WAIT = 1.0, 300.0
"""Seconds between attempts: doubled each time, or what ``Retry-After`` says, no longer than the second."""
UNREACHABLE_TRIES = 3
"""Attempts where no connection can be made at all."""
TIMEOUT = httpx2.Timeout(30, connect=10, read=120)
AGENT = "partages-corpus (https://pypi.org/project/partages)"
TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})
Wait = Callable[[float], None]


class SourceUnavailable(PartagesError):
    """A home does not answer, refuses, or answers something else."""

    http_status = 502
    slug = "source-indisponible"
    title = "Source indisponible"


@contextmanager
def client() -> Iterator[httpx2.Client]:
    """The one client of a run: redirections followed, no compression (a range counts stored bytes)."""
    with httpx2.Client(
        timeout=TIMEOUT, follow_redirects=True, headers={"User-Agent": AGENT, "Accept-Encoding": "identity"}
    ) as one:
        yield one


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One process at a time brings files into a folder; the others wait, then find them there.

    Where the system has no ``flock`` (Windows) there is no lock: bring a source before building with several processes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as file:
        try:
            import fcntl
        except ImportError:
            yield
            return
        fcntl.flock(file, fcntl.LOCK_EX)  # given back when the file is closed, or the process killed
        yield


def retry_after(response: httpx2.Response, otherwise: float) -> float:
    """Seconds to wait before asking again (RFC 9110, 10.2.3: a number, or a date)."""
    said = response.headers.get("Retry-After", "").strip()
    if said.isdigit():
        return min(float(said), LONGEST_WAIT)
    try:
        until = email.utils.parsedate_to_datetime(said).timestamp() - time.time()
    except (TypeError, ValueError):
        return otherwise
    return min(max(until, 0.0), LONGEST_WAIT)


def get(
    http: httpx2.Client, url: str, parameters: Mapping[str, str] | None = None, wait: Wait = time.sleep
) -> httpx2.Response:
    """A page, asked for again while the server fails in a way that may pass.

    Raises:
        SourceUnavailable: it never answered, or refused.
    """
    pause, why = FIRST_WAIT, ""
    for attempt in range(TRIES):
        if attempt:
            wait(pause)
        try:
            response = http.get(url, params=parameters) if parameters else http.get(url)
        except httpx2.TransportError as error:
            pause, why = min(2 * pause, LONGEST_WAIT), type(error).__name__
            if _unreachable(error) and attempt + 1 >= UNREACHABLE_TRIES:
                break
            continue
        if response.status_code in TRANSIENT:
            pause = retry_after(response, min(2 * pause, LONGEST_WAIT))
            why = f"code {response.status_code}"
            continue
        if response.is_success:
            return response
        raise SourceUnavailable(_refusal(url, response.status_code))
    raise SourceUnavailable(
        f"« {_shown(url)} » ne répond pas après {attempt + 1} essais ({why}) : recommencez plus tard."
    )


def _unreachable(error: httpx2.TransportError) -> bool:
    return isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout)


def _shown(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.netloc}{parts.path}"


def _refusal(url: str, status: int) -> str:
    why = {401: "demande un accès", 403: "refuse l'accès", 404: "n'existe pas", 410: "n'existe plus"}
    return f"« {_shown(url)} » {why.get(status, 'a répondu par une erreur')} (code {status})."


def fetch(
    http: httpx2.Client,
    url: str,
    target: Path,
    *,
    checksum: str = "",
    wait: Wait = time.sleep,
) -> Path:
    """Bring a file, unless it is here; go on where a former attempt was cut.

    Args:
        http: from ``client``.
        url: its address.
        target: where it goes.
        checksum: ``algorithm:hexadecimal``, as publishers give it; empty, not checked.
        wait: sleeps.

    Raises:
        SourceUnavailable: no progress in ``TRIES`` attempts, refused, or not what its checksum says.
        OutputError: it cannot be written.
    """
    try:
        with locked(target.parent):
            return target if target.exists() else _fetch(http, url, target, checksum, wait)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise OutputError(
            f"« {target.name} » ne peut pas être écrit : "
            + ("le disque est plein, faites de la place et recommencez." if full else f"{error.strerror}.")
        ) from None


def _fetch(http: httpx2.Client, url: str, target: Path, checksum: str, wait: Wait) -> Path:
    partial, mark = (
        target.with_name(target.name + ".partial"),
        target.with_name(target.name + ".partial.json"),
    )
    attempts, pause, why = 0, FIRST_WAIT, ""
    while attempts < TRIES:
        if attempts:
            wait(pause)
        before = _size(partial)
        try:
            whole, pause_asked = _stream(http, url, partial, mark, pause)
        except httpx2.TransportError as error:
            whole, pause_asked, why = False, None, type(error).__name__
            if _unreachable(error) and attempts + 1 >= UNREACHABLE_TRIES:
                break
        if whole:
            mark.unlink(missing_ok=True)
            _verify(partial, checksum, url)
            partial.replace(target)
            return target
        progress = _size(partial) > before
        attempts = 1 if progress else attempts + 1
        pause = pause_asked or (FIRST_WAIT if progress else min(2 * pause, LONGEST_WAIT))
    raise SourceUnavailable(
        f"« {_shown(url)} » n'a pas pu être téléchargé en entier ({why or 'coupé'}) : recommencez, "
        "ce qui est là ne sera pas repris."
    )


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _stream(
    http: httpx2.Client, url: str, partial: Path, mark: Path, pause: float
) -> tuple[bool, float | None]:
    """One attempt: whether the file is whole, and the seconds a busy server asks for."""
    have = _size(partial)
    validator = ""
    if have:
        try:
            validator = str(json.loads(mark.read_bytes()).get("validator", ""))
        except (OSError, ValueError, AttributeError):
            have = 0
        have = have if validator else 0
    headers = {"Range": f"bytes={have}-", "If-Range": validator} if have else {}
    with http.stream("GET", url, headers=headers) as response:
        status = response.status_code
        if status in TRANSIENT:
            return False, retry_after(response, pause)
        if status == 416 and response.headers.get("Content-Range", "").rpartition("/")[2] == str(have):
            return True, None
        if status == 416 or (
            status == 206 and not response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        ):
            partial.unlink(missing_ok=True)
            return False, None
        if status not in (200, 206):
            raise SourceUnavailable(_refusal(url, status))
        start = have if status == 206 else 0
        tag = response.headers.get("ETag", "")
        strong = (
            tag if not tag.startswith("W/") else ""
        )  # If-Range wants a strong validator (RFC 9110, 13.1.5)
        mark.write_text(json.dumps({"validator": strong or response.headers.get("Last-Modified", "")}))
        length = response.headers.get("Content-Length", "")
        with partial.open("ab" if start else "wb") as file:
            for block in response.iter_raw():  # as they come: what was received before a cut is kept
                file.write(block)
        return not length.isdigit() or _size(partial) == start + int(length), None


def _verify(partial: Path, checksum: str, url: str) -> None:
    algorithm, _, expected = checksum.partition(":")
    if not expected or algorithm not in hashlib.algorithms_available:
        return
    with partial.open("rb") as file:
        found = hashlib.file_digest(file, algorithm).hexdigest()
    if found != expected.lower():
        partial.unlink()
        raise SourceUnavailable(
            f"« {_shown(url)} » n'est pas le fichier annoncé ({algorithm} différent) : recommencez."
        )


@dataclass(frozen=True, slots=True)
class Address:
    """A file to bring; ``checksum`` as ``fetch`` takes it."""

    url: str
    name: str
    checksum: str = ""


def addresses(http: httpx2.Client, options: Mapping[str, Any], wait: Wait = time.sleep) -> list[Address]:
    """The files of a source: ``urls``, a data set of data.gouv.fr (``dataset``), a record of ``zenodo``.

    Raises:
        SourceUnavailable: the portal does not answer, or has nothing of the names wanted (``resources``).
    """
    if urls := options.get("urls"):
        return [Address(url, _name_of(url)) for url in urls]
    wanted = options.get("resources", ["*"])
    if slug := options.get("dataset"):
        api = options.get("api", "https://www.data.gouv.fr/api/1")
        found = get(http, f"{api}/datasets/{slug}/", wait=wait)
        listed = [
            Address(one["url"], _name_of(one["url"]), _gouv_checksum(one.get("checksum")))
            for one in _json(found).get("resources", [])
        ]
    elif number := options.get("zenodo"):
        api = options.get("api", "https://zenodo.org/api")
        found = get(http, f"{api}/records/{number}", wait=wait)
        listed = [
            Address(one["links"]["self"], one["key"], one.get("checksum", ""))
            for one in _json(found).get("files", [])
        ]
    else:
        listed = []
    kept = [one for one in listed if any(fnmatch(one.name.lower(), pattern.lower()) for pattern in wanted)]
    if not kept:
        raise SourceUnavailable(
            "Le portail n'a plus de fichier de ce nom "
            f"({', '.join(wanted)}) : prenez-le sur sa page, puis donnez son dossier."
        )
    return kept


def _json(response: httpx2.Response) -> dict[str, Any]:
    try:
        found = response.json()
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise SourceUnavailable(f"« {_shown(str(response.url))} » n'a pas répondu en JSON.")
    return found


def _gouv_checksum(given: Any) -> str:
    return f"{given['type']}:{given['value']}" if isinstance(given, dict) and given.get("value") else ""


def _name_of(url: str) -> str:
    parts = urlsplit(url)
    asked = dict(parse_qsl(parts.query))
    name = asked.get("fichier") or unquote(parts.path.rstrip("/")).rsplit("/", 1)[-1]
    return Path(name).name or "fichier"
