"""Agreement between annotators: Cohen's kappa, Krippendorff's alpha, F1 of entities.

Cohen 1960 (Educ. Psychol. Meas. 20:37); Krippendorff 2011 (nominal alpha, missing values allowed); entity F1,
Hripcsak & Rothschild 2005: kappa has no meaning for spans, whose absences cannot be counted.
Intervals draw documents.
"""

from collections.abc import Hashable, Mapping, Sequence

import numpy as np

from partages.documents import Span
from partages.evaluation.spans import matched
from partages.evaluation.statistics import Array, Estimate, bootstrap, ratio


def cohen(one: Sequence[Hashable], other: Sequence[Hashable]) -> float:
    """Kappa of two annotators over the same items; nan when chance alone explains all.

    Raises:
        ValueError: no item, or not the same number.
    """
    if not one or len(one) != len(other):
        raise ValueError("two annotators must label the same items")
    labels = sorted({*one, *other}, key=repr)
    order = {label: number for number, label in enumerate(labels)}
    table = np.zeros((len(labels), len(labels)))
    for a, b in zip(one, other, strict=True):
        table[order[a], order[b]] += 1
    return float(_kappa(table.ravel(), len(labels)))


def _kappa(sums: Array, labels: int) -> Array:
    table = sums.reshape(*sums.shape[:-1], labels, labels)
    total = table.sum((-1, -2))
    observed = ratio(np.trace(table, axis1=-2, axis2=-1), total)
    expected = ratio((table.sum(-1) * table.sum(-2)).sum(-1), total**2)
    return ratio(observed - expected, np.maximum(1 - expected, 0))


def _alpha(sums: Array, labels: int) -> Array:
    table = sums.reshape(*sums.shape[:-1], labels, labels)
    margin = table.sum(-1)
    total = margin.sum(-1)
    observed = total - np.trace(table, axis1=-2, axis2=-1)
    expected = ratio(total**2 - (margin**2).sum(-1), total - 1)
    return 1 - ratio(observed, expected)


def krippendorff_alpha(units: Sequence[Sequence[Hashable | None]]) -> float:
    """Nominal alpha over units, each with one value an annotator, None where there is none."""
    labels = sorted({value for unit in units for value in unit if value is not None}, key=repr)
    total = sum((_coincidences(unit, labels) for unit in units), np.zeros(len(labels) ** 2))
    return float(_alpha(total, len(labels)))


def _coincidences(unit: Sequence[Hashable | None], labels: Sequence[Hashable]) -> Array:
    order = {label: number for number, label in enumerate(labels)}
    counts = np.zeros(len(labels))
    for value in unit:
        if value is not None:
            counts[order[value]] += 1
    given = counts.sum()
    if given < 2:
        return np.zeros(len(labels) ** 2)
    return np.asarray((np.outer(counts, counts) - np.diag(counts)).ravel() / (given - 1))


def agreement(
    texts: Mapping[str, str],
    one: Mapping[str, Sequence[Span]],
    other: Mapping[str, Sequence[Span]],
    seed: int = 0,
) -> dict[str, Estimate]:
    """Two annotators' spans of the same documents, with intervals.

    Kappa and alpha compare the label of each character that is not blank, ``O`` outside of spans; they
    overstate agreement on rare entities, which is why F1 comes first.
    """
    labels = sorted({s.label for side in (one, other) for found in side.values() for s in found})
    names = ["", *labels]
    width = len(names)
    rows = []
    for name in sorted(texts):
        left, right = one.get(name, ()), other.get(name, ())
        exact = {(s.start, s.end, s.label) for s in left} & {(s.start, s.end, s.label) for s in right}
        overlap = sum(
            matched([s for s in left if s.label == label], [s for s in right if s.label == label])
            for label in labels
        )
        kept = np.array([not c.isspace() for c in texts[name]], bool)
        a, b = (_paint(side, len(texts[name]), names)[kept] for side in (left, right))
        table = np.bincount(a * width + b, minlength=width * width).reshape(width, width).astype(float)
        counts = np.array([len(left) + len(right), 2 * len(exact), 2 * overlap], float)
        rows.append(np.concatenate([counts, table.ravel()]))

    def figures(sums: Array) -> dict[str, Array]:
        table = sums[..., 3:]
        square = table.reshape(*table.shape[:-1], width, width)
        both = (square + np.swapaxes(square, -1, -2)).reshape(table.shape)
        return {
            "entity_f1_exact": ratio(sums[..., 1], sums[..., 0]),
            "entity_f1_overlap": ratio(sums[..., 2], sums[..., 0]),
            "cohen_kappa": _kappa(table, width),
            "krippendorff_alpha": _alpha(both, width),
        }

    return bootstrap(np.array(rows), figures, seed)


def _paint(spans: Sequence[Span], length: int, names: Sequence[str]) -> np.ndarray:
    painted = np.zeros(length, int)
    for span in spans:
        painted[span.start : span.end] = names.index(span.label)
    return painted


def disagreements(
    one: Mapping[str, Sequence[Span]], other: Mapping[str, Sequence[Span]]
) -> list[dict[str, object]]:
    """Spans that only one annotator has, or that both have otherwise: places and labels, no text."""
    out: list[dict[str, object]] = []
    for name in sorted({*one, *other}):
        sides = [{(s.start, s.end, s.label) for s in side.get(name, ())} for side in (one, other)]
        for start, end, label in sorted(sides[0] ^ sides[1]):
            who = "A" if (start, end, label) in sides[0] else "B"
            out.append({"id": name, "start": start, "end": end, "label": label, "only": who})
    return out
