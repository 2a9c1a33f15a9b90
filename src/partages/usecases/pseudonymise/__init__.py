"""CU1: find what identifies people in a report, and replace it."""

from typing import Any

from partages.documents import Document
from partages.resources import Resources
from partages.usecases.base import UseCase
from partages.usecases.pseudonymise.formats import FORMATS
from partages.usecases.pseudonymise.schema import Options, PseudonymiseResult


def _run(document: Document, options: Options, resources: Resources) -> PseudonymiseResult:  # noqa: ARG001
    from partages.usecases.pseudonymise.engine import pseudonymise

    return pseudonymise(document, options)


def _warm(resources: Resources) -> None:  # noqa: ARG001
    from partages.usecases.pseudonymise.engine import warm

    warm()


def _show(document: Document, result: PseudonymiseResult) -> Any:
    from partages.usecases.pseudonymise.display import show

    return show(document, result)


USECASE = UseCase(
    name="pseudonymise",
    reference="CU1",
    title="Pseudonymiser",
    summary="Repère ce qui identifie une personne et le remplace par des substituts cohérents.",
    options=Options,
    result=PseudonymiseResult,
    run=_run,
    show=_show,
    warm=_warm,
    formats=FORMATS,
)
