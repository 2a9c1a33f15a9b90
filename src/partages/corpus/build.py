"""From sources to a corpus: stages one after the other, each on as many processes as there are, on any executor.

    clean    read, normalise, language, quality, personal data; signatures
    pair     documents that share a band of their signatures, or all their words
    verify   these pairs, word by word
    choose   which documents stay (one task)
    repeat   sentences whose first copies are elsewhere
    keep     duplicates and repeated passages out, benchmarks out, specialties
    weigh    what there is to mix (one task)
    mix      weights, budget, shards
    finish   counts, card, rejected texts (one task)

A stage reads what the one before wrote under ``OUTPUT/.work``. A task that was done is marked by ``datatrove`` when all it writes
is written, and is not done again; a task that was not starts anew and writes the same bytes. The card comes last: a folder
with a ``README.md`` is a whole corpus.
"""

import errno
import json
import os
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
from datatrove.data import Document
from datatrove.executor.base import PipelineExecutor
from datatrove.pipeline.base import PipelineStep
from loguru import logger

from partages.corpus import decontaminate, mixture, steps, topics
from partages.corpus.ledger import write_json
from partages.corpus.plan import Plan
from partages.corpus.sources import read
from partages.errors import MissingPart, OutputError, PartagesError, UsageError

Executor = Literal["local", "ray", "slurm"]
SPLITS = ("train", "validation", "test")
COLUMNS = tuple(name for name in steps.SCHEMA.names if name != "split")
"""Of the corpus itself."""
WORK = ".work"
DONE = "README.md"


@dataclass(frozen=True)
class Stage:
    """A pipeline and its number of tasks."""

    name: str
    pipeline: list[PipelineStep]
    tasks: int


class Mix(PipelineStep):
    """Writes the shards of the corpus, each document as many times as the mix asks."""

    type = "partages"
    name = "mix"

    def __init__(self, folder: str, output: str, plan: Plan) -> None:
        super().__init__()
        self.folder, self.output, self.plan = folder, output, plan

    def run(
        self, data: Iterator[Document] | None = None, rank: int = 0, world_size: int = 1
    ) -> Iterator[Document]:
        folder, output = Path(self.folder), Path(self.output)
        rates = mixture.rates(self.plan.mix, mixture.totals_in(folder / "totals.json"))
        schema = pa.schema([steps.SCHEMA.field(name) for name in COLUMNS])
        made: dict[str, Any] = {}
        most = 1 + int(max(rates.values(), default=0))
        path = folder / "kept" / f"{rank:05d}.parquet"
        for split in SPLITS:
            target = output / "data" / f"{split}-{rank:05d}.parquet"
            target.unlink(missing_ok=True)
            with steps.Rows(target, schema, empty=False) as rows:
                for copy in range(most):
                    for row in steps.rows_of(path):
                        rate = rates[row["source"], row["kind"], row["split"]]
                        if row.pop("split") != split or copy >= mixture.copies(row["id"], rate):
                            continue
                        if copy:
                            row["id"] = f"{row['id']}~{copy + 1}"
                        rows.write(row)
                        _count(made, split, row, copy)
        write_json(folder / "made" / f"{rank:05d}.json", made)
        yield from ()


def _count(made: dict[str, Any], split: str, row: dict[str, Any], copy: int) -> None:
    groups = [("split", split), ("source", row["source"]), ("licence", row["licence"]), ("kind", row["kind"])]
    groups += [("topic", topic) for topic in row["topics"] or ("none",)]
    groups += [("copies", "first" if not copy else "again"), ("all", "all")]
    for group, value in groups:
        held = made.setdefault(group, {}).setdefault(
            value, {"documents": 0, "words": 0, "tokens": 0, "characters": 0}
        )
        held["documents"] += 1
        held["words"] += row["words"]
        held["tokens"] += row["tokens"]
        held["characters"] += len(row["text"])


class Weigh(PipelineStep):
    """Adds up what there is to mix. One task."""

    type = "partages"
    name = "weigh"

    def __init__(self, folder: str) -> None:
        super().__init__()
        self.folder = folder

    def run(
        self, data: Iterator[Document] | None = None, rank: int = 0, world_size: int = 1
    ) -> Iterator[Document]:
        write_json(Path(self.folder) / "totals.json", mixture.add_up(Path(self.folder) / "totals"))
        yield from ()


class Finish(PipelineStep):
    """Gathers counts and rejected texts, and writes the card."""

    type = "partages"
    name = "finish"

    def __init__(self, folder: str, output: str, plan: Plan) -> None:
        super().__init__()
        self.folder, self.output, self.plan = folder, output, plan

    def run(
        self, data: Iterator[Document] | None = None, rank: int = 0, world_size: int = 1
    ) -> Iterator[Document]:
        from partages.corpus.card import write_card
        from partages.corpus.report import gather

        folder, output = Path(self.folder), Path(self.output)
        _gather_rejected(folder, output)
        facts = gather(folder, output, self.plan)
        write_json(output / "corpus.json", facts)
        write_card(output, facts)
        yield from ()


def _gather_rejected(folder: Path, output: Path) -> None:
    """One file a reason; gzip files end to end are a gzip file."""
    shutil.rmtree(output / "rejected", ignore_errors=True)
    for step in sorted((folder / "rejected").glob("*")):
        for reason in sorted(step.iterdir()):
            target = output / "rejected" / step.name / f"{reason.name}.ndjson.gz"
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as whole:
                for part in sorted(reason.glob("*.ndjson.gz")):
                    with part.open("rb") as file:
                        shutil.copyfileobj(file, whole)


def stages(plan: Plan, output: Path) -> list[Stage]:
    """The stages of a build, in order."""
    work = str(output / WORK)
    reading = len(plan.tasks)
    buckets = plan.buckets
    return [
        Stage(
            "clean",
            [
                steps.Read(work, plan.tasks, plan.edition, plan.on_damage), steps.Normalise(work), steps.Language(work),
                steps.Quality(work), steps.Personal(work), steps.Sign(work, buckets),
            ],
            reading,
        ),
        Stage("pair", [steps.Pair(work, buckets)], buckets),
        Stage("verify", [steps.Verify(work)], reading),
        Stage("choose", [steps.Choose(work, plan.keep_near_duplicates)], 1),
        Stage("repeat", [steps.Repeat(work)], buckets),
        Stage(
            "keep",
            [
                steps.Load(work), steps.Duplicates(work), steps.Passages(work), steps.Decontaminate(work),
                steps.Topics(work), steps.Keep(work),
            ],
            reading,
        ),
        Stage("weigh", [Weigh(work)], 1),
        Stage("mix", [Mix(work, str(output), plan)], reading),
        Stage("finish", [Finish(work, str(output), plan)], 1),
    ]  # fmt: skip


def build(
    plan: Plan,
    output: Path,
    *,
    workers: int = 1,
    executor: Executor = "local",
    resume: bool = False,
    keep_work: bool = False,
    settings: dict[str, Any] | None = None,
    advance: Callable[..., None] = lambda *_: None,
) -> bool:
    """Build a corpus; False if it was already there.

    Args:
        plan: what to build.
        output: folder to write.
        workers: processes at once.
        executor: of ``datatrove``: ``local``, ``ray``, ``slurm``.
        resume: go on with what is there.
        keep_work: leave ``.work``, where each stage can be read.
        settings: of the executor (``docs/corpus.md``).
        advance: told how many tasks are done, and of which stage.

    Raises:
        UsageError: the folder holds something else; nothing can enter; the work there was another's.
        OutputError: the disk is full, or refuses.
        BadDocument: a source is damaged, and ``stop`` was asked.
    """
    logger.disable("datatrove")
    if not plan.tasks:
        reasons = " ".join(reason for _, reason in plan.refused[:3])
        raise UsageError(f"Rien ne peut entrer dans ce corpus. {reasons}".strip())
    output = output.resolve()
    work = output / WORK
    if output.exists() and not output.is_dir():
        raise UsageError(f"« {output} » est un fichier : donnez un dossier vide ou nouveau.")
    try:
        if (output / DONE).exists():  # whole, though a kill may have come while its work was taken away
            if not resume:
                raise UsageError(f"« {output} » contient déjà un corpus : donnez un autre dossier.")
            if work.exists() and not keep_work:
                shutil.rmtree(work)
            return False
        known = [decontaminate.shipped(), *map(decontaminate.load, map(Path, plan.indexes))]
        index = decontaminate.join(known).without(plan.keep_benchmarks)
        _open_work(plan, output, work, resume)
        _read_benchmarks(plan, work, index)
        todo = stages(plan, output)
        launch = {"local": _run_local, "ray": _run_ray, "slurm": _run_slurm}[executor]
        with _told(work, todo, advance):
            launch(todo, work, workers, settings or {})
        if executor != "slurm" and not keep_work:
            shutil.rmtree(work)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        raise OutputError(
            f"« {output} » ne peut pas être écrit ({error.strerror or 'erreur du disque'})"
            + (
                " : libérez de la place, puis relancez avec --resume."
                if full
                else " : relancez avec --resume."
            )
        ) from None
    return True


def _open_work(plan: Plan, output: Path, work: Path, resume: bool) -> None:
    written = work / "plan.json"
    if written.is_file():
        if not resume:
            raise UsageError(
                f"« {output} » contient un travail interrompu : ajoutez --resume pour le finir, ou donnez un autre dossier."
            )
        if json.loads(written.read_text(encoding="utf-8"))["fingerprint"] != plan.fingerprint:
            raise UsageError(
                "Les sources ou les options ne sont plus celles du travail interrompu : remettez-les, ou donnez un autre dossier."
            )
        return
    if output.exists() and any(path.name != WORK for path in output.iterdir()):
        raise UsageError(f"« {output} » n'est pas vide : donnez un dossier vide ou nouveau.")
    shutil.rmtree(work, ignore_errors=True)
    write_json(written, asdict(plan))


def _read_benchmarks(plan: Plan, work: Path, index: decontaminate.Index) -> None:
    """The index that the steps read: the one that ships, and what the user or an evaluation source asks to keep out."""
    path = work / "benchmarks.npz"
    if path.exists():
        return
    inputs = [part.input() for part in plan.benchmarks]
    given = decontaminate.build(
        (one.source.name, words)
        for one in inputs
        for record in read(one.source, one.paths, root=one.root, damaged=lambda _: None)
        for words in _known_by(record.text)
    )
    partial = path.with_name(path.name + ".partial")
    decontaminate.save(decontaminate.join([index, given]) if inputs else index, partial)
    partial.replace(path)


def _known_by(text: str) -> list[list[str]]:
    """A benchmark record by its question, where choices follow it, else by all its words."""
    first, *rest = [line for line in text.split("\n") if line.strip()] or [""]
    choices = [match[1] for line in rest if (match := _CHOICE.match(line))]
    return decontaminate.question_words(first, choices) if choices else decontaminate.question_words(text)


_CHOICE = re.compile(r"[A-J][.)] (.+)")


# --- executors


def _run_local(todo: list[Stage], work: Path, workers: int, settings: dict[str, Any]) -> None:  # noqa: ARG001
    from datatrove.executor import LocalPipelineExecutor

    from partages.usecases.pseudonymise.engine import warm

    # Loaded once, before the workers are forked: they share it.
    warm()
    topics.shipped()
    decontaminate.remembered(work / "benchmarks.npz")
    for stage in todo:
        executor = LocalPipelineExecutor(
            stage.pipeline,
            tasks=stage.tasks,
            workers=min(workers, stage.tasks),
            logging_dir=str(work / "log" / stage.name),
            start_method="fork",
        )
        executor.run()


def _run_ray(todo: list[Stage], work: Path, workers: int, settings: dict[str, Any]) -> None:
    try:
        import ray
        from datatrove.executor.ray import RayPipelineExecutor
    except ImportError:
        raise MissingPart("L'exécuteur Ray demande ray : pip install 'partages[corpus]'.") from None
    settings = dict(settings)
    os.environ.setdefault(
        "RAY_worker_niceness", "0"
    )  # Ray's default leaves its workers behind everything else
    opened = not ray.is_initialized()
    if opened:
        address = settings.pop("address", None)
        ray.init(
            address=address, num_cpus=None if address else workers, include_dashboard=False, log_to_driver=False,
            configure_logging=False,
        )  # fmt: skip
    try:
        for stage in todo:
            executor = RayPipelineExecutor(
                stage.pipeline,
                tasks=stage.tasks,
                workers=min(workers, stage.tasks),
                logging_dir=str(work / "log" / stage.name),
                **settings,
            )
            executor.run()
            _check(executor, stage)
    finally:
        if opened:
            ray.shutdown()


def _run_slurm(todo: list[Stage], work: Path, workers: int, settings: dict[str, Any]) -> None:
    from datatrove.executor import SlurmPipelineExecutor

    before = None
    for stage in todo:
        before = SlurmPipelineExecutor(
            stage.pipeline,
            tasks=stage.tasks,
            workers=min(workers, stage.tasks),
            job_name=f"partages-{stage.name}",
            logging_dir=str(work / "log" / stage.name),
            slurm_logs_folder=str(work / "log" / stage.name / "slurm"),
            depends=before,
            **{"time": "24:00:00", "partition": "cpu", **settings},
        )
    if before is not None:
        before.launch_job()


def _check(executor: PipelineExecutor, stage: Stage) -> None:
    missing = executor.get_incomplete_ranks(range(stage.tasks), skip_completed=True)
    if missing:
        raise PartagesError(
            f"L'étape « {stage.name} » n'est pas finie ({len(missing)} tâches sur {stage.tasks}) : "
            "voyez .work/log, puis relancez avec --resume."
        )


@contextmanager
def _told(work: Path, todo: list[Stage], advance: Callable[..., None]) -> Iterator[None]:
    """Tells how many tasks are done, twice a second, from the marks that the executors leave."""
    over = threading.Event()

    def done(stage: Stage) -> int:
        try:
            return sum(1 for _ in (work / "log" / stage.name / "completions").iterdir())
        except OSError:
            return 0

    def look() -> None:
        while not over.wait(0.5):
            counts = [done(stage) for stage in todo]
            current = next(
                (stage.name for stage, count in zip(todo, counts, strict=True) if count < stage.tasks), ""
            )
            advance(sum(counts), current)

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
