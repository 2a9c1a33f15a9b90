"""Counts of one document's labels: exact sets, and each label found, missed, invented.

One label a document (response to treatment) or several (specialities). Micro F1 sums over labels, macro F1 averages
over those of the gold or the predictions; with one label a document, micro F1 is accuracy. As scikit-learn's.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from partages.evaluation.statistics import Array, mean_defined, ratio

FIELDS = ("gold", "predicted", "right")


def columns(labels: Sequence[str]) -> tuple[str, ...]:
    """Names of the columns of a row."""
    return ("documents", "exact", *(f"{field}:{label}" for label in labels for field in FIELDS))


def count(gold: frozenset[str], predicted: frozenset[str], labels: Sequence[str]) -> Array:
    """The row of one document, in the order of ``columns(labels)``."""
    row = np.zeros(2 + len(labels) * len(FIELDS))
    row[:2] = 1, gold == predicted
    for number, label in enumerate(labels):
        at = 2 + number * len(FIELDS)
        row[at : at + 3] = label in gold, label in predicted, label in gold & predicted
    return row


def figures(sums: Array, labels: Sequence[str]) -> Mapping[str, Array]:
    """Every figure from sums of rows, shape (..., columns)."""
    table = sums[..., 2:].reshape(*sums.shape[:-1], len(labels), len(FIELDS))
    gold, predicted, right = np.moveaxis(table, -1, 0)
    out = {
        "accuracy": ratio(sums[..., 1], sums[..., 0]),
        "precision": ratio(right.sum(-1), predicted.sum(-1)),
        "recall": ratio(right.sum(-1), gold.sum(-1)),
        "f1_micro": ratio(2 * right.sum(-1), (gold + predicted).sum(-1)),
        "f1_macro": mean_defined(ratio(2 * right, gold + predicted)),
    }
    for number, label in enumerate(labels):
        out[f"f1:{label}"] = ratio(2 * right[..., number], gold[..., number] + predicted[..., number])
        out[f"recall:{label}"] = ratio(right[..., number], gold[..., number])
    return out
