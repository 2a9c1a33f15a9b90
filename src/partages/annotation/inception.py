"""A project exported from INCEpTION, folder or .zip: who annotated what (UIMA CAS JSON 0.4.0).

``annotation/DOCUMENT/USER.json`` holds what each person did, or a ``.zip`` of it;
``curation/DOCUMENT/CURATION_USER.json`` the curator's choice. ``INITIAL_CAS`` is the document as imported and
is nobody's.
"""

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from partages.annotation import Layer
from partages.annotation.uima import read_cas
from partages.documents import Span
from partages.errors import UnreadableDocument, UsageError

Work = dict[str, tuple[str, list[Span]]]
"""Text and spans by document."""
NOBODY = "INITIAL_CAS"


def is_project(path: Path) -> bool:
    """Whether a folder or a file is such an export."""
    if path.is_dir():
        return (path / "annotation").is_dir()
    return path.suffix.lower() == ".zip" and zipfile.is_zipfile(path)


def read_project(path: Path, layer: Layer, *, curated: bool = False) -> dict[str, Work]:
    """The work of each person, by name; of the curator alone with ``curated``.

    Raises:
        UsageError: nothing there was annotated.
        UnreadableDocument: a file is not a UIMA CAS JSON; export the project in that format.
    """
    people: dict[str, Work] = {}
    for name, data in _files(path):
        parts = PurePosixPath(name).parts
        kind = "curation" if curated else "annotation"
        if kind not in parts or len(parts) - parts.index(kind) != 3:
            continue
        document, file = parts[-2], PurePosixPath(parts[-1])
        if file.stem == NOBODY or file.suffix not in (".json", ".zip"):
            continue
        found = read_cas(
            _unzipped(data, name) if file.suffix == ".zip" else _decoded(data, name), layer, name
        )
        people.setdefault(file.stem, {})[document] = found
    if not people:
        raise UsageError(
            f"« {path} » ne contient aucune annotation : exportez le projet d'INCEpTION au format "
            "UIMA CAS JSON 0.4.0."
        )
    return dict(sorted(people.items()))


def _files(path: Path) -> Iterator[tuple[str, bytes]]:
    if path.is_dir():
        for file in sorted(item for item in path.rglob("*") if item.is_file()):
            yield file.relative_to(path).as_posix(), file.read_bytes()
        return
    with zipfile.ZipFile(path) as archive:
        for name in sorted(archive.namelist()):
            if not name.endswith("/"):
                yield name, archive.read(name)


def _unzipped(data: bytes, name: str) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            inside = [item for item in archive.namelist() if item.endswith(".json")]
            return _decoded(archive.read(inside[0]), name)
    except (zipfile.BadZipFile, IndexError):
        raise UnreadableDocument(
            f"« {name} » ne contient pas de UIMA CAS JSON : exportez le projet dans ce format."
        ) from None


def _decoded(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UnreadableDocument(f"« {name} » n'est pas en UTF-8 : exportez-le à nouveau.") from None
