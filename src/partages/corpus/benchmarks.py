"""What ``partages evaluate model`` asks, as an index to keep it out of what is learnt.

The rows are those that the tasks give to lm-eval, read as they read them: from files at hand (``partages.evaluation.local_rows``),
else from the public home of each data set. Indexed: test and validation; of questions the train split too, since they are the
archives of the same exams (the source of that name keeps its own). A corpus that is at hand without its splits (QUAERO, PxCorpus,
Mantra GSC, FRASIMED) is evaluated whole, and indexed whole.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from partages.corpus.decontaminate import TRAIN, Index, build, question_words
from partages.corpus.words import split
from partages.errors import PartagesError
from partages.evaluation.language_models import _quiet, load_task, read_task, task_names
from partages.evaluation.local_rows import splits_for

PARTS = {"test": "test_docs", "validation": "validation_docs", "train": "training_docs"}
"""Splits, and what reads each from a task of lm-eval."""
WHOLE = frozenset({"quaero_perplexity", "pxcorpus_perplexity"})
"""Tasks whose file at hand holds every split of its data set."""
FIELDS = ("text", "one", "other", "source")
"""Of a row, what is known as a text; ``candidates`` are texts too, and ``question`` goes with its ``choices``."""


def benchmark_of(task: str) -> str:
    """The benchmark of a task: the data set, by the name of its repository."""
    path = str(read_task(task)[0]["dataset_path"])
    return path.rpartition("/")[2].lower() if "/" in path else task.partition("_")[0]


def tasks() -> dict[str, list[str]]:
    """Tasks by benchmark; those that ask the same questions in another way left out."""
    found: dict[str, list[str]] = {}
    for task in task_names():
        if not task.endswith("_greedy"):
            found.setdefault(benchmark_of(task), []).append(task)
    return found


def texts_of(row: Mapping[str, Any]) -> Iterator[list[str]]:
    """The sequences of words that a row of a task is known by."""
    if "question" in row:
        yield from question_words(row["question"], row.get("choices", ()))
        return
    for text in [row.get(name) for name in FIELDS] + list(row.get("candidates", ())):
        if text:
            yield split(text)


def index(
    data: Path | None,
    *,
    fetch: bool = False,
    told: Callable[[str], None] = lambda _: None,
    advance: Callable[..., None] = lambda *_: None,
) -> Index:
    """The index of all benchmarks of the project.

    Args:
        data: folder of files at hand, as ``partages evaluate model --data`` takes it.
        fetch: what it lacks is read from its public home.
        told: of what could not be read, a French sentence.
        advance: called after each benchmark.

    Raises:
        MissingPart: lm-eval is not installed.
    """
    known: dict[tuple[str, str], None] = {}
    coverage: dict[str, dict[str, Any]] = {}
    for name, asking in tasks().items():
        parts: dict[str, int] = {}
        missing, asks = False, False
        for task in asking:
            with _quiet():
                loaded = _loaded(task, data, fetch, told)
            missing = missing or not any(one.has_test_docs() for one in loaded)
            for one in loaded:
                for part, reader in PARTS.items():
                    for row in (getattr(one, reader)() if getattr(one, f"has_{reader}")() else None) or ():
                        if "question" in row:
                            asks = True
                        elif part == "train":
                            break
                        named = name + (TRAIN if part == "train" else "")
                        keys = {(named, " ".join(words)): None for words in texts_of(row)}
                        if keys.keys() - known.keys():
                            known.update(keys)
                            parts[part] = parts.get(part, 0) + 1
        if data and any(task in WHOLE and splits_for(task, data) for task in asking):
            missing = False
        coverage[name] = {
            "tasks": asking, "asks": asks, "parts": parts, "missing": ["test"] if missing else [],
        }  # fmt: skip
        advance()
    return build(((name, said.split(" ")) for name, said in known), coverage)


def _loaded(task: str, data: Path | None, fetch: bool, told: Callable[[str], None]) -> list[Any]:
    """The task on the files at hand, and on its public home for what they lack."""
    found = []
    if data and splits_for(task, data):
        found.append(load_task(task, data))
    if fetch and not any(one.has_test_docs() for one in found):
        try:
            found.append(load_task(task, None))
        except PartagesError as error:
            told(str(error))
    return found
