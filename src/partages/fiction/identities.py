"""Names that are nobody's: surnames made of parts and found in no list, hospitals and towns that do not exist."""

import json
from dataclasses import dataclass
from datetime import date
from functools import cache
from random import Random
from typing import Any

from partages.text import fold
from partages.usecases.pseudonymise import gazetteers


@dataclass(frozen=True, slots=True)
class Identity:
    """The patient, and who cares for them."""

    name: str
    hospital: str
    town: str
    physicians: list[str]


@cache
def _parts() -> dict[str, Any]:
    parts: dict[str, Any] = json.loads((gazetteers.DATA / "substituts.json").read_text(encoding="utf-8"))
    return parts


def is_nobodys(name: str) -> bool:
    """Whether a surname is in none of the lists of surnames, first names, towns and words."""
    plain = fold(name)
    return not (
        plain in gazetteers.surnames()
        or plain in gazetteers.communes()
        or gazetteers.first_name(name)
        or gazetteers.is_word(name)
        or gazetteers.is_medical(name)
    )


def surname(dice: Random) -> str:
    """A surname that nobody is known to bear."""
    while True:
        name = str(dice.choice(_parts()["Nom_racines"]) + dice.choice(_parts()["Nom_finales"]))
        if is_nobodys(name):
            return name


def identity(dice: Random, sex: str, born: date, seen: date) -> Identity:  # noqa: ARG001
    """A patient of a sex, two physicians, a hospital and a town, all made up."""
    first = dice.choice(_parts()[f"Prenom_{sex}"])
    physicians = [
        f"Dr {dice.choice(_parts()['Prenom_' + dice.choice('FM')])} {surname(dice).upper()}" for _ in range(2)
    ]
    article = dice.choice(("des", "de la", "du"))
    place = dice.choice(_parts()["Etablissement"][article])
    town = dice.choice(_parts()["Etablissement"]["du"])
    return Identity(
        f"{first} {surname(dice).upper()}", f"Centre hospitalier {article} {place}", town, physicians
    )
