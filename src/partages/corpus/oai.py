"""Harvesting open archives: OAI-PMH 2.0, and ISTEX.

http://www.openarchives.org/OAI/openarchivesprotocol.html

Page after page into one file of JSON lines. The state (where to go on, how many bytes are good) is written
after each page; killed at any moment, the next run cuts the file to what is good and goes on there.

An article enters only under a licence of its own that is known (``dc:rights``): the rest is told to
``damaged`` as ``licence`` and left.
"""

import hashlib
import html
import json
import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from lxml import etree  # type: ignore[import-untyped, unused-ignore]

from partages.corpus.download import SourceUnavailable, Wait, client, get
from partages.corpus.licences import licence_named
from partages.corpus.readers import Told
from partages.corpus.sources import Damage, Source
from partages.errors import OutputError

OAI = "{http://www.openarchives.org/OAI/2.0/}"
DC = "{http://purl.org/dc/elements/1.1/}"
LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_ILLEGAL = re.compile(
    rb"[\x00-\x08\x0b\x0c\x0e-\x1f]|&#(?:x0*(?:[0-8bcefBCEF]|1[0-9a-fA-F]);|0*(?:[0-8]|1[1-9]|2\d|3[01]);)"
)
"""Control characters, which XML 1.0 forbids (2.2) and archives send all the same."""
_TOKEN = re.compile(rb"<(?:\w+:)?resumptionToken[^>]*>([^<]*)<")
BAD_PAGES = 2
"""Times that a page which is not XML is asked for again before what can be read of it is taken."""
FRENCH = frozenset({"fr", "fra", "fre", "français", "french"})


@dataclass(frozen=True, slots=True)
class Page:
    """One page: its articles, the question for the next one (None at the end)."""

    articles: list[dict[str, Any]]
    following: dict[str, str] | None
    unlicensed: int = 0
    spoiled: bool = False


def harvest(source: Source, folder: Path, damaged: Told, wait: Wait = time.sleep) -> Path:
    """Bring all articles of an archive, or go on; return the file of JSON lines.

    Raises:
        SourceUnavailable: the server does not answer, refuses, or says that the question is wrong.
        OutputError: the file cannot be written.
    """
    target = folder / "articles.jsonl"
    partial, state_path = folder / "articles.jsonl.partial", folder / "state.json"
    first = _first(source.options)
    asked = json.dumps([source.options["url"], first, source.options.get("shortest")])
    identity = hashlib.sha256(asked.encode()).hexdigest()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        state = _state(state_path, identity)
        if state and target.exists():
            _tell(source, state, damaged)
            return target
        state = state or _fresh(identity, first)
        with partial.open("ab") as file, client() as http:
            file.truncate(state["bytes"])
            restarts = 0
            while state["next"] is not None:
                page = _page(http, source, state["next"], wait)
                if page is None:  # the server has forgotten the token: all again, once
                    restarts += 1
                    if restarts > 1 or state["next"] == first:
                        raise SourceUnavailable(
                            "L'archive oublie ses jetons de reprise : recommencez plus tard."
                        )
                    state = _fresh(identity, first)
                    file.truncate(0)
                    continue
                if page.following is not None and page.following == state["next"]:
                    raise SourceUnavailable(
                        "L'archive répète le même jeton de reprise : recommencez plus tard."
                    )
                for article in page.articles:
                    file.write((json.dumps(article, ensure_ascii=False) + "\n").encode())
                file.flush()
                os.fsync(file.fileno())
                state = {
                    **state,
                    "next": page.following,
                    "bytes": file.tell(),
                    "pages": state["pages"] + 1,
                    "articles": state["articles"] + len(page.articles),
                    "unlicensed": state["unlicensed"] + page.unlicensed,
                    "spoiled": state["spoiled"] + page.spoiled,
                }
                _write(state_path, state)
        partial.replace(target)
    except OSError as error:
        raise OutputError(f"« {target} » ne peut pas être écrit ({error.strerror}).") from None
    _tell(source, state, damaged)
    return target


def _tell(source: Source, state: Mapping[str, Any], damaged: Told) -> None:
    if count := state["unlicensed"]:
        reason = f"« {source.name} » : articles sans licence libre connue, laissés : {count}."
        damaged(Damage(source.name, source.home, "licence", reason, "record"))
    if count := state["spoiled"]:
        reason = (
            f"« {source.name} » : pages qui n'étaient pas du XML entier : {count} ; "
            "ce qui a pu en être lu est gardé."
        )
        damaged(Damage(source.name, source.home, "corrupt", reason, "record"))


def _fresh(identity: str, first: dict[str, str]) -> dict[str, Any]:
    return {
        "identity": identity,
        "next": first,
        "bytes": 0,
        "pages": 0,
        "articles": 0,
        "unlicensed": 0,
        "spoiled": 0,
    }


def _state(path: Path, identity: str) -> dict[str, Any] | None:
    try:
        state = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return state if isinstance(state, dict) and state.get("identity") == identity else None


def _write(path: Path, state: Mapping[str, Any]) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps(state), encoding="utf-8")
    partial.replace(path)


def _first(options: Mapping[str, Any]) -> dict[str, str]:
    if options.get("protocol") == "istex":
        return {
            "q": options["query"], "size": str(options.get("size", 500)), "scroll": "5m",
            "output": "id,title,abstract,doi,language,publicationDate",
        }  # fmt: skip
    asked = {"verb": "ListRecords", "metadataPrefix": options.get("prefix", "oai_dc")}
    return asked | {key: options[key] for key in ("set", "from", "until") if options.get(key)}


def first_page(http: httpx2.Client, source: Source, wait: Wait = time.sleep) -> Page:
    """The first page of an archive; the errors of ``harvest``."""
    page = _page(http, source, _first(source.options), wait)
    if page is None:
        raise SourceUnavailable("L'archive refuse sa propre première page : recommencez plus tard.")
    return page


def _page(http: httpx2.Client, source: Source, question: dict[str, str], wait: Wait) -> Page | None:
    """The next page; None when the token is refused."""
    url = question.get("url") or source.options["url"]
    parameters = None if "url" in question else question
    istex = source.options.get("protocol") == "istex"
    for attempt in range(BAD_PAGES + 1):
        data = get(http, url, parameters, wait=wait).content
        if istex:
            return _istex_page(data, source)
        root, spoiled = _parsed(data)
        if not spoiled:
            break
        if attempt < BAD_PAGES:
            wait(1.0)
    if root is None or root.tag != f"{OAI}OAI-PMH":
        raise SourceUnavailable("L'archive n'a pas répondu en XML d'OAI-PMH : recommencez plus tard.")
    return _oai_page(root, data, source, spoiled)


def _parsed(data: bytes) -> tuple[Any, bool]:
    """The tree, and whether it is of what is left of a page that is not XML."""
    strict = {"resolve_entities": False, "no_network": True}
    try:
        return etree.fromstring(data, etree.XMLParser(**strict)), False
    except etree.XMLSyntaxError:
        pass
    cleaned = _ILLEGAL.sub(b" ", data)
    try:
        return etree.fromstring(cleaned, etree.XMLParser(**strict)), False
    except etree.XMLSyntaxError:
        recovering = etree.XMLParser(**strict, recover=True)
        tree = etree.fromstring(cleaned, recovering) if cleaned.strip() else None
        return tree, True


def _following(token: str) -> dict[str, str] | None:
    return {"verb": "ListRecords", "resumptionToken": token.strip()} if token.strip() else None


def _oai_page(root: Any, data: bytes, source: Source, spoiled: bool) -> Page | None:
    error = root.find(f"{OAI}error")
    if error is not None:
        code = error.get("code")
        if code == "noRecordsMatch":
            return Page([], None)
        if code == "badResumptionToken":
            return None
        raise SourceUnavailable(f"L'archive refuse la question (« {code} ») : corrigez la source.")
    articles, unlicensed = [], 0
    for record in root.iter(f"{OAI}record"):
        header = record.find(f"{OAI}header")
        if header is None or header.get("status") == "deleted":
            continue
        article = _article(record, header, source.options)
        if article is None:
            continue
        if "licence" not in article:
            unlicensed += 1
            continue
        articles.append(article)
    found = root.find(f".//{OAI}resumptionToken")
    token = (found.text or "") if found is not None else ""
    if spoiled:  # a parser that recovers may lose the references of the token
        raw = _TOKEN.search(data)
        token = html.unescape(raw[1].decode("utf-8", "replace")) if raw else ""
        if not token and not data.rstrip().endswith(b"</OAI-PMH>"):
            raise SourceUnavailable("L'archive répète une page abîmée sans suite : recommencez plus tard.")
    return Page(articles, _following(token), unlicensed, spoiled)


def _article(record: Any, header: Any, options: Mapping[str, Any]) -> dict[str, Any] | None:
    """Title and abstract in French, with the licence; None when there is no French text."""

    def values(name: str) -> list[tuple[str, str]]:
        found = (
            (node.get(LANG, "").lower()[:2], " ".join("".join(node.itertext()).split()))
            for node in record.iter(DC + name)
        )
        return [(language, text) for language, text in found if text]

    languages = {text.lower() for _, text in values("language")}
    in_french = bool(languages & FRENCH)
    parts = []
    for name in ("title", "description"):
        marked = [text for language, text in values(name) if language == "fr"]
        plain = [text for language, text in values(name) if not language and in_french]
        parts += marked[:1] or plain[:1]
    text = "\n\n".join(parts)
    if len(text) < options.get("shortest", 200):
        return None
    identifier = header.findtext(f"{OAI}identifier") or ""
    links = [text for _, text in values("identifier") if text.startswith("http")]
    pdf = next((link for link in links if link.endswith((".pdf", "/document"))), "")
    article: dict[str, Any] = {
        "id": identifier,
        "text": text,
        "url": links[0] if links else "",
        "pdf": pdf if in_french else "",
        "title": parts[0],
    }
    for _, rights in values("rights"):
        if licence := licence_named(rights):
            article |= {"licence": licence.id, "commercial": licence.commercial}
            break
    return article


def _istex_page(data: bytes, source: Source) -> Page:
    """A page of the ISTEX API (https://doc.istex.fr/api/results/scroll.html)."""
    try:
        found = json.loads(data)
        hits = list(found["hits"])
    except (ValueError, KeyError, TypeError):
        raise SourceUnavailable("ISTEX n'a pas répondu comme prévu : recommencez plus tard.") from None
    articles = [
        {
            "id": hit.get("id", ""),
            "text": f"{hit['title']}\n\n{hit['abstract']}",
            "url": f"https://doi.org/{hit['doi'][0]}" if hit.get("doi") else "",
            "licence": source.licence,
            "commercial": source.commercial,
        }
        for hit in hits
        if hit.get("title") and hit.get("abstract") and "fre" in (hit.get("language") or [])
    ]
    following = found.get("nextScrollURI")
    ended = found.get("noMoreScrollResults") or not hits or not following
    return Page(articles, None if ended else {"url": str(following)})
