"""Counts of one document's spans: exact, overlapping, fully covered, characters.

Exact: same offsets and label (CoNLL 2003, as ``seqeval``). Overlap: same label and a shared character,
each span used once (MUC-7 partial match, counted whole). Full coverage: no character of the gold span is
left unmasked, whatever the label: what counts for a person's privacy. Characters: masked or not,
whatever the label.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from partages.documents import Span
from partages.evaluation.statistics import Array, mean_defined, ratio

FIELDS = ("gold", "predicted", "exact", "overlap", "covered")
"""Counts kept for each label."""
CHARACTERS = ("gold_characters", "masked_characters", "right_characters", "perfect", "documents", "sealed")
"""Counts kept once: characters; documents exactly right; documents; those whose spans are all covered."""


def columns(labels: Sequence[str]) -> list[str]:
    """Names of the columns of a row."""
    return [f"{field}:{label}" for label in labels for field in FIELDS] + list(CHARACTERS)


def merge(spans: Iterable[Span]) -> list[tuple[int, int]]:
    """Disjoint intervals, in order, that hold the same characters."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted((span.start, span.end) for span in spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return merged


def _shared(one: list[tuple[int, int]], other: list[tuple[int, int]]) -> int:
    total = i = j = 0
    while i < len(one) and j < len(other):
        total += max(0, min(one[i][1], other[j][1]) - max(one[i][0], other[j][0]))
        if one[i][1] < other[j][1]:
            i += 1
        else:
            j += 1
    return total


def matched(gold: Sequence[Span], predicted: Sequence[Span]) -> int:
    """The most pairs of overlapping spans, each span used once; both in order."""
    if any(after.start < before.end for side in (gold, predicted) for before, after in pairwise(side)):
        return _matched_nested(gold, predicted)
    pairs = i = j = 0
    while i < len(gold) and j < len(predicted):
        if gold[i].overlaps(predicted[j]):
            pairs, i, j = pairs + 1, i + 1, j + 1
        elif gold[i].end <= predicted[j].start:
            i += 1
        else:
            j += 1
    return pairs


def _matched_nested(gold: Sequence[Span], predicted: Sequence[Span]) -> int:
    touching = np.array([[one.overlaps(other) for other in predicted] for one in gold], dtype=bool)
    if not touching.size:
        return 0
    return int((maximum_bipartite_matching(csr_array(touching), "column") >= 0).sum())


def count(
    gold: Sequence[Span],
    predicted: Sequence[Span],
    labels: Sequence[str],
    unmasked: frozenset[str] = frozenset(),
) -> Array:
    """The row of one document, in the order of ``columns(labels)``.

    Args:
        gold, predicted: spans, each once, labels among ``labels``.
        unmasked: labels that are reported and left in the text; they count neither for
            coverage nor for characters.
    """
    order = {label: number for number, label in enumerate(labels)}
    row = np.zeros(len(labels) * len(FIELDS) + len(CHARACTERS))
    table = row[: len(labels) * len(FIELDS)].reshape(len(labels), len(FIELDS))
    by_label: tuple[dict[str, list[Span]], dict[str, list[Span]]] = ({}, {})
    for side, spans in enumerate((gold, predicted)):
        for span in sorted(spans, key=lambda span: span.start):
            by_label[side].setdefault(span.label, []).append(span)
            table[order[span.label], side] += 1
    mask = merge(span for span in predicted if span.label not in unmasked)
    starts = np.array([start for start, _ in mask])
    whole = {(span.start, span.end, span.label) for span in predicted}
    leaked = False
    for label, found in by_label[0].items():
        line = table[order[label]]
        line[2] = sum((span.start, span.end, span.label) in whole for span in found)
        line[3] = matched(found, by_label[1].get(label, ()))
        for span in found:
            at = int(np.searchsorted(starts, span.start, "right")) - 1
            hidden = at >= 0 and mask[at][1] >= span.end
            line[4] += hidden
            leaked = leaked or not (hidden or label in unmasked)
    truth = merge(span for span in gold if span.label not in unmasked)
    row[-6:] = (
        sum(end - start for start, end in truth),
        sum(end - start for start, end in mask),
        _shared(truth, mask),
        {(s.start, s.end, s.label) for s in gold} == whole,
        1,
        not leaked,
    )
    return row


def figures(
    sums: Array, labels: Sequence[str], unmasked: frozenset[str] = frozenset()
) -> Mapping[str, Array]:
    """Every figure from sums of rows, shape (..., columns)."""
    table = sums[..., :-6].reshape(*sums.shape[:-1], len(labels), len(FIELDS))
    gold, predicted, exact, overlap, covered = np.moveaxis(table, -1, 0)
    hidden = np.array([label not in unmasked for label in labels])
    out = {}
    for name, right in (("exact", exact), ("overlap", overlap)):
        out[f"{name}_precision"] = ratio(right.sum(-1), predicted.sum(-1))
        out[f"{name}_recall"] = ratio(right.sum(-1), gold.sum(-1))
        out[f"{name}_f1_micro"] = ratio(2 * right.sum(-1), (gold + predicted).sum(-1))
        out[f"{name}_f1_macro"] = mean_defined(ratio(2 * right, gold + predicted))
    out["full_coverage_recall"] = ratio((covered * hidden).sum(-1), (gold * hidden).sum(-1))
    out["character_precision"] = ratio(sums[..., -4], sums[..., -5])
    out["character_recall"] = ratio(sums[..., -4], sums[..., -6])
    out["documents_perfect"] = ratio(sums[..., -3], sums[..., -2])
    out["documents_without_leak"] = ratio(sums[..., -1], sums[..., -2])
    for number, label in enumerate(labels):
        out[f"exact_f1:{label}"] = ratio(2 * exact[..., number], gold[..., number] + predicted[..., number])
        if label not in unmasked:
            out[f"full_coverage_recall:{label}"] = ratio(covered[..., number], gold[..., number])
    return out
