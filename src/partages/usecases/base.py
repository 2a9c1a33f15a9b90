"""What a use case is: a document in, a result out, and what is needed to offer it to people."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from partages.documents import Document
from partages.resources import Resources

LONGEST_NAME = 200
"""Bytes of one part of a path; file systems stop at 255, and a suffix is to come."""


class Options(BaseModel):
    """What a user may ask of a use case; every field has a default and a French description.

    A field becomes an option of the command line (``per_text`` -> ``--per-text``) and a key of
    the API's request. In a JSON line, a key named like a field sets it for that document
    alone. A field marked ``json_schema_extra={"cli": False}`` is left out of the command line.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)


class SpanResult(BaseModel):
    """A ``Span`` on the wire; offsets in code points of the text received, end excluded."""

    model_config = ConfigDict(frozen=True)

    start: int = Field(ge=0)
    end: int = Field(gt=0)
    label: str
    attributes: dict[str, str] = {}
    score: float | None = None


class Evidence(BaseModel):
    """A stretch of the text received that supports a proposal."""

    model_config = ConfigDict(frozen=True)

    start: int = Field(ge=0)
    end: int = Field(gt=0)


class Result(BaseModel):
    """What a use case returns for one document: the wire format, key for key."""

    model_config = ConfigDict(frozen=True)

    id: str


Run = Callable[[Document, Any, Resources], Result]
Stream = Callable[[Document, Any, Resources], Iterator[str | Result]]


@dataclass(frozen=True)
class Format:
    """A way to write results beside ``text`` and ``jsonl``; one of ``render`` and ``files`` is given.

    A document that fails is absent from the output: its error goes to standard error, and the
    exit status is 1.

    Attributes:
        description: French, half a sentence, for the help page (``brat : deux fichiers par document``).
        render: the record of one document, whole lines (each ended), for one file or standard output.
        header: written once before the first record (column names); whole lines.
        files: texts of one document by name, for the folder named with ``--output``. A name is
            relative, may hold folders, and comes from ``file_name``.
        shared: files of the folder that belong to no document (a configuration), by name.
    """

    description: str
    render: Callable[[Document, Any], str] | None = None
    header: str = ""
    files: Callable[[Document, Any], Mapping[str, str]] | None = None
    shared: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if (self.render is None) == (self.files is None):
            raise ValueError("a format has either render or files")


@dataclass(frozen=True)
class Report:
    """A report over all documents of a run (``--report FILE``), for somebody who decides.

    Attributes:
        description: French, for the help page.
        suffixes: of the files it can be written as.
        facts: what the report needs of one document, from its result and the options that were
            used; JSON values, no text of the document.
        write: the report from all facts, in order, at these paths; facts of a document that failed are
            ``{"id", "error"}``.
    """

    description: str
    suffixes: tuple[str, ...]
    facts: Callable[[Document, Any, Any], dict[str, Any]]
    write: Callable[[Iterable[dict[str, Any]], Sequence[Path]], None]


def file_name(identifier: str, suffix: str) -> str:
    """A relative path for a document's file, from its id: ``service/lettre 3`` -> ``service/lettre 3.ann``.

    Injective, and safe whatever the id: what is not a letter, a digit, a space or one of ``-_.,+()`` is
    percent-encoded, as is a leading dot; a part too long for a file system ends with a digest.
    """
    parts = []
    for part in identifier.split("/"):
        kept = "".join(
            c
            if (c.isalnum() or c in " -_.,+()") and not (c in ". " and at in (0, len(part) - 1))
            else "".join(f"%{byte:02X}" for byte in c.encode())
            for at, c in enumerate(part)
        )
        if len(kept.encode()) > LONGEST_NAME:
            digest = hashlib.sha256(part.encode()).hexdigest()[:16]
            kept = kept.encode()[: LONGEST_NAME - 20].decode(errors="ignore") + "%" + digest
        parts.append(kept or "%")
    return "/".join(parts) + suffix


@dataclass(frozen=True)
class UseCase:
    """One use case, complete.

    Attributes:
        name: subcommand and API path (``code``).
        reference: its name in the national programme (``CU2``), or empty.
        title, summary: French, for help pages and the web page.
        options, result: pydantic models, the wire format.
        run: the work. Pure: same document, options and resources, same result. Raises
            ``BadDocument`` or another ``PartagesError``.
        show: a rich renderable for a terminal, from the document and its result.
        warm: loads what is heavy (tables, pipelines), so that the first document is not slow.
        stream: where part of the result is generated text, the same work as an iterator:
            pieces of text while they are written, then the ``Result``, last. ``run`` gives
            that same result.
        generates: whether these options make it call the generator.
        formats: further values of ``--format`` by name.
        report: the report that ``--report`` writes.
        seal: what ``--vault`` keeps of one document, encrypted, to give it back.
        restore: from a text and what was sealed for it (JSON), the text given back, and whether it is
            the original to the letter.
    """

    name: str
    reference: str
    title: str
    summary: str
    options: type[Options]
    result: type[Result]
    run: Run
    show: Callable[[Document, Any], Any]
    warm: Callable[[Resources], None]
    stream: Stream | None = None
    generates: Callable[[Any], bool] = lambda _: False
    formats: Mapping[str, Format] = field(default_factory=dict)
    report: Report | None = None
    seal: Callable[[Document, Any], dict[str, Any]] | None = None
    restore: Callable[[str, str], tuple[str, bool]] | None = None
