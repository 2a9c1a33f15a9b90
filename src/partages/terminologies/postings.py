"""A sparse matrix by feature: which phrases hold it, and with what weight.

TF-IDF with logarithmic counts and smoothed IDF, rows of length one (Salton and Buckley, Inf Process Manag
1988;24:513-23): what scikit-learn calls ``sublinear_tf`` and ``smooth_idf``, without importing it (1 s).
"""

import math
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]
Rows = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Postings:
    """Arrays of one index. ``start[f]:start[f + 1]`` is the stretch of ``rows`` that holds feature ``f``.

    Attributes:
        features: in the order of their numbers.
        idf: one a feature.
        start: one more than features.
        rows: numbers of phrases.
        cosine: weight of the feature in the phrase, phrase normalised to length one.
        share: part of the phrase's total IDF that the feature makes, from 0 to 1.
        size: how many phrases.
    """

    features: tuple[str, ...]
    idf: Vector
    start: NDArray[np.int64]
    rows: Rows
    cosine: Vector
    share: Vector
    size: int

    @classmethod
    def build(cls, phrases: Sequence[Sequence[str]], commonest: float = 1.0) -> "Postings":
        """Index phrases given as features.

        Args:
            commonest: share of phrases above which a feature is left out.
        """
        frequency = Counter(feature for phrase in phrases for feature in set(phrase))
        size = len(phrases)
        features = tuple(feature for feature, n in frequency.items() if n <= max(commonest * size, 1))
        ids = {feature: i for i, feature in enumerate(features)}
        idf = np.array([math.log((1 + size) / (1 + frequency[f])) + 1 for f in features], dtype=np.float32)
        held_by, columns, counts = array("i"), array("i"), array("i")
        for number, phrase in enumerate(phrases):
            for feature, n in Counter(phrase).items():
                if feature in ids:
                    held_by.append(number)
                    columns.append(ids[feature])
                    counts.append(n)
        row, column = np.array(held_by, dtype=np.int32), np.array(columns, dtype=np.int32)
        weight = (1 + np.log(np.array(counts, dtype=np.float32))) * idf[column]
        norm = np.sqrt(np.bincount(row, weight**2, size))
        total = np.bincount(row, idf[column], size)
        order = np.argsort(column, kind="stable")
        return cls(
            features,
            idf,
            np.concatenate([[0], np.cumsum(np.bincount(column, minlength=len(features)))]),
            row[order],
            (weight / norm[row])[order].astype(np.float32),
            (idf[column] / total[row])[order].astype(np.float32),
            size,
        )

    @cached_property
    def ids(self) -> dict[str, int]:
        return {feature: i for i, feature in enumerate(self.features)}

    def scores(self, features: Sequence[str]) -> tuple[Vector, Vector]:
        """Cosine of each phrase with the features given, and share of each phrase that they cover."""
        return self.cosines(features), self.shares(features)

    def cosines(self, features: Sequence[str]) -> Vector:
        """Cosine of each phrase with the features given."""
        counts = Counter(feature for feature in features if feature in self.ids)
        if not counts:
            return np.zeros(self.size, np.float32)
        columns = [self.ids[feature] for feature in counts]
        weight = self.idf[columns] * (1 + np.log(np.array(list(counts.values()), dtype=np.float32)))
        weight /= np.sqrt((weight**2).sum())
        slices = [slice(self.start[column], self.start[column + 1]) for column in columns]
        rows = np.concatenate([self.rows[held] for held in slices])
        cosine = np.concatenate([self.cosine[held] * w for held, w in zip(slices, weight, strict=True)])
        return np.bincount(rows, cosine, self.size).astype(np.float32)

    def shares(self, features: Sequence[str]) -> Vector:
        """Share of each phrase that the features given cover."""
        columns = [self.ids[feature] for feature in dict.fromkeys(features) if feature in self.ids]
        if not columns:
            return np.zeros(self.size, np.float32)
        slices = [slice(self.start[column], self.start[column + 1]) for column in columns]
        rows = np.concatenate([self.rows[held] for held in slices])
        share = np.concatenate([self.share[held] for held in slices])
        return np.bincount(rows, share, self.size).astype(np.float32)

    def held(self, features: Sequence[str]) -> Vector:
        """Share of the IDF of the features given that each phrase holds; features that nothing holds do not
        count."""
        columns = [self.ids[feature] for feature in set(features) if feature in self.ids]
        if not columns:
            return np.zeros(self.size, np.float32)
        rows = np.concatenate([self.rows[self.start[column] : self.start[column + 1]] for column in columns])
        mass = np.repeat(
            self.idf[columns], [self.start[column + 1] - self.start[column] for column in columns]
        )
        return (np.bincount(rows, mass, self.size) / self.idf[columns].sum()).astype(np.float32)

    def held_by(self, kept: Iterable[str], features: Sequence[str]) -> float:
        """What ``held`` gives for a phrase made of the features ``kept``."""
        total = sum(float(self.idf[self.ids[f]]) for f in set(features) if f in self.ids)
        return sum(float(self.idf[self.ids[f]]) for f in kept if f in self.ids) / total if total else 0.0

    def arrays(self, name: str) -> dict[str, NDArray[np.generic]]:
        """What ``from_arrays`` takes, each key beginning with ``name``."""
        return {
            f"{name}_features": np.frombuffer("\n".join(self.features).encode(), dtype=np.uint8),
            f"{name}_idf": self.idf,
            f"{name}_start": self.start,
            f"{name}_rows": self.rows,
            f"{name}_cosine": self.cosine,
            f"{name}_share": self.share,
            f"{name}_size": np.array(self.size),
        }

    @classmethod
    def from_arrays(cls, stored: Mapping[str, NDArray[np.generic]], name: str) -> "Postings":
        features = tuple(stored[f"{name}_features"].tobytes().decode().split("\n"))
        return cls(
            features,
            stored[f"{name}_idf"].astype(np.float32, copy=False),
            stored[f"{name}_start"].astype(np.int64, copy=False),
            stored[f"{name}_rows"].astype(np.int32, copy=False),
            stored[f"{name}_cosine"].astype(np.float32, copy=False),
            stored[f"{name}_share"].astype(np.float32, copy=False),
            int(stored[f"{name}_size"].item()),
        )
