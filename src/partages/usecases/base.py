"""What a use case is: a document in, a result out, and what is needed to offer it to people."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from partages.documents import Document
from partages.resources import Resources


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
