"""Reading a source from its home: files by address, the Hub, an OAI-PMH server; kept in the cache."""

import shutil
import zipfile
from collections.abc import Iterator, Mapping
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import Any

from partages.corpus.readers import Told, document_of, read_file
from partages.corpus.sources import PER_DOCUMENT, Damage, Record, Source
from partages.errors import MissingPart, PartagesError

MAX_UNPACKED = 50_000_000_000
"""Bytes an archive may unpack to; beyond, it is taken for a decompression bomb."""


def read_home(source: Source, damaged: Told, cache: Path) -> Iterator[Record]:
    """The documents of a source from where it is published.

    What cannot be had is told to ``damaged`` (``network``); what was brought before is used.
    """
    folder = cache / "sources" / source.name
    readers = {"files": _read_addresses, "hub": _read_hub, "oai": _read_harvest}
    try:
        yield from readers[source.reader](source, damaged, folder)
    except MissingPart:
        raise
    except PartagesError as error:
        from partages.corpus.sources import DamagedSource

        if isinstance(error, DamagedSource):
            raise
        reason = f"« {source.name} » : {error} Page de la source : {source.home}"
        damaged(Damage(source.name, source.home, "network", reason, "rest"))


def _read_addresses(source: Source, damaged: Told, folder: Path) -> Iterator[Record]:
    from partages.corpus.download import addresses, client, fetch

    with client() as http:
        wanted = addresses(http, source.options)
        for one in wanted:
            path = fetch(http, one.url, folder / one.name, checksum=one.checksum)
            for file in _members(path, source.options, source, damaged):
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

    path = harvest(source, folder.with_name(source.options.get("harvest", source.name)), damaged)
    form: dict[str, Any] = {"format": "jsonl", "keep": ["licence", "commercial", "url"]}
    if source.licence != PER_DOCUMENT:
        form["where"] = {"licence": source.licence}
    yield from read_file(source, path, form, damaged)


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
