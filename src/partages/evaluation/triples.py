"""Counts of one document's triples (subject, relation, object), each with its polarity.

A triple is right when its three parts are those of the gold, whatever their capitals and blanks, and its polarity too.
Without polarity, the parts alone count: the difference between both is what negation costs. Relation extraction,
strict matching: i2b2/VA 2010 (Uzuner et al. 2011).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from partages.evaluation.statistics import Array, ratio

POLARITIES = ("Present", "Absent", "Indeterminate")
COLUMNS = (
    "documents",
    "exact",
    *(f"{field}:{polarity}" for polarity in POLARITIES for field in ("gold", "predicted", "right")),
    "gold_parts",
    "predicted_parts",
    "right_parts",
    "right_polarity",
)
Triple = tuple[str, str, str, str]


def read(item: Any) -> Triple | None:
    """A triple from a JSON object; None when it is not one, or of an unknown polarity."""
    if not isinstance(item, dict):
        return None
    parts = [item.get(name) for name in ("subject", "relation", "object")]
    polarity = item.get("polarity", "Present")
    if polarity not in POLARITIES or not all(isinstance(part, str) and part.strip() for part in parts):
        return None
    subject, relation, target = (" ".join(str(part).casefold().split()) for part in parts)
    return subject, relation, target, polarity


def count(gold: frozenset[Triple], predicted: frozenset[Triple]) -> Array:
    """The row of one document."""
    row = np.zeros(len(COLUMNS))
    row[:2] = 1, gold == predicted
    for number, polarity in enumerate(POLARITIES):
        sides = [{t for t in side if t[3] == polarity} for side in (gold, predicted)]
        row[2 + 3 * number : 5 + 3 * number] = len(sides[0]), len(sides[1]), len(sides[0] & sides[1])
    truth, found = {t[:3] for t in gold}, {t[:3] for t in predicted}
    shared = truth & found
    row[-4:] = len(truth), len(found), len(shared), len({t[:3] for t in gold & predicted})
    return row


def figures(sums: Array) -> Mapping[str, Array]:
    """Every figure from sums of rows, shape (..., columns)."""
    table = sums[..., 2:11].reshape(*sums.shape[:-1], len(POLARITIES), 3)
    gold, predicted, right = np.moveaxis(table, -1, 0)
    truth, found, shared, agreed = (sums[..., n] for n in range(-4, 0))
    out = {
        "f1_micro": ratio(2 * right.sum(-1), (gold + predicted).sum(-1)),
        "precision": ratio(right.sum(-1), predicted.sum(-1)),
        "recall": ratio(right.sum(-1), gold.sum(-1)),
        "f1_without_polarity": ratio(2 * shared, truth + found),
        "polarity_accuracy": ratio(agreed, shared),
        "documents_exact": ratio(sums[..., 1], sums[..., 0]),
    }
    for number, polarity in enumerate(POLARITIES):
        out[f"f1:{polarity}"] = ratio(2 * right[..., number], gold[..., number] + predicted[..., number])
    return out
