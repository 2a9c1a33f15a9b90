"""Learned weights: which of the codes that a passage resembles it means, and how surely it attests one.

The ranker is a perceptron of one hidden layer over some forty figures a candidate code (``NAMES``), trained
by ``scripts/train_ranking.py`` to put the right code before the others (softmax over the candidates of a
passage); the attestation is a logistic model over a few figures (``partages.usecases.code.attestation``).
Weights are in ``data/ranking.json``.
"""

import json
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from partages.terminologies.cim10 import MCO, Nomenclature

Figures = NDArray[np.float32]

FROM_PASSAGE = (
    "whole",
    "words",
    "covered",
    "letters",
    "asked",
    "pairs",
    "one_word",
    "length",
    "clinical",
    "mass",
    "best_part",
    "first_part",
    "early_part",
    "shared_parts",
    "held_by_code",
    "held_by_category",
    "category_whole",
    "behind_category",
    "category_part",
    "subcategory_whole",
    "behind_best",
    "behind_best_part",
    "site",
    "contradicted",
    "passage_length",
    "best_whole",
)
"""Columns that come from the passage.

- whole: score of the code's nearest phrase with the passage as one; words, covered, letters, asked: its
  parts (cosine of words, share of the phrase that is covered, cosine of 2-4-grams, factor for what it
  demands); pairs: share of the phrase's neighbouring words that are neighbours in the passage; one_word,
  length, clinical: of that phrase; mass: IDF that it matches;
- best_part: best score of the parts of the passage; first_part: of the first one, most often the diagnosis;
  early_part: best score, each part counting a tenth less than the one before it; shared_parts: mean over
  parts, by length;
- held_by_code, held_by_category: share of the passage's IDF found in any phrase of the code, of its category;
- category_whole, category_part, subcategory_whole: best ``whole`` or ``best_part`` in the category (three
  characters) and subcategory (four); behind_*: distance to the best of the category, of all codes;
- site: ``partages.terminologies.sites``; contradicted: ``partages.terminologies.precision``;
  passage_length: logarithm of the words; best_whole: the best of all codes.
"""
OF_CODE = (
    "care",
    "state",
    "other_z",
    "symptom",
    "external",
    "tobacco",
    "pregnancy",
    "newborn",
    "congenital",
    "injury",
    "restricted",
    "forbidden",
    "retired",
    "residual",
    "unspecified",
    "longer",
    "default",
    "terms",
    "category_terms",
)
"""Columns that come from the code alone: care (Z4, Z5), state (Z8, Z9), chapters that passages mention
beside the disease that they attest; restricted: not of MCO type 0; residual: "Autres ..."; unspecified:
"sans précision"; longer: more than four characters; default: leaf that an unspecified mention of its
category gets; terms, category_terms: logarithm of one plus the number of clinicians' terms, which says how
common a disease is."""
NAMES = FROM_PASSAGE + OF_CODE
SAID, NAMED = 0.9, 15.0
"""Resemblance from which a passage is the phrase itself, and what each unit above it adds: of the codes that
a bare term names, the one that an unspecified mention gets leads. Set by hand, without effect on longer
passages."""
LATE = 0.9
"""Factor on each part of a passage after the first."""


def fixed(nomenclature: Nomenclature, terms: NDArray[np.int64], by_category: NDArray[np.int64]) -> Figures:
    """The columns ``OF_CODE``.

    Args:
        terms: number of clinicians' terms of each code.
        by_category: the same for its category.
    """
    defaults = {nomenclature.default_leaf(name[:3]) for name in nomenclature if name[:3] in nomenclature}
    rows = []
    for name, code in nomenclature.items():
        care, state = name[:2] in ("Z4", "Z5"), name[:2] in ("Z8", "Z9")
        rows.append(
            (
                care,
                state,
                name[0] == "Z" and not care and not state,
                name[0] == "R",
                name[0] in "VWXY",
                name.startswith("F17"),
                name[0] == "O",
                name[0] == "P",
                name[0] == "Q",
                name[0] in "ST",
                code.type is not MCO.FREE,
                code.type is MCO.FORBIDDEN,
                code.retired,
                code.label.startswith("Autre"),
                "sans précision" in code.label or "non précisé" in code.label,
                len(name) > 4,
                name in defaults,
            )
        )
    return np.column_stack([np.array(rows, np.float32), np.log1p(terms), np.log1p(by_category)]).astype(
        np.float32
    )


@cache
def weights(model: str) -> dict[str, NDArray[np.float32]]:
    """Arrays of ``ranking`` or ``attested``, by name."""
    stored = json.loads(files(__package__).joinpath("data", "ranking.json").read_text(encoding="utf-8"))
    return {name: np.array(values, dtype=np.float32) for name, values in stored[model].items()}


def perceptron(rows: Figures, model: str) -> Figures:
    """One logit a row: a hidden layer of rectified units, and the columns themselves."""
    learned = weights(model)
    scaled = (rows - learned["mean"]) / learned["scale"]
    hidden = np.maximum(scaled @ learned["inner"] + learned["bias"], 0)
    return np.asarray(
        hidden @ learned["outer"] + scaled @ learned["straight"] + learned["last"], dtype=np.float32
    )


def total(rows: Figures) -> Figures:
    """One logit a candidate of columns ``NAMES``: the higher the likelier beside the other candidates."""
    named = np.maximum(0, rows[:, NAMES.index("whole")] - SAID)
    return np.asarray(perceptron(rows, "ranking") + NAMED * named, dtype=np.float32)


def forget() -> None:
    """Read the weights again next time; for the training script."""
    weights.cache_clear()
