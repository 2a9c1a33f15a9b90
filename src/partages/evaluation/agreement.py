"""Agreement between annotators: Cohen's kappa, Krippendorff's alpha, F1 of entities.

Cohen 1960 (Educ. Psychol. Meas. 20:37); Krippendorff 2011 (nominal alpha, missing values allowed); entity F1,
Hripcsak & Rothschild 2005: kappa has no meaning for spans, whose absences cannot be counted.
Intervals draw documents.
"""

from collections.abc import Hashable, Mapping, Sequence
from itertools import combinations

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


Spans = Mapping[str, Sequence[Span]]


def agreement(texts: Mapping[str, str], one: Spans, other: Spans, seed: int = 0) -> dict[str, Estimate]:
    """Two annotators' spans of the same documents, with intervals; see ``agreement_of``."""
    return agreement_of(texts, {"A": one, "B": other}, seed)


def agreement_of(texts: Mapping[str, str], people: Mapping[str, Spans], seed: int = 0) -> dict[str, Estimate]:
    """Several annotators' spans, with intervals over documents. A document that one did not open is left out of theirs.

    F1 and kappa sum over all pairs of annotators; alpha takes all at once. Kappa and alpha compare the label of
    each character that is not blank, ``O`` outside of spans; they overstate agreement on rare entities, which is why
    F1 comes first.
    """
    labels = sorted({s.label for side in people.values() for found in side.values() for s in found})
    names = ["", *labels]
    width = len(names)
    rows = []
    for name in sorted(texts):
        kept = np.array([not c.isspace() for c in texts[name]], bool)
        sides = [side[name] for side in people.values() if name in side]
        painted = [_paint(side, len(texts[name]), names)[kept] for side in sides]
        counts, table = np.zeros(3), np.zeros((width, width))
        for left, right in combinations(range(len(sides)), 2):
            counts += _shared(sides[left], sides[right], labels)
            table += np.bincount(painted[left] * width + painted[right], minlength=width * width).reshape(
                width, width
            )
        # one pair of values in n - 1 of those that a character's n values make (Krippendorff 2011)
        both = (table + table.T) / max(len(sides) - 1, 1)
        rows.append(np.concatenate([counts, table.ravel(), both.ravel()]))

    def figures(sums: Array) -> dict[str, Array]:
        cells = width * width
        return {
            "entity_f1_exact": ratio(sums[..., 1], sums[..., 0]),
            "entity_f1_overlap": ratio(sums[..., 2], sums[..., 0]),
            "cohen_kappa": _kappa(sums[..., 3 : 3 + cells], width),
            "krippendorff_alpha": _alpha(sums[..., 3 + cells :], width),
        }

    return bootstrap(np.array(rows), figures, seed)


def _shared(left: Sequence[Span], right: Sequence[Span], labels: Sequence[str]) -> Array:
    exact = {(s.start, s.end, s.label) for s in left} & {(s.start, s.end, s.label) for s in right}
    overlap = sum(
        matched([s for s in left if s.label == label], [s for s in right if s.label == label])
        for label in labels
    )
    return np.array([len(left) + len(right), 2 * len(exact), 2 * overlap], float)


def _paint(spans: Sequence[Span], length: int, names: Sequence[str]) -> np.ndarray:
    painted = np.zeros(length, int)
    for span in spans:
        painted[span.start : span.end] = names.index(span.label)
    return painted


def disagreements(people: Mapping[str, Spans]) -> list[dict[str, object]]:
    """Spans that some annotators of a document have and others do not: places, labels and names, no text."""
    out: list[dict[str, object]] = []
    for name in sorted({name for side in people.values() for name in side}):
        sides = {
            who: {(s.start, s.end, s.label) for s in side[name]}
            for who, side in people.items()
            if name in side
        }
        for start, end, label in sorted(set().union(*sides.values()) if sides else ()):
            by = [who for who, found in sides.items() if (start, end, label) in found]
            if len(by) < len(sides):
                others = [who for who in sides if who not in by]
                out.append(
                    {"id": name, "start": start, "end": end, "label": label, "by": by, "not_by": others}
                )
    return out
