"""CU1: find what identifies people in a report, and replace it."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from partages.documents import Document
from partages.errors import UsageError
from partages.resources import Resources
from partages.settings import Settings
from partages.usecases.base import Report, UseCase
from partages.usecases.pseudonymise.formats import FORMATS
from partages.usecases.pseudonymise.schema import Options, PseudonymiseResult


def _run(document: Document, options: Options, resources: Resources) -> PseudonymiseResult:
    from partages.usecases.pseudonymise.engine import pseudonymise

    return pseudonymise(document, _keyed(options, resources.settings), lambda: resources.generator)


def _keyed(options: Options, settings: Settings) -> Options:
    """With the hospital's key from the file that the settings name, where none was given.

    Raises:
        UsageError: the file cannot be read, or is empty.
    """
    path = settings.pseudonym_key_file
    if path is None or options.key.get_secret_value():
        return options
    try:
        key = path.read_text().strip()
    except (OSError, UnicodeDecodeError):
        key = ""
    if not key:
        raise UsageError(f"Le secret des substituts « {path} » ne peut pas être lu, ou est vide.")
    return options.model_copy(update={"key": SecretStr(key)})


def _warm(resources: Resources) -> None:  # noqa: ARG001
    from partages.usecases.pseudonymise.engine import warm

    warm()


def _show(document: Document, result: PseudonymiseResult) -> Any:
    from partages.usecases.pseudonymise.display import show

    return show(document, result)


def _facts(document: Document, result: PseudonymiseResult, options: Options) -> dict[str, Any]:
    from partages.usecases.pseudonymise.report import facts

    return facts(document, result, _keyed(options, Settings()))


def _report(all_facts: Iterable[dict[str, Any]], paths: Sequence[Path]) -> None:
    from partages.usecases.pseudonymise.report import write

    write(all_facts, paths)


def _seal(document: Document, result: PseudonymiseResult) -> dict[str, Any]:
    from partages.usecases.pseudonymise.reversal import seal

    return seal(document, result)


def _restore(text: str, sealed: str) -> tuple[str, bool]:
    from partages.usecases.pseudonymise.reversal import restore

    return restore(text, sealed)


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
    seal=_seal,
    restore=_restore,
    report=Report(
        "Rapport pour le délégué à la protection des données (.html ou .json ; peut être répété) : ce qui a été "
        "trouvé, ce qu'il faut relire d'abord, risque résiduel estimé.",
        (".html", ".json"),
        _facts,
        _report,
    ),
)
