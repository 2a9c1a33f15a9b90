"""Train the weights of ``partages.terminologies.ranking`` on the tuning halves of the project's passages.

``python scripts/train_ranking.py`` prints five-fold cross-validated figures beside those of hand weights,
then writes ``src/partages/terminologies/data/ranking.json``. About a minute; the seed is fixed.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp

from partages.terminologies import ranking
from partages.terminologies.search import Index, index
from partages.usecases.code import attestation
from partages.usecases.code.evaluation import RANKS, Case, hard, read

ROOT = Path(__file__).parents[1]
SOURCES = (
    ROOT / "benchmarks" / "data" / "passages" / "clinical.tsv",
    ROOT / "tests" / "usecases" / "code" / "golden" / "passages.tsv",
)
NOTHING = ROOT / "benchmarks" / "data" / "passages" / "nothing.txt"
"""Lines of reports that attest no code."""
OUT = ROOT / "src" / "partages" / "terminologies" / "data" / "ranking.json"
CANDIDATES = 300
"""Codes set against the right one, for each passage."""
RIDGE = 0.02
SEED = 20261124
SCALE = 8.0
"""Hand weights: 1 on ``whole``; the scale of the logistic changes no rank."""


def gather(searched: Index, cases: Sequence[Case]) -> list[np.ndarray]:
    """For each passage, the figures of the right code (first row) and of the nearest others."""
    out = []
    for case in cases:
        rows = searched.figures(case.passage)
        right = searched.numbers[case.code]
        nearest = np.argsort(-rows[:, :3].max(axis=1), kind="stable")[:CANDIDATES]
        out.append(rows[np.concatenate([[right], nearest[nearest != right]])])
    return out


def fit(groups: Sequence[np.ndarray]) -> np.ndarray:
    """Weights of a conditional logistic regression: the right code against the others of its passage."""
    width = len(ranking.NAMES)
    start = np.zeros(width)
    start[0] = SCALE

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        total, slope = (
            RIDGE * len(groups) * ((weights - start) ** 2).sum() / 2,
            RIDGE * len(groups) * (weights - start),
        )
        for rows in groups:
            z = rows @ weights
            norm = logsumexp(z)
            total += norm - z[0]
            slope = slope + np.exp(z - norm) @ rows - rows[0]
        return total, slope

    return np.asarray(minimize(loss, start, jac=True, method="L-BFGS-B").x)


def ranks(groups: Sequence[np.ndarray], weights: np.ndarray) -> list[int]:
    return [int((rows @ weights >= rows[0] @ weights - 1e-9).sum()) for rows in groups]


def show(name: str, found: Sequence[int]) -> None:
    hits = "  ".join(f"@{n} {np.mean(np.array(found) <= n):.3f}" for n in RANKS)
    sys.stdout.write(f"{name:28} n={len(found)}  {hits}\n")


def main() -> None:
    searched = index()
    cases = [case for path in SOURCES for case in read(path) if case.split == "tune"]
    groups = gather(searched, cases)
    hand = np.zeros(len(ranking.NAMES))
    hand[0] = SCALE
    show("whole passage only", ranks(groups, hand))
    by_hand = hand.copy()
    by_hand[1] = SCALE
    show("whole and best part, alike", ranks(groups, by_hand))
    order = np.random.default_rng(SEED).permutation(len(groups))
    crossed = np.zeros(len(groups), int)
    for fold in range(5):
        test = order[fold::5]
        learned = fit([groups[i] for i in order if i not in set(test)])
        crossed[test] = ranks([groups[i] for i in test], learned)
    for label, wanted in (("clinical", "clinical"), ("golden", "golden")):
        kept = [i for i, case in enumerate(cases) if (case in read(SOURCES[0])) == (wanted == "clinical")]
        show(f"learned, crossed, {label}", crossed[kept].tolist())
    weights = fit(groups)
    show("learned, on itself", ranks(groups, weights))
    shift = -float(np.median([rows[0] @ weights for rows in groups]))
    stored = {"columns": ranking.NAMES, "weights": {"ranking": [*weights.round(4).tolist(), round(shift, 4)]}}
    write(stored)
    stored["weights"]["attested"] = fit_attested(searched, cases).round(4).tolist()
    write(stored)
    for column, value in zip(ranking.NAMES, weights, strict=True):
        sys.stdout.write(f"  {column:14} {value:7.3f}\n")


def fit_attested(searched: Index, cases: Sequence[Case]) -> np.ndarray:
    """Logistic regression on pairs; right, easy wrong and hard wrong ones weigh 2, 1 and 1 in all."""
    others = sorted({case.code for case in cases})
    right, easy, close = [], [], []
    for passage in NOTHING.read_text(encoding="utf-8").splitlines():
        rows = searched.figures(passage)
        first = [searched.numbers[hit.code] for hit in searched.rank(ranking.likeness(rows), 10)]
        close.append(attestation.measures(searched, rows, first))
    for case in cases:
        rows = searched.figures(case.passage)
        for side, names in (
            (right, [case.code]),
            (easy, [other for other in others if other[:3] != case.code[:3]]),
            (close, hard(searched, rows, case.code)),
        ):
            side.append(attestation.measures(searched, rows, [searched.numbers[name] for name in names]))
    sides = [np.concatenate(side) for side in (right, easy, close)]
    x = np.concatenate(sides)
    x = np.hstack([x, np.ones((len(x), 1))])
    y = np.repeat([1.0, 0.0, 0.0], [len(side) for side in sides])
    mass = np.concatenate(
        [np.full(len(s), w / len(s)) for s, w in zip(sides, (0.5, 0.25, 0.25), strict=True)]
    )
    penalty = np.full(x.shape[1], 1e-4)
    penalty[-1] = 0

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        z = x @ weights
        value = (mass * (np.logaddexp(0, z) - y * z)).sum() + (penalty * weights**2).sum() / 2
        return value, x.T @ (mass * (1 / (1 + np.exp(-z)) - y)) + penalty * weights

    # A higher score never makes a code less attested, nor does a smaller lead of others.
    bounds = [(0, None), (None, 0), (None, 0), (None, 0), (0, None), (None, None)]
    return np.asarray(minimize(loss, np.zeros(x.shape[1]), jac=True, method="L-BFGS-B", bounds=bounds).x)


def write(stored: dict[str, object]) -> None:
    OUT.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")
    ranking.forget()


if __name__ == "__main__":
    main()
