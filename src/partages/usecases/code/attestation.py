"""How surely a passage attests a code: a calibrated model over the code's figures and its place in the ranking.

Trained by ``scripts/train_ranking.py`` on pairs of a passage and a code: right ones for half of the weight, wrong
ones for the other half (codes of other passages; and, as much, siblings of the right code and the wrong codes that
the search puts first, for passages that attest nothing too). So 0.8 means right eight times in ten where one pair in
two is.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from partages.terminologies import ranking
from partages.terminologies.search import Index, Reading

NAMES = (*ranking.NAMES, "total", "behind", "behind_kin", "log_rank", "share")
"""The code's figures; its logit in the ranking; how far the best code, and the best of its category, are ahead of it;
logarithm of its rank; its share of the candidates."""


def measures(searched: Index, reading: Reading, numbers: Sequence[int]) -> NDArray[np.float32]:
    """One row for each code asked, columns as ``NAMES``.

    Args:
        reading: of a passage, with the codes asked among its candidates (``Index.read(text, numbers)``).
    """
    at = np.searchsorted(reading.numbers, numbers)
    total = reading.total
    own = total[at]
    kin = np.array([_best(searched, reading, int(number)) for number in numbers], dtype=np.float32)
    ahead = (total[None, :] > own[:, None]).sum(axis=1)
    added = np.column_stack(
        [
            own,
            total.max() - own,
            kin - own,
            np.log1p(ahead),
            reading.scores[np.asarray(numbers, dtype=np.int64)],
        ]
    )
    return np.hstack([reading.rows[at], added]).astype(np.float32)


def _best(searched: Index, reading: Reading, number: int) -> float:
    first, last = np.searchsorted(reading.numbers, searched.category(number))
    return float(reading.total[first:last].max())


def probability(measured: NDArray[np.float32]) -> NDArray[np.float64]:
    """From 0 to 1, one a row of ``measures``."""
    return np.asarray(1 / (1 + np.exp(-ranking.perceptron(measured, "attested").astype(np.float64))))


def attested(searched: Index, reading: Reading, name: str) -> float:
    """From 0 to 1, for a code that is among the candidates of a reading; 0 for one that the passage says nothing of."""
    number = searched.numbers[name]
    if float(reading.near[number]) <= 0:
        return 0.0
    return round(float(probability(measures(searched, reading, [number]))[0]), 4)
