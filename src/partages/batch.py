"""One use case over many documents: in order, on one or several processes, resumable.

Each document gives one JSON line, whether it succeeds or fails; the failure of one never
stops the others. Memory holds a few documents at a time, whatever their number.
"""

import json
import multiprocessing
import signal
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from partages.documents import Document
from partages.errors import BadDocument, PartagesError
from partages.inputs import Record
from partages.resources import Resources
from partages.settings import Settings
from partages.usecases import all_usecases
from partages.usecases.base import Format, Options, Result, UseCase

WAITING_PER_JOB = 4
"""Documents read ahead for each process: enough to keep it busy, few enough to stay small."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one document.

    Attributes:
        id: its identifier, None when the input gave none.
        text: what was read, kept only when asked for (a terminal shows it).
        line: the JSON line, without its line end: the result, or ``{"id", "error"}``.
        failed: whether it is an error.
        notices: French remarks on how the document was read.
        record: what the format asked for writes: the record's lines, or texts by file name.
        facts: what the report needs, as a JSON line; no text of the document.
        reversal: what would give the document back, for the vault; never written in clear.
    """

    id: str | None
    line: str
    failed: bool
    text: str | None = None
    notices: tuple[str, ...] = ()
    record: str | Mapping[str, str] | None = None
    facts: str | None = None
    reversal: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is made of each result beside its JSON line."""

    format: str | None = None
    report: bool = False
    vault: bool = False


def options_for(usecase: UseCase, options: Options, fields: Mapping[str, Any]) -> Options:
    """The options, overridden by the fields of a JSON line that carry the name of one.

    Raises:
        BadDocument: a field has a value that the option does not accept.
    """
    given = {name: value for name, value in fields.items() if name in usecase.options.model_fields}
    if not given:
        return options
    try:
        return usecase.options.model_validate({**dict(options), **given})
    except ValidationError as error:
        raise BadDocument(describe_invalid(error)) from None


def describe_invalid(error: ValidationError) -> str:
    """One French sentence that names the fields refused; no value, nor any name that came with the input."""
    refused = error.errors(include_input=False)
    if any(item["type"] == "extra_forbidden" for item in refused):
        return "La demande contient un champ inconnu : gardez les champs documentés (/api, ou --help)."
    names = sorted({str(item["loc"][0]) if item["loc"] else "objet" for item in refused})
    first = refused[0]
    reason = "champ manquant" if first["type"] == "missing" else ""
    if first["type"] == "literal_error":
        reason = "valeurs possibles : " + str(first["ctx"]["expected"]).replace(" or ", " ou ")
    elif first["type"] == "value_error":
        reason = str(first["ctx"]["error"])
    detail = f" ({reason})" if reason else ""
    return f"Valeur refusée pour {', '.join(f'« {name} »' for name in names)}{detail} : corrigez la demande."


def process(
    usecase: UseCase, record: Record, options: Options, resources: Resources, wanted: Wanted = Wanted()
) -> Outcome:
    """Run one use case on one record. Never raises for a document's fault, nor shows its text."""
    try:
        text, notices = record.load()
        document = Document(record.id or "", text)
        document.require_text()
        chosen = options_for(usecase, options, record.fields)
        result: Result = usecase.run(document, chosen, resources)
        written = _record(usecase.formats[wanted.format], document, result) if wanted.format else None
        sealed = usecase.seal(document, result) if usecase.seal and wanted.vault else None
        facts = usecase.report.facts(document, result, chosen) if usecase.report and wanted.report else None
    except PartagesError as error:
        return failure(record.id, str(error))
    except MemoryError:
        return failure(record.id, "Mémoire insuffisante pour ce document : réduisez --jobs ou découpez-le.")
    except Exception as error:  # a defect of ours must not stop ten thousand documents, nor show the text
        return failure(record.id, f"Défaut interne ({type(error).__name__}) : signalez-le aux mainteneurs.")
    line = result.model_dump_json(exclude_none=False)
    noted = json.dumps(facts, ensure_ascii=False) if facts is not None else None
    reversal = json.dumps(sealed, ensure_ascii=False) if sealed is not None else None
    return Outcome(record.id, line, False, text, tuple(notices), written, noted, reversal)


def _record(form: Format, document: Document, result: Result) -> str | Mapping[str, str]:
    if form.files:
        return form.files(document, result)
    assert form.render
    return form.render(document, result)


def failure(identifier: str | None, message: str) -> Outcome:
    """The outcome of a document that could not be processed."""
    return Outcome(identifier, json.dumps({"id": identifier, "error": message}, ensure_ascii=False), True)


def run(
    usecase: UseCase,
    records: Iterable[Record],
    options: Options,
    resources: Resources,
    *,
    jobs: int = 1,
    wanted: Wanted = Wanted(),
) -> Iterator[Outcome]:
    """Yield one outcome a record, in order.

    Args:
        jobs: processes that work at the same time; with 1, all happens in this one.
        wanted: what is made of each result beside its JSON line.

    Raises:
        PartagesError: a worker died (out of memory, killed): what was yielded stands.
    """
    if jobs == 1:
        for record in records:
            yield process(usecase, record, options, resources, wanted)
        return
    settings = resources.settings_for_workers(usecase.generates(options))
    context = multiprocessing.get_context("spawn")  # llama.cpp and PDFium threads do not survive a fork
    with ProcessPoolExecutor(jobs, context, _start_worker, (usecase.name, options, settings, wanted)) as pool:
        waiting: deque[Future[Outcome]] = deque()
        try:
            for record in records:
                waiting.append(_submit(pool, record))
                if len(waiting) >= jobs * WAITING_PER_JOB:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool:
            raise PartagesError(
                "Un processus de travail s'est arrêté (mémoire insuffisante ?) : relancez avec --resume "
                "et un --jobs plus petit."
            ) from None
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _submit(pool: ProcessPoolExecutor, record: Record) -> Future[Outcome]:
    """Read here, in order (standard input has one reader), work there."""
    try:
        text, notices = record.load()
    except PartagesError as error:
        done: Future[Outcome] = Future()
        done.set_result(failure(record.id, str(error)))
        return done
    return pool.submit(_work, record.id, text, notices, record.fields)


_worker: tuple[UseCase, Options, Resources, Wanted]


def _start_worker(name: str, options: Options, settings: Settings, wanted: Wanted) -> None:
    global _worker  # one per process, set once
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    usecase = all_usecases()[name]
    resources = Resources(settings)
    usecase.warm(resources)
    _worker = usecase, options, resources, wanted


def _work(identifier: str | None, text: str, notices: list[str], fields: dict[str, Any]) -> Outcome:
    usecase, options, resources, wanted = _worker
    return process(usecase, Record(identifier, lambda: (text, notices), fields), options, resources, wanted)
