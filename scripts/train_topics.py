"""Train the model of specialties on MORFITT (train), with thresholds by cross-validation; measure it on dev.

python scripts/train_topics.py ../shared/data/morfitt src/partages/corpus/data/topics.npz
"""

import csv
import sys
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import KFold

from partages.corpus.topics import BUCKETS, Model, features, load, save
from partages.corpus.words import numbers, split

KEPT = 20_000
"""Buckets whose weights are kept: the heaviest."""
C = 12.0


def read(path: Path) -> tuple[list[np.ndarray], list[set[str]]]:
    csv.field_size_limit(10**9)
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    separators = ("|", ",")
    texts = [numbers(split(row["abstract"])) for row in rows]
    labels = []
    for row in rows:
        given = row["specialities"]
        separator = next((one for one in separators if one in given), "|")
        labels.append({one.strip() for one in given.split(separator) if one.strip()})
    return texts, labels


def matrix(texts: list[np.ndarray]) -> csr_matrix:
    pairs = [features(words) for words in texts]
    indptr = np.cumsum([0, *(len(buckets) for buckets, _ in pairs)])
    return csr_matrix(
        (
            np.concatenate([counts for _, counts in pairs]),
            np.concatenate([buckets for buckets, _ in pairs]),
            indptr,
        ),
        shape=(len(texts), BUCKETS),
    )


def weigh(counts: csr_matrix, idf: np.ndarray) -> csr_matrix:
    weighted = counts.multiply(idf).tocsr()
    norms = np.sqrt(np.asarray(weighted.multiply(weighted).sum(axis=1)).ravel())
    norms[norms == 0] = 1
    return csr_matrix(weighted.multiply(1 / norms[:, None]))


def fit(weighted: csr_matrix, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    models = [
        LogisticRegression(C=C, class_weight="balanced", max_iter=300).fit(weighted, wanted[:, at])
        for at in range(wanted.shape[1])
    ]
    return np.stack([model.coef_[0] for model in models], axis=1), np.array(
        [model.intercept_[0] for model in models]
    )


def main(folder: Path, output: Path) -> None:
    texts, given = read(folder / "train.tsv")
    labels = sorted(set.union(*given))
    wanted = np.array([[label in one for label in labels] for one in given], dtype=int)
    counts = matrix(texts)
    seen = np.asarray((counts > 0).sum(axis=0)).ravel()
    idf = np.log((1 + len(texts)) / (1 + seen)) + 1
    weighted = weigh(counts, idf)
    held = np.zeros(wanted.shape)
    for train, test in KFold(5, shuffle=True, random_state=0).split(texts):
        weights, bias = fit(weighted[train], wanted[train])
        held[test] = weighted[test] @ weights + bias
    candidates = np.linspace(-2, 2, 81)
    thresholds = np.array(
        [
            candidates[
                np.argmax([f1_score(wanted[:, at], held[:, at] > one, zero_division=0) for one in candidates])
            ]
            for at in range(len(labels))
        ]
    )
    weights, bias = fit(weighted, wanted)
    heavy = np.argsort(-np.abs(weights).max(axis=1))[:KEPT]
    pruned = np.zeros_like(weights)
    pruned[heavy] = weights[heavy]
    model = Model(
        tuple(labels),
        idf.astype(np.float32),
        pruned.astype(np.float32),
        bias.astype(np.float32),
        thresholds.astype(np.float32),
    )
    save(model, output)
    measure(load(output), *read(folder / "dev.tsv"))


def measure(model: Model, texts: list[np.ndarray], given: list[set[str]]) -> None:
    wanted = np.array([[label in one for label in model.labels] for one in given], dtype=int)
    found = np.array(
        [[label in one for label in model.labels] for one in map(model.topics, texts)], dtype=int
    )
    draw = np.random.default_rng(0)
    for name in ("micro", "macro", "weighted"):
        value = f1_score(wanted, found, average=name, zero_division=0)
        again = []
        for _ in range(500):
            rows = draw.integers(0, len(wanted), len(wanted))
            again.append(f1_score(wanted[rows], found[rows], average=name, zero_division=0))
        low, high = np.percentile(again, [2.5, 97.5])
        print(f"{name} F1 {value:.3f} [{low:.3f}, {high:.3f}]")
    everything = np.ones_like(wanted)
    print(f"all labels on every text: micro F1 {f1_score(wanted, everything, average='micro'):.3f}")
    for at, label in enumerate(model.labels):
        value = f1_score(wanted[:, at], found[:, at], zero_division=0)
        print(f"  {label}: F1 {value:.3f}, {wanted[:, at].sum()} texts")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
