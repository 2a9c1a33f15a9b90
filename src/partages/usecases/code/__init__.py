"""CU2: from a report to its CIM-10 codes, each with its evidence."""

from typing import Any

from partages.documents import Document
from partages.exchange import stays
from partages.resources import Resources
from partages.usecases.base import Format, UseCase
from partages.usecases.code.schema import CodeResult, Options


def _run(document: Document, options: Options, resources: Resources) -> CodeResult:
    from partages.usecases.code.engine import code

    return code(document, options, resources.settings.cache_folder)


def _warm(resources: Resources) -> None:
    from partages.usecases.code.engine import warm

    warm(resources.settings.cache_folder)


def _show(document: Document, result: CodeResult) -> Any:
    from partages.usecases.code.display import show

    return show(document, result)


def _principal(result: CodeResult) -> str:
    return next((proposal.code for proposal in result.codes if proposal.role == "DP"), "")


def _csv(document: Document, result: CodeResult) -> str:
    return stays.row(document.id, result.specialty, document.text, list(result.acts), _principal(result))


def _fhir(document: Document, result: CodeResult) -> str:
    from partages.exchange.fhir import CodedDiagnosis, bundle
    from partages.terminologies.cim10 import dotted

    found = [CodedDiagnosis(dotted(p.code), p.label, p.role or "") for p in result.codes]
    return bundle(document.id, found, result.acts) + "\n"


USECASE = UseCase(
    name="code",
    reference="CU2",
    title="Coder en CIM-10",
    summary="Propose le diagnostic principal et les diagnostics associés, chacun avec ce qui le justifie.",
    options=Options,
    result=CodeResult,
    run=_run,
    show=_show,
    warm=_warm,
    formats={
        "csv": Format(
            "tableau du programme (ID ; Spécialité ; Texte ; Codes CCAM ; CIM-10 DP)",
            render=_csv,
            header=stays.header(),
        ),
        "fhir": Format("un Bundle FHIR R4 par ligne (Encounter, Condition, Procedure)", render=_fhir),
    },
)
