"""Which code leads, which follow, and how much each weighs.

Sources: guide méthodologique de production des informations relatives à l'activité médicale et à sa
facturation en MCO (ATIH), chapter on the coding of the DP and of the DAS. The DP is the health problem that
motivated the admission, known at the end of the stay; a code of type 1, 2, 3 or 4 may not be it; symptoms
(chapter XVIII) and chapter XXI give way to a diagnosis. Weights are this project's; they order, they do not
calibrate.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from partages.context import Context
from partages.terminologies.cim10 import MCO, Nomenclature
from partages.usecases.code.passages import Passage
from partages.usecases.code.schema import Role

MIN_STANDING = 0.3
"""Under it a code is not proposed; chosen by reading proposals on FRASIMED cases."""
BACKGROUND = 0.6
"""Factor on diseases that accompany most stays (``data/background.txt``), when the DP is chosen."""
SYMPTOM = 0.6
"""Factor on a symptom, where a disease is there too."""
CIRCUMSTANCE = 0.7
"""Factor on chapter XXI."""
PAST = 0.7
"""Factor on a lasting disease that only the history mentions."""
REPEATED = 0.1
"""Gain each time the number of mentions doubles."""
FULL = 1.3
"""Weight that a score of 1 stands for: a perfect match in the conclusion."""


@dataclass(frozen=True, slots=True)
class Mention:
    """A code read at a place of the text."""

    code: str
    start: int
    end: int
    score: float
    passage: Passage


@dataclass(frozen=True, slots=True)
class Ranked:
    """A code with its role, its score from 0 to 1, and its mentions in order."""

    code: str
    role: Role
    score: float
    mentions: tuple[Mention, ...]


@cache
def _ranges(name: str) -> tuple[tuple[str, str], ...]:
    text = files(__package__).joinpath("data", name).read_text(encoding="utf-8")
    lines = (line.split() for line in text.splitlines() if line and not line.startswith("#"))
    return tuple((first, last) for first, last in lines)


def listed(code: str, name: str) -> bool:
    """Whether a code's category is in one of the ranges of a data file."""
    return any(first <= code[:3] <= last for first, last in _ranges(name))


def rank(kept: Iterable[tuple[Mention, Context]], nomenclature: Nomenclature) -> list[Ranked]:
    """The DP first, if any code may be it, then the DAS, heaviest first."""
    places: dict[str, list[Mention]] = {}
    current: set[str] = set()
    for mention, said in kept:
        places.setdefault(mention.code, []).append(mention)
        if not said.history and mention.passage.section != "history":
            current.add(mention.code)
    disease = any(code[0] not in "RZ" for code in current)
    weight = {code: _weight(code, found, code in current, disease) for code, found in places.items()}
    order = [code for code in places if weight[code] >= MIN_STANDING]
    order = _most_specific(sorted(order, key=lambda code: (-weight[code], places[code][0].start)))
    principal = max(
        (c for c in order if c in current and _may_lead(nomenclature, c, disease)),
        key=lambda c: weight[c] * (BACKGROUND if listed(c, "background.txt") else 1),
        default=None,
    )
    if principal is not None:
        order = [principal, *(code for code in order if code != principal)]
    return [
        Ranked(
            code,
            "DP" if code == principal else "DAS",
            round(min(1.0, weight[code] / FULL), 3),
            tuple(places[code]),
        )
        for code in order
    ]


def _may_lead(nomenclature: Nomenclature, code: str, disease: bool) -> bool:
    """Whether MCO allows a code as DP, and no diagnosis stands before it."""
    return nomenclature[code].type is MCO.FREE and not (disease and code[0] in "RZ")


def _weight(code: str, found: Sequence[Mention], current: bool, disease: bool) -> float:
    best = max(mention.score * mention.passage.weight for mention in found)
    best *= 1 + REPEATED * math.log2(len(found))
    if disease and code[0] == "R":
        best *= SYMPTOM
    if code[0] == "Z":
        best *= CIRCUMSTANCE
    return best if current else best * PAST


def _most_specific(order: Sequence[str]) -> list[str]:
    """Less the unspecified leaf of a category when a precise one is there, and C79.8 beside a named site."""
    precise = {code[:3] for code in order if not _vague(code)}
    secondary = any(code[:3] in ("C77", "C78", "C79") and code != "C798" for code in order)
    return [
        code
        for code in order
        if not (_vague(code) and code[:3] in precise) and not (code == "C798" and secondary)
    ]


def _vague(code: str) -> bool:
    return len(code) > 3 and code[3] == "9"
