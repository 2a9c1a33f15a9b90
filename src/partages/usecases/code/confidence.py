"""How often a proposal of this kind is right: a logistic model over what is known of a proposal.

Trained by ``scripts/train_confidence.py`` on the stays of this project that rules may be tuned on; its reliability is
measured on those kept apart (docs/experiments-code.md). A DP is right when it is the exact code, a DAS when its first
three characters are those of a code that the author of the stay admits.
"""

import json
import math
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from partages.context import Context
from partages.usecases.code import rules
from partages.usecases.code.rules import Mention, Stay

NAMES = (
    "constant",
    "weight",
    "principal",
    "principal_weight",
    "retained",
    "past",
    "lasting",
    "symptom",
    "several",
    "ambulatory",
)

MOST_DOUBLINGS = 2.0
"""Beyond four mentions, one more says nothing more."""


def measures(
    code: str, found: Sequence[tuple[Mention, Context]], weight: float, principal: bool, stay: Stay
) -> tuple[float, ...]:
    """One value for each of ``NAMES``.

    Args:
        weight: of the code in its stay, from 0 to 1; for a DP, with the factors that make it lead.
    """
    sections = {mention.passage.section for mention, _ in found}
    return (
        1.0,
        weight,
        float(principal),
        weight * principal,
        float(bool(sections & {"conclusion", "reason"})),
        float(all(said.history or mention.passage.section == "history" for mention, said in found)),
        float(rules.listed(code, "chronic.txt")),
        float(code[0] in "RZ"),
        min(math.log2(len(found)), MOST_DOUBLINGS),
        float(stay.ambulatory and not principal),
    )


@cache
def _weights() -> tuple[float, ...]:
    text = files(__package__).joinpath("data", "confidence.json").read_text(encoding="utf-8")
    return tuple(json.loads(text)["weights"])


def confidence(measured: Sequence[float]) -> float:
    """From 0 to 1."""
    z = sum(value * weight for value, weight in zip(measured, _weights(), strict=True))
    return 1 / (1 + math.exp(-z))
