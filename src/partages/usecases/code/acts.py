"""CCAM acts of a stay, and whether a diagnosis agrees with them.

A CCAM code is four letters and three digits: the first letter is the topography, the third the action, the fourth the
access (Assurance maladie, CCAM, "structure des codes"); an extension may follow (activity, phase, documentation).
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from partages.errors import BadDocument

_CODE = re.compile(r"([A-Z]{4}\d{3})(?:[- +][\w+ -]{0,8})?")


@dataclass(frozen=True, slots=True)
class Topography:
    """Where the acts of a letter are done, and the CIM-10 categories they treat, as (first, last) ranges."""

    organ: str
    categories: tuple[tuple[str, str], ...]


@cache
def topographies() -> dict[str, Topography]:
    """First letter of a CCAM code -> its topography (``data/ccam.tsv``)."""
    content = files(__package__).joinpath("data", "ccam.tsv").read_text(encoding="utf-8")
    found = {}
    for line in content.splitlines():
        if line and not line.startswith("#"):
            letter, organ, ranges = line.split("\t")
            pairs = [tuple(item.split("-")) for item in ranges.split()]
            found[letter] = Topography(organ, tuple((first, last) for first, last in pairs))
    return found


def read_acts(given: Iterable[str]) -> tuple[str, ...]:
    """The CCAM codes, in capitals, without extension, each once.

    Raises:
        BadDocument: one is not written as a CCAM code.
    """
    acts = []
    for number, value in enumerate(given, 1):
        match = _CODE.fullmatch(value.strip().upper())
        if match is None:
            raise BadDocument(
                f"L'acte CCAM n° {number} n'est pas un code : il en faut quatre lettres et trois chiffres (HMFC004)."
            )
        acts.append(match.group(1))
    return tuple(dict.fromkeys(acts))


def treats(act: str, code: str) -> bool | None:
    """Whether an act is of the organ of a diagnosis; None where the code or the act says nothing of an organ."""
    topography = topographies().get(act[0])
    if topography is None or act[2] == "Q" or code[0] in "RTUZ":
        return None
    return any(first <= code[:3] <= last for first, last in topography.categories)


def disagreement(principal: str, acts: Sequence[str]) -> str | None:
    """A French sentence where no act of the stay is of the organ of the DP, else None."""
    verdicts = {act: treats(act, principal) for act in acts}
    if not verdicts or any(verdict is not False for verdict in verdicts.values()):
        return None
    act = next(iter(verdicts))
    return f"Le DP ne s'accorde pas avec l'acte {act} ({topographies()[act[0]].organ}) : vérifiez l'un et l'autre."
