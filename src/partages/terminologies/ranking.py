"""Learned weights: which of the codes that a passage resembles it means, and how surely it attests one.

Both are linear models over a few figures a code (``NAMES``), trained by ``scripts/train_ranking.py`` on the
tuning halves of the project's own passages and kept in ``data/ranking.json``. The figures of the whole
nomenclature are computed at once: 42,886 rows of float32.
"""

import json
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from partages.terminologies.cim10 import MCO, Nomenclature

Figures = NDArray[np.float32]

NAMES = (
    "whole",
    "best_part",
    "first_part",
    "early_part",
    "shared_parts",
    "care",
    "state",
    "other_z",
    "symptom",
    "external",
    "tobacco",
    "restricted",
    "residual",
    "longer",
)
"""Columns of ``figures``. The first five come from the passage, the others from the code alone.

- whole: score of the passage as one; best_part: best score of its parts; first_part: score of the first
  part, which is most often the diagnosis; early_part: best score, each part counting a tenth less than the
  one before it; shared_parts: mean score of the parts, weighted by their length in words;
- care (Z4, Z5), state (Z8, Z9), other_z, symptom (R), external (V to Y), tobacco (F17): what passages mention
  beside the disease that they attest; restricted: not of MCO type 0; residual: "Autres ..."; longer: more
  than four characters.
"""
FROM_PASSAGE = 5
LATE = 0.9


def fixed(nomenclature: Nomenclature) -> Figures:
    """The columns that depend on the code alone."""
    rows = []
    for name, code in nomenclature.items():
        care, state = name[:2] in ("Z4", "Z5"), name[:2] in ("Z8", "Z9")
        rows.append(
            (
                care,
                state,
                name[0] == "Z" and not care and not state,
                name[0] == "R",
                name[0] in "VWXY",
                name.startswith("F17"),
                code.type is not MCO.FREE,
                code.label.startswith("Autre"),
                len(name) > 4,
            )
        )
    return np.array(rows, dtype=np.float32)


def figures(own: Figures, whole: Figures, parts: Sequence[Figures], lengths: Sequence[int]) -> Figures:
    """One row a code, in the order of the table.

    Args:
        own: columns of the codes alone, from ``fixed``.
        whole: score of the passage with each code.
        parts: scores of each part, in the order of the text; none for a passage of one part.
        lengths: words of each part.
    """
    out = np.empty((len(whole), len(NAMES)), np.float32, order="F")
    parts, lengths = (parts, lengths) if parts else ([whole], [1])
    out[:, 0] = whole
    out[:, 1] = np.maximum.reduce(parts)
    out[:, 2] = parts[0]
    out[:, 3] = np.maximum.reduce([part * LATE**place for place, part in enumerate(parts)])
    out[:, 4] = sum(part * length for part, length in zip(parts, lengths, strict=True)) / sum(lengths)
    out[:, FROM_PASSAGE:] = own
    return out


@cache
def _weights() -> dict[str, NDArray[np.float32]]:
    stored = json.loads(files(__package__).joinpath("data", "ranking.json").read_text(encoding="utf-8"))
    return {name: np.array(values, dtype=np.float32) for name, values in stored["weights"].items()}


def weights(model: str) -> NDArray[np.float32]:
    """Weights of ``ranking`` or ``attested``, the constant last."""
    return _weights()[model]


def total(rows: Figures) -> Figures:
    """The higher the likelier; minus infinity for a code that no word of the passage touches."""
    learned = weights("ranking")
    out = np.full(len(rows), learned[-1], np.float32)
    for column, weight in enumerate(learned[:-1]):  # columns are contiguous: faster than a product
        out += weight * rows[:, column]
    out[rows[:, 1] <= 0] = -np.inf
    return out


def likeness(rows: Figures) -> Figures:
    """``total`` brought between 0 and 1."""
    return np.asarray(1 / (1 + np.exp(-total(rows))), dtype=np.float32)


def forget() -> None:
    """Read the weights again next time; for the training script."""
    _weights.cache_clear()
