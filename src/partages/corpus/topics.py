"""The specialties of a text: the twelve of MORFITT, several or none, by a linear model on words and pairs of words.

Trained by ``scripts/train_topics.py`` on the training split of MORFITT (Labrak, Rouvier, Dufour, TALN 2023; MIT), measured on
its development split: see ``docs/corpus.md``. The words are hashed, so the weights hold no text.
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from partages.corpus.words import Hashes, grams

BUCKETS = 1 << 16
SHORTEST = 20
"""Words; a shorter text has no topic."""
NAMES = {
    "etiology": "étiologie", "genetics": "génétique", "immunology": "immunologie", "chemistry": "chimie",
    "microbiology": "microbiologie", "parasitology": "parasitologie", "pharmacology": "pharmacologie",
    "physiology": "physiologie", "psychology": "psychologie", "surgery": "chirurgie", "veterinary": "médecine vétérinaire",
    "virology": "virologie",
}  # fmt: skip
"""MORFITT's labels, and in French."""


def features(words: Hashes) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Buckets of the words and pairs of words of a text, and one plus the logarithm of how often each comes."""
    both = np.concatenate([words, grams(words, 2)])
    buckets, counts = np.unique((both >> np.uint64(20)) % np.uint64(BUCKETS), return_counts=True)
    return buckets.astype(np.int64), 1.0 + np.log(counts)


@dataclass(frozen=True)
class Model:
    """A linear model.

    Attributes:
        labels: in the order of the columns.
        idf: inverse document frequency of each bucket; shape (BUCKETS,).
        weights: shape (BUCKETS, labels).
        bias: shape (labels,).
        thresholds: on the score of each label; shape (labels,).
    """

    labels: tuple[str, ...]
    idf: NDArray[np.float32]
    weights: NDArray[np.float32]
    bias: NDArray[np.float32]
    thresholds: NDArray[np.float32]

    def scores(self, words: Hashes) -> NDArray[np.float64]:
        """Log-odds of each label."""
        buckets, counts = features(words)
        weighted = counts * self.idf[buckets]
        norm = float(np.sqrt((weighted**2).sum())) or 1.0
        result: NDArray[np.float64] = (weighted / norm) @ self.weights[buckets] + self.bias
        return result

    def topics(self, words: Hashes) -> list[str]:
        """The labels of a text, the likeliest first; none for a short one."""
        if len(words) < SHORTEST:
            return []
        margin = self.scores(words) - self.thresholds
        order = np.argsort(-margin, kind="stable")
        return [self.labels[at] for at in order if margin[at] >= 0]


def save(model: Model, path: Path) -> None:
    """Write the rows of weights that are not nil, a byte a weight."""
    rows = np.flatnonzero(np.abs(model.weights).max(axis=1))
    held = model.weights[rows]
    scale = np.abs(held).max(axis=0) / 127
    with path.open("wb") as file:
        np.savez_compressed(
            file, labels=np.array(model.labels), rows=rows.astype(np.uint16), scale=scale.astype(np.float32),
            weights=np.round(held / scale).astype(np.int8), idf=model.idf[rows].astype(np.float16), bias=model.bias,
            thresholds=model.thresholds, rest=np.float16(np.delete(model.idf, rows).mean() if len(rows) < BUCKETS else 1),
        )  # fmt: skip


def load(path: Path) -> Model:
    """Read a model."""
    with np.load(path) as arrays:
        weights = np.zeros((BUCKETS, len(arrays["labels"])), dtype=np.float32)
        weights[arrays["rows"]] = arrays["weights"] * arrays["scale"]
        idf = np.full(BUCKETS, arrays["rest"], dtype=np.float32)
        idf[arrays["rows"]] = arrays["idf"]
        labels = tuple(str(label) for label in arrays["labels"])
        return Model(labels, idf, weights, arrays["bias"], arrays["thresholds"])


@cache
def shipped() -> Model:
    """The model that ships."""
    return load(Path(str(files("partages.corpus") / "data" / "topics.npz")))
