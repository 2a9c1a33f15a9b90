"""Documents from what people have: text files, .docx, .pdf, folders, JSON lines, annotated files.

Reading is lazy: a record knows its id before its file is opened, so that a resumed run
skips what is done without reading it. No error quotes the content or a file's text.
"""

import io
import json
import logging
import threading
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from partages.annotation import ENTITE_ANONYMISATION, uima
from partages.annotation.brat import read_brat
from partages.annotation.uima import looks_like_cas
from partages.documents import Document, Span
from partages.errors import BadDocument, DocumentTooLarge, PartagesError, UnreadableDocument, UsageError
from partages.exchange import stays

TEXT_SUFFIXES = frozenset({".txt", ".text", ".md"})
JSONL_SUFFIXES = frozenset({".jsonl", ".ndjson"})
ANNOTATED_SUFFIXES = frozenset({".json", ".ann"})
"""UIMA CAS JSON; brat, whose ``.txt`` stands beside."""
TABLE_SUFFIXES = frozenset({".csv"})
SEVERAL_SUFFIXES = JSONL_SUFFIXES | TABLE_SUFFIXES
"""Files that hold several documents."""
SUFFIXES = TEXT_SUFFIXES | SEVERAL_SUFFIXES | ANNOTATED_SUFFIXES | {".docx", ".pdf"}

MAX_BYTES_PER_CHARACTER = 12
"""A code point outside the BMP takes 12 bytes in JSON with escapes (two ``\\uXXXX``)."""
MAX_DOCX_EXPANSION = 200_000_000
"""Bytes a .docx may unpack to; beyond, it is taken for a decompression bomb."""
ENCODINGS = ["cp1252", "iso8859_15", "mac_roman", "cp850", "utf_16_le", "utf_16_be"]
"""What French hospital software exports when it is not UTF-8, tried by charset-normalizer."""
ENCODING_NAMES = {
    "cp1252": "Windows-1252",
    "iso8859_15": "ISO-8859-15",
    "mac_roman": "Mac Roman",
    "cp850": "DOS (CP850)",
    "utf_16": "UTF-16",
    "utf_16_le": "UTF-16",
    "utf_16_be": "UTF-16",
    "utf_32": "UTF-32",
}

_WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_OLE2 = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # old .doc, and .docx under a password (MS-CFB, 2.2)
_pdfium = threading.Lock()  # PDFium is not thread-safe


@dataclass(frozen=True, slots=True)
class Record:
    """One document to come.

    Attributes:
        id: its identifier; None when the input gives none, which is an error.
        load: returns the text and notices about how it was read; raises PartagesError.
        fields: further keys of the JSON line, which may be options of the use case. Those of an
            annotated file (``annotations``) are there once ``load`` has read it.
    """

    id: str | None
    load: Callable[[], tuple[str, list[str]]]
    fields: dict[str, Any] = field(default_factory=dict)

    def document(self) -> Document:
        """Read it.

        Raises:
            PartagesError: it cannot be read; the message says why and what to do.
        """
        text, _ = self.load()
        return Document(self.id or "", text)


def text_from_bytes(data: bytes, name: str, limit: int) -> tuple[str, list[str]]:
    """Return the text of a file's content, and French notices on how it was read.

    Args:
        data: the whole file. Its kind is read from its first bytes, not from ``name``.
        name: file name, for messages.
        limit: most characters accepted.

    Raises:
        DocumentTooLarge: more than ``limit`` characters.
        UnreadableDocument: binary, undecodable, protected by a password, scanned, damaged.
    """
    if data.startswith(b"%PDF-"):
        text, notices = _pdf_text(data, name, limit)
    elif data.startswith(b"PK\x03\x04"):
        text, notices = _docx_text(data, name), []
    elif data.startswith(_OLE2):
        raise UnreadableDocument(
            f"« {name} » est un fichier Office ancien (.doc) ou protégé par un mot de passe : "
            "enregistrez-le en .docx sans mot de passe, puis recommencez."
        )
    else:
        if len(data) > 4 * limit:
            raise _too_large(name, limit)
        text, notices = decoded(data, name)
    if len(text) > limit:
        raise _too_large(name, limit)
    return text, notices


def _too_large(name: str, limit: int) -> DocumentTooLarge:
    return DocumentTooLarge(
        f"« {name} » dépasse {limit:,} caractères".replace(",", "\u202f")
        + " : découpez-le, ou relevez PARTAGES_MAX_CHARACTERS."
    )


def decoded(data: bytes, name: str) -> tuple[str, list[str]]:
    """Text in UTF-8, else in the encoding detected, which is said."""
    binary = UnreadableDocument(
        f"« {name} » n'est pas un fichier texte, .docx ou .pdf lisible : vérifiez-le, puis recommencez."
    )
    for mark, encoding in ((b"\xff\xfe\0\0", "utf_32"), (b"\xff\xfe", "utf_16"), (b"\xfe\xff", "utf_16")):
        if data.startswith(mark):
            try:
                return data.decode(encoding), [_encoding_notice(encoding)]
            except UnicodeDecodeError:
                raise binary from None
    try:
        text, notices = data.decode("utf-8-sig"), []
    except UnicodeDecodeError:
        detected = _detected_encoding(data)
        if detected is None:
            raise binary from None
        text, notices = data.decode(detected), [_encoding_notice(detected)]
    if _looks_binary(text):
        raise binary
    return text, notices


def _detected_encoding(data: bytes) -> str | None:
    from charset_normalizer import from_bytes

    # detection needs no more than this; the whole must still decode
    best = from_bytes(data[:200_000], cp_isolation=ENCODINGS, language_threshold=0.0).best()
    if best is None:
        return None
    for encoding in (best.encoding, "cp1252"):
        try:
            data.decode(encoding)
        except UnicodeDecodeError:
            continue
        return encoding
    return None


def _looks_binary(text: str) -> bool:
    """More than one control character in a hundred, layout aside: no report is like that."""
    controls = sum(count for character, count in Counter(text[:100_000]).items() if character < " ")
    layout = sum(text.count(character, 0, 100_000) for character in "\t\n\r\f\v")
    return (controls - layout) * 100 > len(text[:100_000])


def _encoding_notice(encoding: str) -> str:
    name = ENCODING_NAMES.get(encoding, encoding)
    return f"Encodage détecté : {name} (le fichier n'est pas en UTF-8) ; vérifiez les accents."


def _docx_text(data: bytes, name: str) -> str:
    import docx

    damaged = UnreadableDocument(
        f"« {name} » n'est pas un document .docx lisible : réenregistrez-le en .docx."
    )
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(member.file_size for member in archive.infolist()) > MAX_DOCX_EXPANSION:
                raise damaged
        document = docx.Document(io.BytesIO(data))
    except UnreadableDocument:
        raise
    except Exception:  # zipfile, lxml and python-docx raise a dozen types for a damaged file
        raise damaged from None
    headers: dict[str, None] = {}
    footers: dict[str, None] = {}
    for section in document.sections:
        headers[_word_text(section.header._element)] = None
        footers[_word_text(section.footer._element)] = None
    body = _word_text(document.element.body)
    return "\n".join(part for part in (*headers, body, *footers) if part.strip())


def _word_text(element: Any) -> str:
    """Text of a WordprocessingML element, in reading order: paragraphs, cells, text boxes."""
    pieces: list[str] = []

    def walk(node: Any) -> None:
        if node.tag == _FALLBACK:  # the same text box again, for old readers
            return
        if node.tag == _WORD + "t":
            pieces.append(node.text or "")
        elif node.tag == _WORD + "tab":
            pieces.append("\t")
        elif node.tag in (_WORD + "br", _WORD + "cr"):
            pieces.append("\n")
        elif node.tag == _WORD + "noBreakHyphen":
            pieces.append("-")
        elif node.tag == _WORD + "pPr":  # tab stops are not tabs
            return
        if node.tag == _WORD + "tc":
            before = len(pieces)
            for child in node:
                walk(child)
            pieces[before:] = ["".join(pieces[before:]).strip("\n").replace("\n", " "), "\t"]
            return
        for child in node:
            walk(child)
        if node.tag == _WORD + "tr":
            if pieces and pieces[-1] == "\t":
                pieces.pop()
            pieces.append("\n")
        elif node.tag == _WORD + "p":
            pieces.append("\n")

    walk(element)
    return "".join(pieces)


def _pdf_text(data: bytes, name: str, limit: int) -> tuple[str, list[str]]:
    import pypdfium2

    with _pdfium:
        try:
            pdf = pypdfium2.PdfDocument(data)
        except pypdfium2.PdfiumError as error:
            if error.err_code == 4:  # FPDF_ERR_PASSWORD
                raise UnreadableDocument(
                    f"« {name} » est protégé par un mot de passe : enregistrez une copie sans protection."
                ) from None
            raise UnreadableDocument(f"« {name} » est un PDF endommagé : exportez-le à nouveau.") from None
        pages: list[str] = []
        characters = 0
        try:
            for page in pdf:
                # PDFium marks a hyphen at a line end with U+0002, and ends lines with CRLF
                text = page.get_textpage().get_text_bounded()
                text = text.replace("\r\n", "\n").replace("\x02", "-\n").replace("\ufffe", "-\n")
                pages.append(text)
                characters += len(text)
                if characters > limit:
                    raise _too_large(name, limit)
        except pypdfium2.PdfiumError:
            raise UnreadableDocument(
                f"« {name} » est un PDF endommagé à la page {len(pages) + 1} : exportez-le à nouveau."
            ) from None
        finally:
            pdf.close()
    empty = [number for number, text in enumerate(pages, 1) if not text.strip()]
    if len(empty) == len(pages):
        raise UnreadableDocument(
            f"« {name} » est un PDF sans texte, sans doute numérisé : "
            "passez-le d'abord par une reconnaissance de caractères (OCR)."
        )
    notices = []
    if empty:
        listed = ", ".join(map(str, empty[:10])) + ("…" if len(empty) > 10 else "")
        notices.append(f"Pages sans texte (images numérisées ?), non lues : {listed}.")
    return "\n\f".join(pages), notices


def read_records(sources: Iterable[str], limit: int, standard_input: BinaryIO) -> Iterator[Record]:
    """Yield the records of files, folders and ``-`` (JSON lines on standard input), in order.

    A folder is read recursively in alphabetical order; a document's id is its path below the
    folder without suffix (with it where two files differ by nothing else). A record that
    cannot be read is still yielded: loading it raises what is wrong.

    Raises:
        UsageError: a source does not exist, or a folder holds nothing that can be read.
    """
    seen: set[str] = set()
    for record in _all_records(list(sources), limit, standard_input):
        if record.id is not None:
            if record.id in seen:
                yield _refused(
                    record.id, "Deux documents portent ce même identifiant : seul le premier est traité."
                )
                continue
            seen.add(record.id)
        yield record


def _all_records(sources: list[str], limit: int, standard_input: BinaryIO) -> Iterator[Record]:
    for source in sources:
        path = Path(source)
        if source == "-":
            yield from read_jsonl(standard_input, limit)
        elif path.is_dir():
            yield from _folder_records(path, limit)
        elif path.is_file():
            yield from _file_records(path, path.stem, limit)
        else:
            raise UsageError(f"« {source} » n'existe pas ou n'est pas lisible : vérifiez le chemin.")


def list_files(folder: Path) -> list[Path]:
    """The files of a folder that can be read, in alphabetical order, hidden ones aside."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and (path.suffix.lower() not in ANNOTATED_SUFFIXES or _is_cas(path))
    )


def _is_cas(path: Path) -> bool:
    """Among the files of a folder, a ``.ann`` goes with its text, and not every ``.json`` is a document."""
    if path.suffix.lower() != ".json":
        return False
    try:
        with path.open("rb") as file:
            return looks_like_cas(file.read(65_536))
    except OSError:
        return True  # said when it is read


def _folder_records(folder: Path, limit: int) -> Iterator[Record]:
    files = list_files(folder)
    if not files:
        kinds = ", ".join(sorted(SUFFIXES))
        raise UsageError(f"Le dossier « {folder} » ne contient aucun fichier lisible ({kinds}).")
    stems = Counter(path.relative_to(folder).with_suffix("") for path in files)
    for path in files:
        relative = path.relative_to(folder)
        stem = relative.with_suffix("")
        yield from _file_records(path, (stem if stems[stem] == 1 else relative).as_posix(), limit)


def _file_records(path: Path, identifier: str, limit: int) -> Iterator[Record]:
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        yield Record(identifier, partial(_read_file, path, limit))
        return
    try:
        yield from reader(path, identifier, limit)
    except OSError as error:
        raise UsageError(f"« {path} » ne peut pas être lu ({error.strerror}).") from None


def _jsonl_records(path: Path, identifier: str, limit: int) -> Iterator[Record]:  # noqa: ARG001
    with path.open("rb") as file:
        yield from read_jsonl(file, limit)


def _table_records(path: Path, identifier: str, limit: int) -> Iterator[Record]:  # noqa: ARG001
    table, notices = decoded(_bytes(path, 40 * limit), path.name)
    for number, fields in stays.read(table, path.name):
        stay, text = fields.pop("id", None), fields.pop("text", None)
        if stay is None or text is None:
            missing = "ID" if stay is None else "Texte"
            yield _refused(stay, f"Ligne {number} de « {path.name} » : la colonne {missing} est vide.")
        elif len(text) > limit:
            yield Record(stay, partial(_raise, _too_large(f"ligne {number}", limit)))
        else:
            yield Record(stay.strip(), partial(_given, text, notices), fields)
        notices = []  # said once


def _given(text: str, notices: list[str]) -> tuple[str, list[str]]:
    return text, notices


def _cas_records(path: Path, identifier: str, limit: int) -> Iterator[Record]:
    fields: dict[str, Any] = {}

    def load() -> tuple[str, list[str]]:
        data = _bytes(path, limit)
        if not looks_like_cas(data[:65_536]):
            raise UnreadableDocument(
                f"« {path.name} » n'est pas du UIMA CAS JSON : pour des lignes JSON, nommez-le .jsonl."
            )
        try:
            text, spans = uima.read_cas(data.decode("utf-8-sig"), ENTITE_ANONYMISATION, path.name)
        except UnicodeDecodeError:
            raise UnreadableDocument(f"« {path.name} » n'est pas en UTF-8 : exportez-le à nouveau.") from None
        if len(text) > limit:
            raise _too_large(path.name, limit)
        fields["annotations"] = [_span_field(span) for span in spans]
        return text, []

    yield Record(identifier, load, fields)


def _text_records(path: Path, identifier: str, limit: int) -> Iterator[Record]:
    """A text, with the annotations of the ``.ann`` beside it; either of the two names will do."""
    annotated = path.with_suffix(".ann")
    if not annotated.is_file():
        yield Record(identifier, partial(_read_file, path, limit))
        return
    fields: dict[str, Any] = {}

    def load() -> tuple[str, list[str]]:
        source = path if path.suffix.lower() != ".ann" else path.with_suffix(".txt")
        text, notices = _read_file(source, limit)
        try:
            written = _bytes(annotated, 4 * limit).decode("utf-8-sig")
        except UnicodeDecodeError:
            raise UnreadableDocument(f"« {annotated.name} » n'est pas en UTF-8 : convertissez-le.") from None
        fields["annotations"] = [_span_field(span) for span in read_brat(text, written, annotated.name)]
        return text, notices

    yield Record(identifier, load, fields)


def _span_field(span: Span) -> dict[str, Any]:
    return {
        "start": span.start,
        "end": span.end,
        "label": span.label,
        "attributes": dict(span.attributes),
        "score": span.score,
    }


READERS: dict[str, Callable[[Path, str, int], Iterator[Record]]] = {
    **dict.fromkeys(JSONL_SUFFIXES, _jsonl_records),
    **dict.fromkeys(TEXT_SUFFIXES, _text_records),
    **dict.fromkeys(TABLE_SUFFIXES, _table_records),
    ".json": _cas_records,
    ".ann": _text_records,
}
"""What reads a file by its suffix: its path, the id of its document, the most characters accepted.
A suffix without a reader is one document, whose kind is read from its first bytes."""


def _read_file(path: Path, limit: int) -> tuple[str, list[str]]:
    return text_from_bytes(_bytes(path, limit), path.name, limit)


def _bytes(path: Path, limit: int) -> bytes:
    try:
        size = path.stat().st_size
        if size > max(4 * limit, MAX_DOCX_EXPANSION):
            raise _too_large(path.name, limit)
        return path.read_bytes()
    except OSError as error:
        raise UnreadableDocument(f"« {path.name} » ne peut pas être lu ({error.strerror}).") from None


def read_jsonl(lines: BinaryIO, limit: int) -> Iterator[Record]:
    """Yield a record a JSON line ``{"id": ..., "text": ..., ...}``; blank lines are skipped.

    Memory holds one line at a time; a line too long to hold a document of ``limit``
    characters is skipped unread and refused.
    """
    longest = MAX_BYTES_PER_CHARACTER * limit + 65_536
    number = 0
    while line := lines.readline(longest):
        number += 1
        if len(line) == longest and not line.endswith(b"\n"):
            while (rest := lines.readline(longest)) and not rest.endswith(b"\n"):
                pass
            yield _refused(
                None, f"Ligne {number} : elle est trop longue pour un document accepté.", too_large=True
            )
        elif line.strip():
            yield _json_record(line.removeprefix(b"\xef\xbb\xbf"), number, limit)


def _json_record(line: bytes, number: int, limit: int) -> Record:
    try:
        value = json.loads(line)
    except UnicodeDecodeError:
        return _refused(None, f"Ligne {number} : elle n'est pas en UTF-8, convertissez le fichier.")
    except (json.JSONDecodeError, RecursionError):
        return _refused(None, f"Ligne {number} : ce n'est pas du JSON valide.")
    except ValueError:  # an integer of more digits than Python accepts
        return _refused(None, f"Ligne {number} : ce n'est pas du JSON valide.")
    if not isinstance(value, dict):
        return _refused(None, f'Ligne {number} : ce n\'est pas un objet JSON {{"id": …, "text": …}}.')
    identifier, text = value.pop("id", None), value.pop("text", None)
    if isinstance(identifier, int) and not isinstance(identifier, bool):
        identifier = str(identifier)
    if not isinstance(identifier, str) or not identifier.strip() or not _is_unicode(identifier):
        return _refused(None, f"Ligne {number} : le champ « id » manque ou n'est pas une chaîne non vide.")
    if not isinstance(text, str):
        return _refused(identifier, f"Ligne {number} : le champ « text » manque ou n'est pas une chaîne.")
    if len(text) > limit:
        return Record(identifier, partial(_raise, _too_large(f"ligne {number}", limit)))
    return Record(identifier, lambda: (text, []), value)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _refused(identifier: str | None, message: str, *, too_large: bool = False) -> Record:
    return Record(identifier, partial(_raise, (DocumentTooLarge if too_large else BadDocument)(message)))


def _raise(error: PartagesError) -> tuple[str, list[str]]:
    raise error


logging.getLogger("pypdfium2").setLevel(logging.CRITICAL)
