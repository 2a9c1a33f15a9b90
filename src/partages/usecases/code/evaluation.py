"""How well passages find their code: hits at 1, 5, 10, 50 over the whole nomenclature, and ROC-AUC.

``python -m partages.usecases.code.evaluation PASSAGES.tsv`` prints the figures of
docs/experiments-code.md. The file has three columns: split, code, passage.
"""

import csv
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from partages.terminologies.cim10 import MCO
from partages.terminologies.search import Index, Scores, index
from partages.usecases.code.attestation import measures, probability

RANKS = (1, 5, 10, 50)


@dataclass(frozen=True, slots=True)
class Case:
    """A passage and the code it attests."""

    split: str
    code: str
    passage: str


@dataclass(frozen=True, slots=True)
class Figures:
    """Shares of passages whose code is among the first n; areas under the ROC curve of attestation.

    Attributes:
        easy: against the codes of the other passages, other categories only.
        hard: against the other codes of the category and the wrong codes that the search puts first.
        pairs: each pair's probability and whether it is right, all kinds.
    """

    count: int
    hits: dict[int, float]
    easy: float
    hard: float
    pairs: tuple[tuple[float, bool], ...]


SIBLINGS = 5
"""Codes of the same category, and as many of the nearest wrong ones, that make hard pairs."""


def read(path: Path) -> list[Case]:
    with path.open(encoding="utf-8", newline="") as stream:
        return [Case(**row) for row in csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE)]


def ranks(searched: Index, cases: Sequence[Case]) -> list[int]:
    """Rank of the right code, from 1; ties count against it."""
    out = []
    for case in cases:
        scores = searched.scores(case.passage)
        out.append(int((scores >= scores[searched.numbers[case.code]]).sum()))
    return out


def area(positive: Sequence[float], negative: Sequence[float]) -> float:
    """Area under the ROC curve: the chance that a positive scores above a negative, ties counted half."""
    below = np.searchsorted(np.sort(negative), positive, "left")
    upto = np.searchsorted(np.sort(negative), positive, "right")
    return float((below + upto).sum() / 2 / len(positive) / len(negative))


def siblings(searched: Index, name: str) -> list[str]:
    """Other codes of the category that MCO allows, the nearest in the table first."""
    number = searched.numbers[name]
    start, stop = searched.category(number)
    near = sorted(range(start, stop), key=lambda other: abs(other - number))
    return [
        searched.names[i]
        for i in near
        if i != number and searched.nomenclature[searched.names[i]].type is not MCO.FORBIDDEN
    ][:SIBLINGS]


def hard(searched: Index, scores: Scores, name: str) -> list[str]:
    """Wrong codes that are hard to tell from the right one, for a passage whose scores are given."""
    above = {name, *searched.nomenclature[name].parents}
    first = [hit.code for hit in searched.rank(scores, 2 * SIBLINGS)]
    return list(
        dict.fromkeys(
            [*siblings(searched, name), *(code for code in first if code not in above)][: 2 * SIBLINGS]
        )
    )


def evaluate(searched: Index, cases: Sequence[Case]) -> Figures:
    """Ranks, and attestation of the right code, of the other passages' codes, and of codes hard to tell apart."""
    others = sorted({case.code for case in cases})
    found: list[int] = []
    sides: dict[str, list[float]] = {"right": [], "easy": [], "hard": []}
    for case in cases:
        scores = searched.scores(case.passage)
        found.append(int((scores >= scores[searched.numbers[case.code]]).sum()))
        for side, names in (
            ("right", [case.code]),
            ("easy", [other for other in others if other[:3] != case.code[:3]]),
            ("hard", hard(searched, scores, case.code)),
        ):
            numbers = [searched.numbers[name] for name in names]
            reading = searched.read(case.passage, numbers)
            sides[side] += probability(measures(searched, reading, numbers)).tolist()
    hits = {n: sum(rank <= n for rank in found) / len(found) for n in RANKS}
    pairs = [(value, side == "right") for side, values in sides.items() for value in values]
    return Figures(
        len(cases),
        hits,
        area(sides["right"], sides["easy"]),
        area(sides["right"], sides["hard"]),
        tuple(pairs),
    )


def reliability(pairs: Sequence[tuple[float, bool]], steps: int = 5) -> list[tuple[float, float, int]]:
    """By slice of probability: mean probability, share that is right, pairs.

    Right and wrong pairs weigh the same in all, as in training: the share is that of a half-and-half mix.
    """
    values, right = np.array([p for p, _ in pairs]), np.array([r for _, r in pairs])
    weight = np.where(right, 0.5 / right.sum(), 0.5 / (~right).sum())
    out = []
    for step in range(steps):
        inside = (values >= step / steps) & ((values < (step + 1) / steps) | (step == steps - 1))
        if inside.any():
            mass = weight[inside]
            mean = float((values[inside] * mass).sum() / mass.sum())
            out.append((mean, float(mass[right[inside]].sum() / mass.sum()), int(inside.sum())))
    return out


def main(path: str, *show: str) -> None:
    """Print figures by split; with ``show``, the misses of that split too."""
    searched = index()
    cases = read(Path(path))
    for split in sorted({case.split for case in cases}):
        chosen = [case for case in cases if case.split == split]
        figures = evaluate(searched, chosen)
        hits = "  ".join(f"@{n} {value:.3f}" for n, value in figures.hits.items())
        sys.stdout.write(
            f"{split:8} n={figures.count}  {hits}  AUC easy {figures.easy:.4f} hard {figures.hard:.4f}\n"
        )
        for mean, share, count in reliability(figures.pairs):
            sys.stdout.write(f"    said {mean:.2f}, right {share:.2f} ({count} pairs)\n")
        if split in show:
            for case, rank in zip(chosen, ranks(searched, chosen), strict=True):
                if rank > 1:
                    best = searched.search(case.passage, 1)[0].code
                    label = searched.nomenclature[best].label
                    sys.stdout.write(f"  {rank:6} {case.code:7} {case.passage} -> {best} {label}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
