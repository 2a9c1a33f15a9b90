"""CU1: find what identifies people in a report, and replace it."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from partages.documents import Document
from partages.resources import Resources
from partages.usecases.base import Report, UseCase
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


def _facts(document: Document, result: PseudonymiseResult, options: Options) -> dict[str, Any]:
    from partages.usecases.pseudonymise.report import facts

    return facts(document, result, options)


def _report(all_facts: Iterable[dict[str, Any]], paths: Sequence[Path]) -> None:
    from partages.usecases.pseudonymise.report import write

    write(all_facts, paths)


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
    report=Report(
        "Rapport pour le délégué à la protection des données (.html ou .json ; peut être répété) : ce qui a été "
        "trouvé, ce qu'il faut relire d'abord, risque résiduel estimé.",
        (".html", ".json"),
        _facts,
        _report,
    ),
)
