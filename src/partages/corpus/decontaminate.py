"""Benchmark questions out of what is learnt.

A question is known by its 8-word sequences, whatever case, accents and marks (GPT-3 used 13 words, PaLM 8: Brown et al. 2020,
arXiv 2005.14165, appendix C; Chowdhery et al. 2022, arXiv 2204.02311, section 8). A text holds it when half of its sequences are
there. An index keeps their numbers, from which no question can be read; the one that ships is made by
``scripts/index_benchmarks.py`` from FrenchMedMCQA (Apache 2.0), train and dev.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from partages.corpus.words import Hashes, grams, numbers, split

WORDS = 8
"""Words of a sequence."""
ENOUGH = 10
"""Words of a question; a shorter one is known together with its choices, with and without their letters."""
SHARE = 0.5
"""Share of a question's sequences found in a text, from which it holds the question."""
LONG = 25
"""Sequences in common from which a text holds part of a long benchmark document, whatever their share."""


@dataclass(frozen=True)
class Index:
    """Sequences of benchmark questions.

    Attributes:
        sequences: sorted numbers; shape (n,).
        questions: the question of each; shape (n,).
        totals: distinct sequences of each question; shape (questions,).
        names: of the benchmark of each question, by number in ``benchmarks``; shape (questions,).
        benchmarks: their names.
    """

    sequences: Hashes
    questions: NDArray[np.int32]
    totals: NDArray[np.int32]
    names: NDArray[np.int16]
    benchmarks: tuple[str, ...]

    def find(self, words: Hashes) -> list[tuple[int, NDArray[np.int64]]]:
        """The questions that a text holds, each with the places of its words in the text."""
        found = grams(words, WORDS)
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


def build(questions: Iterable[tuple[str, list[str]]]) -> Index:
    """An index of (benchmark, words) pairs; what has fewer than ``WORDS`` words is left out."""
    benchmarks: dict[str, int] = {}
    sequences: list[Hashes] = []
    owners: list[NDArray[np.int32]] = []
    totals: list[int] = []
    names: list[int] = []
    for name, words in questions:
        distinct = np.unique(grams(numbers(words), WORDS))
        if not len(distinct):
            continue
        owners.append(np.full(len(distinct), len(totals), dtype=np.int32))
        totals.append(len(distinct))
        names.append(benchmarks.setdefault(name, len(benchmarks)))
        sequences.append(distinct)
    if not sequences:
        empty = np.zeros(0, dtype=np.int32)
        return Index(np.zeros(0, dtype=np.uint64), empty, empty, empty.astype(np.int16), ())
    flat, owner = np.concatenate(sequences), np.concatenate(owners)
    order = np.lexsort((owner, flat))
    return Index(
        flat[order],
        owner[order],
        np.array(totals, dtype=np.int32),
        np.array(names, dtype=np.int16),
        tuple(benchmarks),
    )


def join(indexes: Iterable[Index]) -> Index:
    """Several indexes as one."""
    kept = [index for index in indexes if len(index.totals)]
    if len(kept) <= 1:
        return kept[0] if kept else build(())
    benchmarks = list(dict.fromkeys(name for index in kept for name in index.benchmarks))
    before = np.cumsum([0, *(len(index.totals) for index in kept)])
    flat = np.concatenate([index.sequences for index in kept])
    owner = np.concatenate(
        [index.questions + start for index, start in zip(kept, before[:-1].tolist(), strict=True)]
    )
    names = np.concatenate(
        [
            np.array([benchmarks.index(index.benchmarks[name]) for name in index.names], dtype=np.int16)
            for index in kept
        ]
    )
    order = np.lexsort((owner, flat))
    return Index(
        flat[order],
        owner[order].astype(np.int32),
        np.concatenate([index.totals for index in kept]),
        names,
        tuple(benchmarks),
    )


def save(index: Index, path: Path) -> None:
    """Write an index."""
    with path.open("wb") as file:
        np.savez_compressed(
            file, sequences=index.sequences, questions=index.questions, totals=index.totals, names=index.names,
            benchmarks=np.array(index.benchmarks),
        )  # fmt: skip


def load(path: Path) -> Index:
    """Read an index."""
    with np.load(path) as arrays:
        return Index(
            arrays["sequences"], arrays["questions"], arrays["totals"], arrays["names"],
            tuple(str(name) for name in arrays["benchmarks"]),
        )  # fmt: skip


@cache
def shipped() -> Index:
    """The index of the benchmarks that the project evaluates on."""
    return load(Path(str(files("partages.corpus") / "data" / "benchmarks.npz")))
