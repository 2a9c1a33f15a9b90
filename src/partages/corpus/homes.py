"""Reading a source from its home: files by address, the Hub, an OAI-PMH server; kept in the cache."""

import contextlib
import hashlib
import shutil
import time
import zipfile
from collections.abc import Iterator, Mapping
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import Any

from partages.corpus.download import SourceUnavailable, addresses, client, fetch, locked
from partages.corpus.readers import Told, document_of, read_file
from partages.corpus.sources import PER_DOCUMENT, Damage, Record, Source
from partages.errors import BadDocument, MissingPart, PartagesError, UnreadableDocument, UsageError
from partages.inputs import text_from_bytes

FORGET = 10
"""Seconds during which a home that failed is not tried again: the tasks of a build each read it."""
MAX_ARTICLE = 5_000_000
"""Characters of an article."""
MAX_UNPACKED = 50_000_000_000
"""Bytes an archive may unpack to; beyond, it is taken for a decompression bomb."""


def read_home(source: Source, damaged: Told, cache: Path) -> Iterator[Record]:
    """The documents of a source from where it is published.

    What cannot be had is told to ``damaged`` (``network``); what was brought before is used.
    """
    folder = cache / "sources" / source.name
    failed = folder / f".failed-{hashlib.sha256(repr(source).encode()).hexdigest()[:8]}"  # described as it is
    readers = {"files": _read_addresses, "hub": _read_hub, "oai": _read_harvest}
    try:
        if failed.exists() and time.time() - failed.stat().st_mtime < FORGET:
            raise SourceUnavailable(failed.read_text(encoding="utf-8"))
        yield from readers[source.reader](source, damaged, folder)
    except MissingPart:
        raise
    except PartagesError as error:
        from partages.corpus.sources import DamagedSource

        if isinstance(error, DamagedSource):
            raise
        if isinstance(error, SourceUnavailable):
            with contextlib.suppress(OSError):
                folder.mkdir(parents=True, exist_ok=True)
                failed.write_text(str(error), encoding="utf-8")
        reason = f"« {source.name} » : {error} Page de la source : {source.home}"
        damaged(Damage(source.name, source.home, "network", reason, "rest"))


def _read_addresses(source: Source, damaged: Told, folder: Path) -> Iterator[Record]:
    with client() as http:
        for one in addresses(http, source.options):
            path = fetch(http, one.url, folder / one.name, checksum=one.checksum)
            with locked(folder):
                files = _members(path, source.options, source, damaged)
            for file in files:
                yield from read_file(source, file, source.options, damaged, folder)


def _members(path: Path, options: Mapping[str, Any], source: Source, damaged: Told) -> list[Path]:
    """The file itself, or what an archive holds of ``members``, unpacked beside it."""
    if not zipfile.is_zipfile(path):
        return [path]
    target = path.with_name(path.name + ".d")
    if not target.is_dir():
        partial = path.with_name(path.name + ".d.partial")
        shutil.rmtree(partial, ignore_errors=True)
        try:
            _unpack(path, partial, options.get("members", ["*"]))
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            shutil.rmtree(partial, ignore_errors=True)
            reason = (
                f"« {path.name} » n'est pas une archive intacte ({error}) : effacez-la, puis recommencez."
            )
            damaged(Damage(source.name, path.name, "corrupt", reason, "rest"))
            return []
        partial.rename(target)
    return sorted(file for file in target.rglob("*") if file.is_file())


def _unpack(archive: Path, target: Path, wanted: list[str]) -> None:
    target.mkdir(parents=True)
    with zipfile.ZipFile(archive) as opened:
        members = [one for one in opened.infolist() if not one.is_dir()]
        if sum(one.file_size for one in members) > MAX_UNPACKED:
            raise ValueError("trop volumineuse une fois ouverte")
        for one in members:
            name = PurePosixPath(one.filename)
            if name.is_absolute() or ".." in name.parts:
                continue
            if any(fnmatch(f"/{name}".lower(), "*/" + pattern.lower().lstrip("/")) for pattern in wanted):
                path = target / name
                path.parent.mkdir(parents=True, exist_ok=True)
                with opened.open(one) as source, path.open("wb") as file:
                    shutil.copyfileobj(source, file)


def _read_harvest(source: Source, damaged: Told, folder: Path) -> Iterator[Record]:
    from partages.corpus.oai import harvest

    folder = folder.with_name(source.options.get("harvest", source.name))
    with locked(folder):
        path = harvest(source, folder, damaged)
    form: dict[str, Any] = {"format": "jsonl", "keep": ["licence", "commercial", "url", "pdf", "title"]}
    if source.licence != PER_DOCUMENT:
        form["where"] = {"licence": source.licence}
    records = read_file(source, path, form, damaged)
    yield from (
        _whole_texts(source, records, damaged, path.parent) if source.options.get("fulltext") else records
    )


def _whole_texts(source: Source, records: Iterator[Record], damaged: Told, folder: Path) -> Iterator[Record]:
    """The articles themselves, of those in French whose PDF the archive gives; each is kept once brought."""
    with client() as http:
        for record in records:
            url = record.metadata.get("pdf")
            if not url:
                continue
            name = hashlib.sha256(url.encode()).hexdigest()[:24] + ".pdf"
            try:
                path = fetch(http, url, folder / "pdf" / name)
                data = path.read_bytes()
                if not data.startswith(b"%PDF-"):  # a page that asks to log in
                    path.unlink()
                    raise UnreadableDocument("Ce n'est pas un PDF.")
                text, _ = text_from_bytes(data, url, MAX_ARTICLE)
            except (SourceUnavailable, BadDocument, OSError) as error:
                slug = "network" if isinstance(error, SourceUnavailable) else "unreadable"
                reason = f"« {url} » : l'article est laissé. {error if isinstance(error, PartagesError) else ''}".strip()
                damaged(Damage(source.name, url, slug, reason, "record"))
                continue
            yield Record(record.id, f"{record.metadata['title']}\n\n{text}", record.metadata)


def _read_hub(source: Source, damaged: Told, folder: Path) -> Iterator[Record]:  # noqa: ARG001
    """Rows of data sets of the Hub, through ``datasets``, streamed or through its cache."""
    from partages.corpus.hub import rows

    options = source.options
    for number, (place, row) in enumerate(rows(source), 1):
        try:
            found = document_of(row, options)
        except (KeyError, TypeError, AttributeError, ValueError):
            reason = f"« {source.name} », ligne {number} : le texte attendu n'y est pas, ligne laissée."
            damaged(Damage(source.name, f"{place}, ligne {number}", "row", reason, "record"))
            continue
        if found is None or not found[0].strip():
            continue
        text, metadata = found
        if name := row.get(options.get("id", "id")):
            metadata["published_id"] = str(name)
        yield Record(f"{source.name}/{place}/{number}", text, metadata)


def reach(source: Source) -> str:
    """Try the home of a source without bringing it: what answers, in French.

    Raises:
        UsageError: it has none to try.
        SourceUnavailable: it does not answer, or not as the catalogue says.
        MissingPart: an optional package is absent.
    """
    if source.reader == "folder":
        raise UsageError("ne se télécharge pas : donnez son dossier.")
    if source.reader == "hub":
        from partages.corpus.hub import rows

        for _, row in rows(source, streaming=True):
            found = document_of(row, {**source.options, "about_least": 0})
            return f"première ligne lue, {len(found[0]) if found else 0} caractères"
        raise SourceUnavailable("le jeu de données est vide.")
    with client() as http:
        if source.reader == "oai":
            from partages.corpus.oai import first_page

            count = len(first_page(http, source).articles)
            return f"première page lue, {count} articles gardés"
        wanted = addresses(http, source.options)
        for one in wanted:
            with http.stream("GET", one.url, headers={"Range": "bytes=0-0"}) as response:
                status = response.status_code  # the body is left, whole file or not
            if status not in (200, 206):
                raise SourceUnavailable(f"« {one.name} » répond par le code {status}.")
        return (
            f"{len(wanted)} fichier{'s' if len(wanted) > 1 else ''} : {', '.join(one.name for one in wanted)}"
        )
