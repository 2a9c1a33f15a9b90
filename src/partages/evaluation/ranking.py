"""Counts of one document's ranked codes: hits, reciprocal rank, accuracy, calibration.

The target is the principal diagnosis where the gold gives one, else any of its codes. Sets (micro F1)
compare all codes. Sources: MRR, Voorhees 1999; expected calibration error, Guo et al. 2017 (10 equal
bins); Brier 1950.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from partages.evaluation.statistics import Array, ratio

RANKS = (1, 3, 5, 10, 20)
BINS = 10
COLUMNS = (
    "documents",
    *(f"hits@{k}" for k in RANKS),
    "reciprocal",
    "first_three",
    "gold",
    "predicted",
    "right",
    "gold_three",
    "predicted_three",
    "right_three",
    "scored",
    "squared",
    *(f"bin_{kind}:{n}" for kind in ("count", "score", "right") for n in range(BINS)),
)
_AT = {name: number for number, name in enumerate(COLUMNS)}


def count(
    targets: Sequence[str],
    gold: Sequence[str],
    ranked: Sequence[str],
    scores: Sequence[float | None],
    allowed: Sequence[str] = (),
) -> Array:
    """The row of one document.

    Args:
        targets: codes of which the first in the ranking counts.
        gold: all right codes, without a dot.
        ranked: proposals, best first, each once.
        scores: confidence of each proposal, 0 to 1, or None.
        allowed: codes that are neither asked for nor wrong.
    """
    row = np.zeros(len(COLUMNS))
    row[0] = 1
    wanted, right = set(targets), set(gold)
    rank = next((n for n, code in enumerate(ranked, 1) if code in wanted), None)
    for k in RANKS:
        row[_AT[f"hits@{k}"]] = rank is not None and rank <= k
    row[_AT["reciprocal"]] = 1 / rank if rank else 0
    row[_AT["first_three"]] = bool(ranked) and ranked[0][:3] in {code[:3] for code in wanted}
    proposed = {code for code in ranked if code in right or code not in set(allowed)}
    row[_AT["gold"] : _AT["right"] + 1] = len(right), len(proposed), len(right & proposed)
    short, proposed_short = {code[:3] for code in right}, {code[:3] for code in proposed}
    row[_AT["gold_three"] : _AT["right_three"] + 1] = (
        len(short),
        len(proposed_short),
        len(short & proposed_short),
    )
    for code, score in zip(ranked, scores, strict=True):
        if score is None or code not in proposed:
            continue
        place, truth = min(int(score * BINS), BINS - 1), code in right
        row[_AT["scored"]] += 1
        row[_AT["squared"]] += (score - truth) ** 2
        row[_AT["bin_count:0"] + place] += 1
        row[_AT["bin_score:0"] + place] += score
        row[_AT["bin_right:0"] + place] += truth
    return row


def figures(sums: Array) -> Mapping[str, Array]:
    """Every figure from sums of rows, shape (..., columns)."""

    def column(name: str) -> Array:
        return np.asarray(sums[..., _AT[name]])

    documents = column("documents")
    out = {f"hits@{k}": ratio(column(f"hits@{k}"), documents) for k in RANKS}
    out["mrr"] = ratio(column("reciprocal"), documents)
    out["accuracy_exact"] = out["hits@1"]
    out["accuracy_three_characters"] = ratio(column("first_three"), documents)
    out["precision"] = ratio(column("right"), column("predicted"))
    out["recall"] = ratio(column("right"), column("gold"))
    out["f1_micro"] = ratio(2 * column("right"), column("gold") + column("predicted"))
    out["f1_micro_three_characters"] = ratio(
        2 * column("right_three"), column("gold_three") + column("predicted_three")
    )
    start = _AT["bin_score:0"]
    error = np.abs(sums[..., start : start + BINS] - sums[..., start + BINS :]).sum(-1)
    out["calibration_error"] = ratio(error, column("scored"))
    out["brier"] = ratio(column("squared"), column("scored"))
    return out
