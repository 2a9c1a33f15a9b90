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

from partages.terminologies.search import Index, index

RANKS = (1, 5, 10, 50)


@dataclass(frozen=True, slots=True)
class Case:
    """A passage and the code it attests."""

    split: str
    code: str
    passage: str


@dataclass(frozen=True, slots=True)
class Figures:
    """Shares of passages whose code is among the first n; area under the ROC curve of attestation."""

    count: int
    hits: dict[int, float]
    auc: float


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


def evaluate(searched: Index, cases: Sequence[Case]) -> Figures:
    """Negatives: each passage with the codes of the other passages."""
    from partages.usecases.code.engine import attested

    found = ranks(searched, cases)
    positive, negative = [], []
    others = sorted({case.code for case in cases})
    for case in cases:
        scores = searched.scores(case.passage)
        positive.append(attested(searched, scores, case.code))
        negative += [attested(searched, scores, other) for other in others if other[:3] != case.code[:3]]
    hits = {n: sum(rank <= n for rank in found) / len(found) for n in RANKS}
    return Figures(len(cases), hits, area(positive, negative))


def main(path: str, *show: str) -> None:
    """Print figures by split; with ``show``, the misses of that split too."""
    searched = index()
    cases = read(Path(path))
    for split in sorted({case.split for case in cases}):
        chosen = [case for case in cases if case.split == split]
        figures = evaluate(searched, chosen)
        hits = "  ".join(f"@{n} {value:.3f}" for n, value in figures.hits.items())
        sys.stdout.write(f"{split:8} n={figures.count}  {hits}  AUC {figures.auc:.4f}\n")
        if split in show:
            for case, rank in zip(chosen, ranks(searched, chosen), strict=True):
                if rank > 1:
                    best = searched.search(case.passage, 1)[0].code
                    label = searched.nomenclature[best].label
                    sys.stdout.write(f"  {rank:6} {case.code:7} {case.passage} -> {best} {label}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
