"""Intervals and comparisons from rows of additive counts; documents are the unit that is drawn.

Sources: Efron & Tibshirani 1993 (percentile bootstrap); McNemar 1947, exact form; DerSimonian & Laird
1986 (random effects); Higgins & Thompson 2002 (I²).
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Metrics = Callable[[Array], Mapping[str, Array]]
"""From sums of counts, shape (..., columns), to figures by name, shape (...); nan where undefined."""

DRAWS = 1000
LEVEL = 0.95
_AT_ONCE = 100_000
"""Weights held at once, draws x documents: under 1 MB, whatever the number of documents."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its interval; None where the figure is undefined, or cannot have an interval."""

    value: float | None
    low: float | None
    high: float | None

    def as_json(self) -> dict[str, float | None]:
        return {"value": self.value, "low": self.low, "high": self.high}


def ratio(top: Array, bottom: Array) -> Array:
    """Division that is nan, silently, where there is nothing to divide by."""
    top, bottom = np.asarray(top, float), np.asarray(bottom, float)
    return np.divide(top, bottom, out=np.full(np.broadcast(top, bottom).shape, np.nan), where=bottom > 0)


def mean_defined(values: Array) -> Array:
    """Mean over the last axis of what is defined; nan where nothing is."""
    defined = ~np.isnan(values)
    return ratio(np.where(defined, values, 0).sum(-1), defined.sum(-1))


def draws(documents: int, seed: int, count: int = DRAWS) -> Iterator[Array]:
    """How many times each document is drawn, in blocks of shape (draws, documents).

    Raises:
        ValueError: there is no document.
    """
    if documents < 1:
        raise ValueError("no document to draw")
    generator = np.random.default_rng(seed)
    at_once = max(1, min(50, _AT_ONCE // documents))
    for first in range(0, count, at_once):
        block = min(at_once, count - first)
        chosen = generator.integers(0, documents, (block, documents))
        chosen += np.arange(block)[:, None] * documents
        weights = np.bincount(chosen.ravel(), minlength=block * documents)
        yield weights.reshape(block, documents).astype(float)


def _figure(values: Array) -> float | None:
    return None if np.isnan(values) else float(values)


def interval(values: Array, level: float = LEVEL) -> tuple[float, float] | None:
    """Percentiles of the drawn figures; None when more than a twentieth of the draws give none."""
    defined = values[~np.isnan(values)]
    if len(defined) < 0.95 * len(values) or not len(defined):
        return None
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def bootstrap(rows: Array, metrics: Metrics, seed: int = 0, count: int = DRAWS) -> dict[str, Estimate]:
    """Each figure with its percentile interval; a single document has no interval."""
    values = metrics(rows.sum(0))
    if len(rows) < 2:
        return {name: Estimate(_figure(value), None, None) for name, value in values.items()}
    blocks = [metrics(weights @ rows) for weights in draws(len(rows), seed, count)]
    out = {}
    for name, value in values.items():
        bounds = interval(np.concatenate([block[name] for block in blocks]))
        out[name] = Estimate(_figure(value), *(bounds or (None, None)))
    return out


def difference(
    ours: Array, theirs: Array, metrics: Metrics, seed: int = 0, count: int = DRAWS
) -> dict[str, Estimate]:
    """``ours`` minus ``theirs``, the same documents in the same order: both are drawn together.

    Raises:
        ValueError: not the same number of documents.
    """
    if len(ours) != len(theirs):
        raise ValueError("a paired comparison needs the same documents")
    first, second = metrics(ours.sum(0)), metrics(theirs.sum(0))
    names = [name for name in first if name in second]
    if len(ours) < 2:
        return {name: Estimate(_figure(first[name] - second[name]), None, None) for name in names}
    drawn: dict[str, list[Array]] = {name: [] for name in names}
    for weights in draws(len(ours), seed, count):
        left, right = metrics(weights @ ours), metrics(weights @ theirs)
        for name in names:
            drawn[name].append(left[name] - right[name])
    return {
        name: Estimate(
            _figure(first[name] - second[name]), *(interval(np.concatenate(drawn[name])) or (None, None))
        )
        for name in names
    }


def gaps(
    rows: Array,
    members: Sequence[NDArray[np.bool_]],
    levels: Sequence[float],
    metrics: Metrics,
    name: str,
    seed: int,
    count: int,
) -> list[Estimate]:
    """Each group's figure minus that of all other documents, drawn together; one interval level a group."""
    drawn: list[list[Array]] = [[] for _ in members]
    for weights in draws(len(rows), seed, count) if members else ():
        total = weights @ rows
        for place, member in enumerate(members):
            inside = (weights * member) @ rows
            drawn[place].append(metrics(inside)[name] - metrics(total - inside)[name])
    out = []
    for member, level, values in zip(members, levels, drawn, strict=True):
        inside = member.astype(float) @ rows
        value = metrics(inside)[name] - metrics(rows.sum(0) - inside)[name]
        out.append(Estimate(_figure(value), *(interval(np.concatenate(values), level) or (None, None))))
    return out


def mcnemar(ours: NDArray[np.bool_], theirs: NDArray[np.bool_]) -> dict[str, float]:
    """Exact two-sided McNemar test over documents that each engine gets wholly right or not."""
    only_ours = int((ours & ~theirs).sum())
    only_theirs = int((~ours & theirs).sum())
    discordant = only_ours + only_theirs
    fewer = min(only_ours, only_theirs)
    tail = sum(math.comb(discordant, k) for k in range(fewer + 1))
    p = 1.0 if not discordant else min(1.0, float(2 * tail / 2**discordant))
    return {"only_first": only_ours, "only_second": only_theirs, "p": p}


@dataclass(frozen=True, slots=True)
class Pooled:
    """A random-effects estimate over sites.

    Attributes:
        value, low, high: pooled figure and 95 % interval.
        tau2: variance between sites; q: Cochran's Q; i2: share of the variation due to sites.
    """

    value: float
    low: float
    high: float
    tau2: float
    q: float
    i2: float
    sites: int


def random_effects(values: Array, variances: Array) -> Pooled:
    """DerSimonian-Laird estimate from figures and their variances, one a site.

    Raises:
        ValueError: no site, or a variance that is not positive.
    """
    if not len(values) or not (variances > 0).all():
        raise ValueError("each site needs a figure and a positive variance")
    weights = 1 / variances
    fixed = (weights * values).sum() / weights.sum()
    q = float((weights * (values - fixed) ** 2).sum())
    freedom = len(values) - 1
    scale = weights.sum() - (weights**2).sum() / weights.sum()
    tau2 = max(0.0, (q - freedom) / scale) if freedom else 0.0
    weights = 1 / (variances + tau2)
    value = float((weights * values).sum() / weights.sum())
    half = 1.959963984540054 / math.sqrt(weights.sum())
    i2 = max(0.0, (q - freedom) / q) if q > 0 else 0.0
    return Pooled(value, value - half, value + half, float(tau2), q, i2, len(values))
