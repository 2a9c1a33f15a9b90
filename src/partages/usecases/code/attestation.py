"""How surely a passage attests a code: a calibrated logistic model over the ranking of the whole nomenclature.

Trained by ``scripts/train_ranking.py`` on pairs of a passage and a code: right ones for half of the weight, wrong
ones for the other half (codes of other passages; and, as much, siblings of the right code and the wrong codes that
the search puts first, for passages that attest nothing too). So 0.8 means right eight times in ten where one pair in two is.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from partages.terminologies import ranking
from partages.terminologies.search import Index

NAMES = ("own", "behind_best", "behind_category", "log_rank", "whole")
"""Total of the code; how far the best code is ahead of it; how far the best code of its category is; logarithm of
its rank; and its score with the passage as one."""
FLOOR = -12.0
"""Total of a code that no word of the passage touches."""


def measures(searched: Index, rows: ranking.Figures, numbers: Sequence[int]) -> NDArray[np.float64]:
    """One row for each code asked, columns as ``NAMES``."""
    total = np.maximum(ranking.total(rows), FLOOR)
    best = float(total.max())
    ordered = np.sort(total)
    out = []
    for number in numbers:
        own = float(total[number])
        start, stop = searched.category(number)
        category = float(total[start:stop].max())
        ahead = len(ordered) - int(np.searchsorted(ordered, total[number], "right"))
        out.append((own, best - own, category - own, np.log1p(ahead), float(rows[number, 0])))
    return np.array(out, dtype=np.float64).reshape(-1, len(NAMES))


def probability(measured: NDArray[np.float64], weights: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.asarray(1 / (1 + np.exp(-(measured @ weights[:-1] + weights[-1]))))


def attested(searched: Index, rows: ranking.Figures, name: str) -> float:
    """From 0 to 1, from the figures of the whole nomenclature for a passage; 0 for a code it says nothing of."""
    number = searched.numbers[name]
    if float(rows[number, 1]) <= 0:
        return 0.0
    measured = measures(searched, rows, [number])
    return round(float(probability(measured, ranking.weights("attested"))[0]), 4)
