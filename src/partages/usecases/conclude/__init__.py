"""CU3: the conclusion of a report: found, drafted or written, and checked sentence by sentence."""

from collections.abc import Iterator
from typing import Any

from partages.documents import Document
from partages.resources import Resources
from partages.usecases.base import Result, UseCase
from partages.usecases.conclude.schema import ConcludeResult, Options


def _stream(document: Document, options: Options, resources: Resources) -> Iterator[str | Result]:
    from partages.usecases.conclude.engine import conclude

    yield from conclude(document, options, resources)


def _run(document: Document, options: Options, resources: Resources) -> Result:
    result: str | Result = ""
    for result in _stream(document, options, resources):  # noqa: B007
        pass
    assert isinstance(result, Result)
    return result


def _warm(resources: Resources) -> None:  # noqa: ARG001
    from partages.usecases.conclude.engine import warm

    warm()


def _show(document: Document, result: ConcludeResult) -> Any:
    from partages.usecases.conclude.display import show

    return show(document, result)


def _generates(options: Options) -> bool:
    return options.engine == "generated" and options.conclusion is None


USECASE = UseCase(
    name="conclude",
    reference="CU3",
    title="Conclure",
    summary="Trouve la conclusion d'un compte rendu, ou en propose une, et vérifie chaque phrase.",
    options=Options,
    result=ConcludeResult,
    run=_run,
    show=_show,
    warm=_warm,
    stream=_stream,
    generates=_generates,
)
