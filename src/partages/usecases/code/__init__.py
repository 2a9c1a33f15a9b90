"""CU2: from a report to its CIM-10 codes, each with its evidence."""

from typing import Any

from partages.documents import Document
from partages.resources import Resources
from partages.usecases.base import UseCase
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
)
