"""Train ``partages.usecases.code.confidence``: how often a proposal is right.

    python scripts/train_confidence.py

Logistic regression (ridge, C = 1) on every proposal of ``benchmarks/data/stays``: rules are tuned on the
``dev`` stays, where proposals are right too often, so these weigh a tenth. Prints the reliability on the
others, five-fold cross-validated by stay, then writes ``src/partages/usecases/code/data/confidence.json``.
Some ten seconds.
"""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

from partages.documents import Document
from partages.usecases.code import confidence
from partages.usecases.code.engine import ranked
from partages.usecases.code.schema import Options

ROOT = Path(__file__).parents[1]
WEIGHTS = {"held-out": 1.0, "long-held-out": 1.0, "dev": 0.1, "long-dev": 0.1}
FOLDS = 5
OUT = ROOT / "src/partages/usecases/code/data/confidence.json"


def _stays():  # type: ignore[no-untyped-def]
    spec = importlib.util.spec_from_file_location("stays", ROOT / "benchmarks" / "stays.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def fit(x: np.ndarray, y: np.ndarray, mass: np.ndarray) -> LogisticRegression:
    return LogisticRegression(C=1.0, fit_intercept=False, max_iter=1000).fit(x, y, mass)


def main() -> None:
    stays = _stays()
    x, y, mass, fold = [], [], [], []
    for split, weight in WEIGHTS.items():
        for number, stay in enumerate(stays.read(split)):
            options = Options(ccam=stay.get("ccam", []))
            for found in ranked(Document(stay["id"], stay["text"]), options):
                x.append(found.measures)
                y.append(stays.is_right(stay, found.code, found.role))
                mass.append(weight)
                fold.append(number % FOLDS if weight == 1 else -1)
    rows, right, masses, folds = np.array(x), np.array(y), np.array(mass), np.array(fold)
    crossed = []
    for each in range(FOLDS):
        test = folds == each
        model = fit(rows[~test], right[~test], masses[~test])
        crossed += zip(model.predict_proba(rows[test])[:, 1].tolist(), right[test].tolist(), strict=True)
    sys.stdout.write(f"crossed by stay, {len(crossed)} proposals: {stays.reliability(crossed)}\n")
    weights = [round(float(w), 4) for w in fit(rows, right, masses).coef_[0]]
    OUT.write_text(json.dumps({"columns": confidence.NAMES, "weights": weights}) + "\n", encoding="utf-8")
    sys.stdout.write(f"{len(y)} proposals, {sum(y)} right\n")
    for name, weight in zip(confidence.NAMES, weights, strict=True):
        sys.stdout.write(f"  {name:18} {weight:7.3f}\n")


if __name__ == "__main__":
    main()
