"""Benchmark questions out of what is learnt.

A question is known by its 8-word sequences, whatever case, accents and marks (GPT-3 used 13 words, PaLM 8: Brown et al. 2020,
arXiv 2005.14165, appendix C; Chowdhery et al. 2022, arXiv 2204.02311, section 8). A text holds it when half of its sequences are
there. A text too short to have a sequence is known when a document is that text and nothing else. An index keeps numbers, from which
no question can be read; the one that ships is made by ``scripts/index_benchmarks.py`` from what ``partages evaluate model`` asks.
"""

import json
import zipfile
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from partages.corpus.words import Hashes, digest, grams, numbers, split
from partages.errors import UsageError

WORDS = 8
"""Words of a sequence."""
ENOUGH = 10
"""Words of a question; a shorter one is known together with its choices, with and without their letters."""
SHARE = 0.5
"""Share of a question's sequences found in a text, from which it holds the question."""
LONG = 25
"""Sequences in common from which a text holds part of a long benchmark document, whatever their share."""
SHORTEST = 3
"""Words of a text shorter than ``WORDS`` from which it is known, as a document of its own."""
BYTES = 5
"""Of a number as it is kept: 40 bits are enough (a chance of one in a million a sequence, for an index of a million)."""
KEPT = np.uint64((1 << 8 * BYTES) - 1)
TRAIN = " (train)"
"""After the name of a benchmark: its questions that one may learn from, in the source of that name only."""


@dataclass(frozen=True)
class Index:
    """Sequences of benchmark texts.

    Attributes:
        sequences: sorted numbers, of 40 bits; shape (n,).
        questions: the text of each; shape (n,).
        totals: distinct sequences of each text; shape (questions,).
        names: of the benchmark of each text, by number in ``benchmarks``; shape (questions,).
        benchmarks: their names.
        whole: sorted digests of texts too short to have a sequence, of 40 bits; shape (short,).
        whole_names: the benchmark of each of these; shape (short,).
        coverage: what the index knows of each benchmark of the project, by name: ``tasks``, ``asks`` (questions, with answers
            beside them), ``parts`` (texts by split), ``missing`` (splits that are asked and not here).
    """

    sequences: Hashes
    questions: NDArray[np.int32]
    totals: NDArray[np.int32]
    names: NDArray[np.int16]
    benchmarks: tuple[str, ...]
    whole: Hashes
    whole_names: NDArray[np.int16]
    coverage: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def find(self, words: Hashes) -> list[tuple[int, NDArray[np.int64]]]:
        """The questions that a text holds, each with the places of its words in the text."""
        found = grams(words, WORDS) & KEPT
        if not len(found) or not len(self.sequences):
            return []
        left = np.searchsorted(self.sequences, found, side="left")
        hit = np.flatnonzero(self.sequences[np.minimum(left, len(self.sequences) - 1)] == found)
        if not len(hit):
            return []
        places: dict[int, list[int]] = {}
        for at in hit.tolist():
            index = int(left[at])
            while index < len(self.sequences) and self.sequences[index] == found[at]:
                places.setdefault(int(self.questions[index]), []).append(at)
                index += 1
        held = []
        for question, starts in places.items():
            distinct = len(set(found[starts].tolist()))
            if distinct >= max(1, SHARE * self.totals[question]) or distinct >= LONG:
                spread = np.unique(np.add.outer(np.array(starts, dtype=np.int64), np.arange(WORDS)))
                held.append((question, spread))
        return held

    def benchmark(self, question: int) -> str:
        """Name of the benchmark a question is of."""
        return self.benchmarks[self.names[question]]

    def is_text(self, words: Hashes) -> str | None:
        """The benchmark of which a short document is a text, whole."""
        if not SHORTEST <= len(words) < WORDS or not len(self.whole):
            return None
        key = np.uint64(digest(words)) & KEPT
        at = int(np.searchsorted(self.whole, key))
        return (
            self.benchmarks[self.whole_names[at]] if at < len(self.whole) and self.whole[at] == key else None
        )

    def asks(self, benchmark: str) -> bool:
        """Whether a benchmark is of questions: their answers stand beside them."""
        return bool(self.coverage.get(benchmark.removesuffix(TRAIN), {}).get("asks", True))

    def without(self, benchmarks: Collection[str]) -> "Index":
        """The index without some benchmarks.

        Raises:
            UsageError: the index has no benchmark of this name.
        """
        if not benchmarks:
            return self
        if unknown := sorted(set(benchmarks) - {name.removesuffix(TRAIN) for name in self.benchmarks}):
            known = ", ".join(sorted(name for name in self.benchmarks if not name.endswith(TRAIN)))
            raise UsageError(f"« {unknown[0]} » n'est pas un banc d'essai de l'index ; ce sont : {known}.")
        left = np.array([name.removesuffix(TRAIN) not in benchmarks for name in self.benchmarks])
        texts = left[self.names]
        mine, short = texts[self.questions], left[self.whole_names]
        renumbered = np.cumsum(texts) - 1
        return replace(
            self,
            sequences=self.sequences[mine],
            questions=renumbered[self.questions[mine]].astype(np.int32),
            totals=self.totals[texts],
            names=self.names[texts],
            whole=self.whole[short],
            whole_names=self.whole_names[short],
            coverage={name: one for name, one in self.coverage.items() if name not in benchmarks},
        )


def question_words(question: str, choices: Iterable[str] = ()) -> list[list[str]]:
    """The sequences of words that a question is known by, each of which is enough."""
    words = split(question)
    listed = list(choices)
    if len(words) >= ENOUGH or not listed:
        return [words]
    plain = [word for choice in listed for word in split(choice)]
    lettered = [
        word
        for letter, choice in zip("abcdefghij", listed, strict=False)
        for word in (letter, *split(choice))
    ]
    return [words + plain, words + lettered]


def build(
    texts: Iterable[tuple[str, list[str]]], coverage: Mapping[str, Mapping[str, Any]] | None = None
) -> Index:
    """An index of (benchmark, words) pairs; what has fewer than ``SHORTEST`` words is left out."""
    benchmarks: dict[str, int] = {}
    sequences: list[Hashes] = []
    names: list[int] = []
    short: dict[int, int] = {}
    for name, words in texts:
        known = numbers(words)
        distinct = np.unique(grams(known, WORDS) & KEPT)
        if len(distinct):
            sequences.append(distinct)
            names.append(benchmarks.setdefault(name, len(benchmarks)))
        elif len(known) >= SHORTEST:
            short.setdefault(digest(known) & int(KEPT), benchmarks.setdefault(name, len(benchmarks)))
    return _index(sequences, names, short, tuple(benchmarks), coverage or {})


def _index(
    sequences: list[Hashes], names: list[int], short: Mapping[int, int], benchmarks: tuple[str, ...],
    coverage: Mapping[str, Mapping[str, Any]],
) -> Index:  # fmt: skip
    totals = np.array([len(one) for one in sequences], dtype=np.int32)
    flat = np.concatenate([np.zeros(0, dtype=np.uint64), *sequences])
    owner = np.repeat(np.arange(len(totals), dtype=np.int32), totals)
    order = np.lexsort((owner, flat))
    whole = np.array(sorted(short), dtype=np.uint64)
    return Index(
        flat[order], owner[order], totals, np.array(names, dtype=np.int16), benchmarks,
        whole, np.array([short[int(key)] for key in whole], dtype=np.int16), coverage,
    )  # fmt: skip


def _texts(index: Index) -> list[Hashes]:
    """The sequences of each text."""
    order = np.argsort(index.questions, kind="stable")
    return np.split(index.sequences[order], np.cumsum(index.totals)[:-1]) if len(index.totals) else []


def join(indexes: Iterable[Index]) -> Index:
    """Several indexes as one; what the later ones cover goes before what the earlier ones lack."""
    kept = list(indexes)
    if len(kept) == 1:
        return kept[0]
    benchmarks = list(dict.fromkeys(name for index in kept for name in index.benchmarks))
    place = {name: at for at, name in enumerate(benchmarks)}
    sequences: list[Hashes] = []
    names: list[int] = []
    short: dict[int, int] = {}
    coverage: dict[str, Mapping[str, Any]] = {}
    seen: set[tuple[str, bytes]] = set()
    for index in kept:
        for text, name in zip(_texts(index), index.names.tolist(), strict=True):
            key = index.benchmarks[name], text.tobytes()
            if key not in seen:
                seen.add(key)
                sequences.append(text)
                names.append(place[key[0]])
        for number, name in zip(index.whole.tolist(), index.whole_names.tolist(), strict=True):
            short.setdefault(number, place[index.benchmarks[name]])
        for name, one in index.coverage.items():
            before = coverage.get(name)
            parts = {**(before or one)["parts"], **one["parts"]}
            missing = [part for part in one["missing"] if not before or part in before["missing"]]
            coverage[name] = {**one, "parts": parts, "missing": missing}
    return _index(sequences, names, short, tuple(benchmarks), coverage)


def _packed(values: Hashes) -> NDArray[np.uint8]:
    return values.astype("<u8").view(np.uint8).reshape(-1, 8)[:, :BYTES].copy()


def _unpacked(values: NDArray[np.uint8]) -> Hashes:
    wide = np.zeros((len(values), 8), dtype=np.uint8)
    wide[:, :BYTES] = values
    return wide.view("<u8").reshape(-1).astype(np.uint64)


def save(index: Index, path: Path) -> None:
    """Write an index: its sequences text by text, so that the text of each need not be written."""
    told = {"benchmarks": index.benchmarks, "coverage": index.coverage}
    with path.open("wb") as file:
        np.savez_compressed(
            file, sequences=_packed(np.concatenate([np.zeros(0, dtype=np.uint64), *_texts(index)])), totals=index.totals,
            names=index.names, whole=_packed(index.whole), whole_names=index.whole_names,
            about=np.array(json.dumps(told, ensure_ascii=False, sort_keys=True)),
        )  # fmt: skip


def load(path: Path) -> Index:
    """Read an index.

    Raises:
        UsageError: the file is not one.
    """
    try:
        with path.open("rb") as file, np.load(file) as arrays:
            told = json.loads(str(arrays["about"]))
            totals = arrays["totals"]
            sequences = (
                np.split(_unpacked(arrays["sequences"]), np.cumsum(totals)[:-1]) if len(totals) else []
            )
            short = dict(
                zip(_unpacked(arrays["whole"]).tolist(), arrays["whole_names"].tolist(), strict=True)
            )
            return _index(
                sequences, arrays["names"].tolist(), short, tuple(told["benchmarks"]), told["coverage"]
            )
    except OSError as error:
        raise UsageError(f"« {path} » ne peut pas être lu ({error.strerror or 'fichier abîmé'}).") from None
    except (ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile):
        raise UsageError(
            f"« {path} » n'est pas un index de bancs d'essai : faites-le par « partages corpus benchmarks »."
        ) from None


@cache
def remembered(path: Path) -> Index:
    """An index that is read once a process: that of a build, which does not change."""
    return load(path)


@cache
def shipped() -> Index:
    """The index of the benchmarks that the project evaluates on."""
    return load(Path(str(files("partages.corpus") / "data" / "benchmarks.npz")))
