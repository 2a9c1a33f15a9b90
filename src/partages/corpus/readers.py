"""Files at hand to records: lines, whole texts, JSON lines, JSON, tables, Parquet, brat, XML; gzip or not.

What cannot be read is told to ``damaged``: a line, or the rest of a file. What came before was good and
stays; a line cut by the end of a damaged file is not a line and is left out.
"""

import csv
import gzip
import json
import re
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from partages.corpus.sources import Damage, Record, Source, form_of
from partages.errors import MissingPart, UsageError

Told = Callable[[Damage], None]
MAX_JSON = 500_000_000
"""Bytes of a file that is read whole."""
MAX_LINE = 200_000_000
"""Bytes of a line; a longer one is left."""
BATCH = 256
"""Rows of a Parquet file in memory at once."""
LONGEST_FIELD = 100_000_000
"""Characters of a field of a table."""


def read_files(
    source: Source, paths: Sequence[Path], damaged: Told, root: Path | None = None
) -> Iterator[Record]:
    """The documents of files, in order; see ``sources.read``."""
    for path in paths:
        yield from read_file(source, path, form_of(source, path), damaged, root)


def read_file(
    source: Source, path: Path, form: Mapping[str, Any], damaged: Told, root: Path | None = None
) -> Iterator[Record]:
    """The documents of one file, read as ``form`` says: ``format``, then ``text``, ``keep``... of a row.

    Raises:
        UsageError: a format that does not exist.
    """
    name = form.get("format") or _format_of(path)
    reader = FORMATS.get(name)
    if reader is None:
        raise UsageError(f"{source.name} : format inconnu, « {name} » ; formats : {', '.join(FORMATS)}.")

    def tell(slug: str, why: str, lost: str = "rest", where: str = "") -> None:
        place = f"{path.name}{where}"
        damaged(Damage(source.name, place, slug, f"« {place} » {why}", lost))  # type: ignore[arg-type]

    folder = path.parent.relative_to(root).as_posix() if root and path.is_relative_to(root) else "."
    prefix = "/".join((source.name, *(() if folder == "." else (folder,)), _stem(path)))
    try:
        for at, text, metadata in reader(path, form, tell):
            if text.strip():
                yield Record(f"{prefix}/{at}" if at else prefix, text, metadata)
    except (EOFError, zlib.error) as error:
        cut = isinstance(error, EOFError)
        tell(
            "truncated" if cut else "corrupt",
            "est coupé avant sa fin : ce qui précède est lu, reprenez le fichier."
            if cut
            else "est abîmé : ce qui précède est lu, reprenez le fichier.",
        )
    except gzip.BadGzipFile:
        tell("corrupt", "n'est pas un fichier gzip intact : reprenez-le.")
    except OSError as error:
        tell("unreadable", f"ne peut pas être lu ({error.strerror or 'erreur de lecture'}).")


def _stem(path: Path) -> str:
    name = path.name.removesuffix(".gz")
    return name.rsplit(".", 1)[0] if "." in name else name


def _format_of(path: Path) -> str:
    name = path.name.lower()
    plain = name.removesuffix(".gz")
    suffix = plain.rsplit(".", 1)[-1]
    if suffix == "txt":
        return "lines" if plain != name else "text"
    return {"jsonl": "jsonl", "ndjson": "jsonl", "json": "json", "csv": "table", "tsv": "table"}.get(
        suffix, suffix
    )


Row = tuple[str, str, dict[str, Any]]
Tell = Callable[..., None]


def _bytes_lines(path: Path) -> Iterator[bytes | None]:
    """The lines of a file; None for one that is longer than MAX_LINE."""
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        while line := file.readline(MAX_LINE):
            if len(line) < MAX_LINE or line.endswith(b"\n"):
                yield line
                continue
            while (more := file.readline(MAX_LINE)) and not more.endswith(b"\n"):
                pass
            yield None


def _text_lines(path: Path, form: Mapping[str, Any], tell: Tell) -> Iterator[tuple[int, str]]:
    encoding = form.get("encoding", "utf-8")
    for number, raw in enumerate(_bytes_lines(path), 1):
        if raw is None:
            tell("row", "est trop longue : laissée.", "record", f", ligne {number}")
            continue
        try:
            line = _decoded(raw, encoding, number == 1)
        except UnicodeDecodeError:
            tell(
                "encoding",
                'n\'est pas du texte UTF-8 : ligne laissée (encoding = "auto" dans [options] la relirait).',
                "record",
                f", ligne {number}",
            )
            continue
        yield number, line.rstrip("\r\n")


def _decoded(raw: bytes, encoding: str, first: bool) -> str:
    """``auto``: UTF-8, else Windows-1252, line by line, as public tables mix them."""
    if encoding not in ("utf-8", "auto"):
        return raw.decode(encoding)
    try:
        return raw.decode("utf-8-sig" if first else "utf-8")
    except UnicodeDecodeError:
        if encoding == "utf-8":
            raise
        return raw.decode("cp1252")


def _lines(path: Path, form: Mapping[str, Any], tell: Tell) -> Iterator[Row]:
    for number, line in _text_lines(path, form, tell):
        yield str(number), line, {}


def _whole(path: Path) -> bytes:
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        return file.read(MAX_JSON + 1)


def _text(path: Path, form: Mapping[str, Any], tell: Tell) -> Iterator[Row]:
    data = _whole(path)
    if len(data) > MAX_JSON:
        tell("unreadable", "est trop long pour un seul texte : coupez-le.")
        return
    try:
        yield "", _decoded(data, form.get("encoding", "utf-8"), True), {}
    except UnicodeDecodeError:
        tell(
            "encoding",
            'n\'est pas du texte UTF-8 : enregistrez-le ainsi, ou écrivez encoding = "auto" dans [options].',
        )


def _jsonl(path: Path, form: Mapping[str, Any], tell: Tell) -> Iterator[Row]:
    for number, line in _text_lines(path, form, tell):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            yield from _row(row, str(number), form, tell)
        except (ValueError, RecursionError):
            tell("row", "n'est pas un objet JSON : ligne laissée.", "record", f", ligne {number}")


def _json(path: Path, form: Mapping[str, Any], tell: Tell) -> Iterator[Row]:
    data = _whole(path)
    if len(data) > MAX_JSON:
        tell("unreadable", "est trop long pour du JSON d'un seul tenant : donnez-le en JSON par lignes.")
        return
    try:
        rows = json.loads(data)
    except (ValueError, RecursionError):
        tell("corrupt", "n'est pas du JSON entier : reprenez-le.")
        return
    if isinstance(rows, dict):
        rows = next((value for value in rows.values() if isinstance(value, list)), [rows])
    for number, row in enumerate(rows if isinstance(rows, list) else [rows], 1):
        yield from _row(row, str(number), form, tell)


def _table(path: Path, form: Mapping[str, Any], tell: Tell) -> Iterator[Row]:
    separator = form.get("separator") or ("\t" if ".tsv" in path.name.lower() else "")
    lines = (line + "\n" for _, line in _text_lines(path, form, tell))
    header = next(lines, "")
    separator = separator or max((";", ",", "\t", "|"), key=header.count)
    csv.field_size_limit(LONGEST_FIELD)
    names = form.get("columns") or next(csv.reader([header], delimiter=separator), [])
    if form.get("columns"):

        def with_first(first: str = header) -> Iterator[str]:
            yield first
            yield from lines

        rows = csv.reader(with_first(), delimiter=separator)
    else:
        rows = csv.reader(lines, delimiter=separator)
    number = 1
    while True:
        number += 1
        try:
            cells = next(rows)
        except StopIteration:
            return
        except csv.Error:
            tell("row", "n'est pas une ligne de tableau : laissée.", "record", f", ligne {number}")
            continue
        if not cells:
            continue
        if len(cells) != len(names):
            tell("row", "n'a pas toutes ses colonnes : laissée.", "record", f", ligne {number}")
            continue
        yield from _row(dict(zip(names, cells, strict=True)), str(number), form, tell)


def _parquet(path: Path, form: Mapping[str, Any], tell: Tell) -> Iterator[Row]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise MissingPart("Lire du Parquet demande pyarrow : pip install 'partages[corpus]'.") from None
    number = 0
    try:
        for batch in pyarrow.parquet.ParquetFile(path).iter_batches(batch_size=BATCH):
            for row in batch.to_pylist():
                number += 1
                yield from _row(row, str(number), form, tell)
    except pyarrow.ArrowException:
        tell("corrupt", "n'est pas un fichier Parquet entier : reprenez-le.")


def _brat(path: Path, form: Mapping[str, Any], tell: Tell) -> Iterator[Row]:
    # its .ann is not text to learn: the annotation is for evaluation
    yield from _text(path, form, tell)


def _xml(path: Path, form: Mapping[str, Any], tell: Tell) -> Iterator[Row]:
    """Elements ``record``: their leaves of at least ``shortest_cell`` characters."""
    from lxml import etree  # type: ignore[import-untyped, unused-ignore]

    shortest = form.get("shortest_cell", 1)
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        number = 0
        try:
            for _, node in etree.iterparse(
                file, tag=f"{{*}}{form['record']}", resolve_entities=False, no_network=True, huge_tree=False
            ):
                number += 1
                leaves = (
                    _plain(leaf.text or "") for leaf in node.iter(form.get("leaf", "{*}*")) if not len(leaf)
                )
                yield str(number), "\n".join(text for text in leaves if len(text) >= shortest), {}
                node.clear()
        except etree.XMLSyntaxError:
            tell("corrupt", "n'est pas du XML entier : ce qui précède est lu, reprenez le fichier.")


def _tmx(path: Path, form: Mapping[str, Any], tell: Tell) -> Iterator[Row]:
    """The side of one language of a translation memory (https://www.gala-global.org/tmx-14b)."""
    from lxml import etree  # type: ignore[import-untyped, unused-ignore]

    wanted, number = form.get("language", "fr"), 0
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        try:
            for _, unit in etree.iterparse(
                file, tag="tu", resolve_entities=False, no_network=True, load_dtd=False
            ):
                number += 1
                for side in unit.iter("tuv"):
                    language = (
                        side.get("{http://www.w3.org/XML/1998/namespace}lang") or side.get("lang") or ""
                    )
                    if language.lower().startswith(wanted):
                        yield str(number), "".join(side.find("seg").itertext()), {}
                unit.clear()
        except etree.XMLSyntaxError:
            tell("corrupt", "n'est pas du XML entier : ce qui précède est lu, reprenez le fichier.")


FORMATS: dict[str, Callable[[Path, Mapping[str, Any], Tell], Iterator[Row]]] = {
    "lines": _lines,
    "text": _text,
    "jsonl": _jsonl,
    "json": _json,
    "table": _table,
    "parquet": _parquet,
    "brat": _brat,
    "xml": _xml,
    "tmx": _tmx,
}


def declarations(path: Path, most: int) -> list[tuple[tuple[str, str], str]]:
    """The pairs (source, licence) that rows say, and the column of the licence; none where they say none.

    Rows that cannot be read are passed over here: reading tells of them.
    """
    name = _format_of(path)
    if name not in ("jsonl", "parquet", "table", "json"):
        return []
    rows = {"jsonl": _objects, "parquet": _columns, "table": _cells, "json": _objects}[name](path)
    found: dict[tuple[str, str], str] = {}
    for row in rows:
        column = "licence" if "licence" in row else "license"
        if column not in row:
            if not found:
                return []  # the first row says none
            column = "licence"
        pair = str(row.get("source") or ""), str(row.get(column) or "")
        found.setdefault(pair, column)
        if len(found) > most:
            raise UsageError(f"« {path.name} » : plus de {most} couples de source et de licence.")
    return [(pair, column) for pair, column in sorted(found.items())]


def _objects(path: Path) -> Iterator[dict[str, Any]]:
    try:
        if ".jsonl" not in path.name and ".ndjson" not in path.name:
            loaded = json.loads(_whole(path))
            yield from (row for row in (loaded if isinstance(loaded, list) else []) if isinstance(row, dict))
            return
        for raw in _bytes_lines(path):
            try:
                row = json.loads(raw or b"null")
            except (ValueError, RecursionError):
                continue
            if isinstance(row, dict):
                yield row
    except (OSError, EOFError, zlib.error, ValueError, RecursionError):
        return


def _columns(path: Path) -> Iterator[dict[str, Any]]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise MissingPart("Lire du Parquet demande pyarrow : pip install 'partages[corpus]'.") from None
    try:
        file = pyarrow.parquet.ParquetFile(path)
        wanted = [one for one in ("source", "licence", "license") if one in file.schema_arrow.names]
        for batch in file.iter_batches(columns=wanted):
            yield from pyarrow.Table.from_batches([batch]).group_by(wanted).aggregate([]).to_pylist()
    except (pyarrow.ArrowException, OSError):
        return


def _cells(path: Path) -> Iterator[dict[str, Any]]:
    def quiet(*told: str) -> None:
        pass

    try:
        lines = (line + "\n" for _, line in _text_lines(path, {}, quiet))
        header = next(lines, "")
        separator = max((";", ",", "\t", "|"), key=header.count)
        names = next(csv.reader([header], delimiter=separator), [])
        if "licence" in names or "license" in names:
            yield from (dict(zip(names, row, strict=False)) for row in csv.reader(lines, delimiter=separator))
    except (OSError, EOFError, zlib.error, csv.Error):
        return


def _row(row: Any, at: str, form: Mapping[str, Any], tell: Tell) -> Iterator[Row]:
    """The document of one row, if its fields are there and ``where`` keeps it."""
    try:
        found = document_of(row, form)
    except (KeyError, TypeError, AttributeError, ValueError):
        wanted = form.get("text", "text")
        shown = wanted if isinstance(wanted, str) else ", ".join(wanted)
        tell("row", f"n'a pas le texte attendu ({shown}) : ligne laissée.", "record", f", ligne {at}")
        return
    if found is not None:
        text, metadata = found
        if name := row.get(form.get("id", "id")):
            metadata["published_id"] = str(name)
        yield at, text, metadata


def document_of(row: Mapping[str, Any], form: Mapping[str, Any]) -> tuple[str, dict[str, Any]] | None:
    """Text and metadata of a row, None where ``where`` leaves it out.

    ``text`` names a column, or several, joined by blank lines (``["*"]``: all, of at least ``shortest_cell``
    characters); ``about`` and ``about_least``: words, so many of which must be there;
    ``documents`` a column that lists objects with a text; ``questions``: a question, its choices and answers.
    """
    for column, allowed in form.get("where", {}).items():
        if str(row.get(column) or "") not in [
            str(one) for one in (allowed if isinstance(allowed, list) else [allowed])
        ]:
            return None
    if form.get("questions"):
        text = question_text(row, form)
    elif form.get("documents"):
        pieces = row[form["documents"]]
        if isinstance(pieces, Mapping):  # a sequence of structs is a struct of sequences in older files
            pieces = [dict(zip(pieces, values, strict=True)) for values in zip(*pieces.values(), strict=True)]
        text = "\n\n".join(
            "\n".join(str(piece[part]) for part in ("header", "text") if piece.get(part)) for piece in pieces
        )
    else:
        columns = form.get("text", "text")
        columns = [columns] if isinstance(columns, str) else columns
        shortest = form.get("shortest_cell", 1)
        cells = list(row.values()) if columns == ["*"] else [_cell(row, column) for column in columns]
        if all(cell is None for cell in cells):
            raise KeyError(columns[0])
        written = (_plain(str(cell)) for cell in cells if cell)
        text = "\n\n".join(cell for cell in written if len(cell) >= shortest)
    if words := form.get("about"):
        lower = text.lower()
        if sum(word in lower for word in words) < form.get("about_least", 1):
            return None
    return text, {name: row[name] for name in form.get("keep", ()) if row.get(name) not in (None, "")}


def _plain(text: str) -> str:
    """Text of a cell that holds HTML, else as it is."""
    if not _TAG.search(text):
        return text
    from lxml import html  # type: ignore[import-untyped, unused-ignore]

    tree = html.fragment_fromstring(_BREAK.sub("\\g<0>\n", text), create_parent="div")
    return "\n".join(
        line for line in (" ".join(line.split()) for line in tree.text_content().split("\n")) if line
    )


_TAG = re.compile(r"</[a-z]+[0-9]?>|<br ?/?>", re.IGNORECASE)
_BREAK = re.compile(r"<br ?/?>|</(?:p|li|h[1-6]|tr|div)>", re.IGNORECASE)


def _cell(row: Any, column: str) -> Any:
    """``column`` of a row; ``translation.fr`` is the field ``fr`` of the column ``translation``."""
    for part in column.split("."):
        row = row[part] if isinstance(row, Mapping) and part in row else None
    return row


def question_text(row: Mapping[str, Any], form: Mapping[str, Any]) -> str:
    """A multiple choice question as text: the question, its choices, the right ones where they are known.

    Choices are a mapping (``answers``: {"a": ...}), or columns ``answer_a``, ``answer_b``...; an open
    question has an ``answer``.
    """
    answers = row.get("answers")
    if not isinstance(answers, Mapping):
        answers = {key[-1]: row[key] for key in sorted(row) if key.startswith("answer_") and len(key) == 8}
    lines = [str(row[form.get("question", "question")])]
    if row.get("clinical_case"):
        lines.insert(0, str(row["clinical_case"]))
    lines += [f"{letter.upper()}. {answer}" for letter, answer in answers.items() if answer]
    right = row.get("correct_answers") or []
    letters = right if isinstance(right, list) else str(right).replace(",", " ").split()
    chosen = [answers[str(one).lower()] for one in letters if str(one).lower() in answers]
    if chosen or row.get("answer"):
        lines.append("Réponse : " + " ; ".join(map(str, chosen or [row["answer"]])))
    return "\n".join(lines)
