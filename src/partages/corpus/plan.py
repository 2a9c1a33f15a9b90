"""What a build is: its inputs, its options, how the work is cut, all decided before it starts and written down.

The cut depends on the inputs alone, never on the number of processes, so that the result does not either.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from partages.corpus.sources import PER_DOCUMENT, Input, Source, source_from, sources_in

Edition = Literal["commercial", "research"]
OnDamage = Literal["stop", "skip", "retry"]
TASK = 2_000_000
"""Bytes of text read by one task, about; more where there would be more than ``MOST_TASKS``."""
MOST_TASKS = 20_000
COMPRESSION = 4
"""Bytes of text a byte of gzip, about."""
REMOTE = 50_000_000
"""Bytes taken for a source that is read from its home."""


@dataclass(frozen=True)
class Part:
    """The records of an input that one task reads: those whose number is ``part`` modulo ``of``."""

    source: dict[str, Any]
    paths: tuple[str, ...]
    root: str | None
    part: int
    of: int

    def input(self) -> Input:
        """As the readers take it."""
        return Input(
            source_from(self.source, self.source["name"]),
            tuple(map(Path, self.paths)),
            Path(self.root) if self.root else None,
        )


@dataclass(frozen=True)
class Mix:
    """How much of what.

    Attributes:
        sources, kinds: copies of each document (0 none, 0.5 one in two, 2 twice), by name; 1 elsewhere. They multiply.
        general: names of the sources of general French.
        general_share: share of the words that they make at most, of the whole.
        tokens: budget of the train split; None for all there is.
    """

    sources: dict[str, float] = field(default_factory=dict)
    kinds: dict[str, float] = field(default_factory=dict)
    general: tuple[str, ...] = ()
    general_share: float | None = None
    tokens: int | None = None


@dataclass(frozen=True)
class Plan:
    """One build.

    Attributes:
        edition: ``commercial`` leaves out what research alone may use.
        tasks: what each task reads.
        refused: what was given and cannot enter (place, reason).
        aside: sources given that are for evaluation or instruction (name, use).
        benchmarks: what the corpus is decontaminated against, beyond the index that ships.
        indexes: files of more indexes (``partages corpus benchmarks``).
        keep_benchmarks: benchmarks that stay in the corpus.
        buckets: tasks of the steps that compare documents.
    """

    edition: Edition
    tasks: tuple[tuple[Part, ...], ...]
    refused: tuple[tuple[str, str], ...]
    aside: tuple[tuple[str, str], ...]
    benchmarks: tuple[Part, ...]
    buckets: int
    indexes: tuple[str, ...] = ()
    keep_benchmarks: tuple[str, ...] = ()
    on_damage: OnDamage = "skip"
    keep_near_duplicates: bool = False
    mix: Mix = field(default_factory=Mix)
    name: str = "corpus"
    fingerprint: str = ""

    def sources(self) -> dict[str, Source]:
        """The sources that are read, by name."""
        return {
            part.source["name"]: source_from(part.source, part.source["name"])
            for task in self.tasks
            for part in task
        }


def make(
    locations: Sequence[str],
    edition: Edition,
    *,
    uses: Sequence[str] = ("pre-training",),
    benchmarks: Sequence[str] = (),
    task: int = TASK,
    **options: Any,
) -> Plan:
    """Look at what is given and cut the work.

    Raises:
        UsageError: a location is nothing that can be read.
    """
    inputs: dict[str, list[Input]] = {}
    refused, aside = [], []
    indexes = tuple(str(Path(one).resolve()) for one in benchmarks if one.endswith(".npz"))
    against = [one for place in benchmarks if not place.endswith(".npz") for one in sources_in(place).inputs]
    for location in dict.fromkeys(locations):
        listing = sources_in(location)
        refused += [(one.location, one.reason) for one in listing.refused]
        for one in listing.inputs:
            if one.source.use == "evaluation":
                against.append(one)
            if one.source.use not in uses:
                aside.append((one.source.name, one.source.use))
            elif edition == "commercial" and not one.source.commercial and one.source.licence != PER_DOCUMENT:
                refused.append(
                    (one.source.name, f"« {one.source.name} » : {one.source.licence}, recherche seulement.")
                )
            else:
                inputs.setdefault(one.source.name, []).append(one)
    # Commercial sources first: between two like documents, the earlier one stays.
    ordered = sorted((one for several in inputs.values() for one in several), key=_order)
    sizes = [_size(one) for one in ordered]
    task = max(task, sum(sizes) // MOST_TASKS)
    tasks: list[list[Part]] = []
    room = 0
    commercial = True
    for one, size in zip(ordered, sizes, strict=True):
        pieces = max(1, round(size / task))
        for piece in range(pieces):
            part = _part(one, piece, pieces)
            if pieces == 1 and tasks and size <= room and one.source.commercial == commercial:
                tasks[-1].append(part)
                room -= size
            else:
                tasks.append([part])
                room = task - size if pieces == 1 else 0
        commercial = one.source.commercial
    total = sum(sizes)
    plan = Plan(
        edition=edition,
        tasks=tuple(map(tuple, tasks)),
        refused=tuple(refused),
        aside=tuple(dict.fromkeys(aside)),
        benchmarks=tuple(_part(one, 0, 1) for one in against),
        indexes=indexes,
        buckets=max(2, min(49 * 64, total // 20_000_000)),
        **options,
    )
    return replace(plan, fingerprint=_fingerprint(plan, ordered, indexes))


def _order(one: Input) -> tuple[bool, str, tuple[str, ...]]:
    return not one.source.commercial, one.source.name, tuple(map(str, one.paths))


def _part(one: Input, piece: int, pieces: int) -> Part:
    return Part(
        asdict(one.source), tuple(map(str, one.paths)), str(one.root) if one.root else None, piece, pieces
    )


def _size(one: Input) -> int:
    """Bytes of text, about."""
    if not one.paths:
        return REMOTE
    return sum(
        path.stat().st_size * (COMPRESSION if path.suffix in (".gz", ".parquet") else 1) for path in one.paths
    )


def _fingerprint(plan: Plan, inputs: Sequence[Input], indexes: Sequence[str]) -> str:
    """Of the options and of the names and sizes of files: what must not change between a run and its resumption."""
    sizes = [(str(path), path.stat().st_size) for one in inputs for path in one.paths]
    sizes += [(path, Path(path).stat().st_size) for path in indexes if Path(path).is_file()]
    told = json.dumps([asdict(plan), sizes], sort_keys=True, default=str)
    return hashlib.sha256(told.encode()).hexdigest()
