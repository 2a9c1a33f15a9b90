"""Subdivisions that a number or a treatment of the report decides: FEVG, BMI, glomerular filtration, insulin.

ATIH's own extensions of CIM-10 ask for them (I50.-0 to I50.-9 by FEVG, E66.-3 to E66.-9 by IMC, E11.-0 and
E11.-8 by insulin); stages of N18 by glomerular filtration are those of KDIGO 2012, as in the labels of N18.
A number that the report does not give leaves the "non précisé" subdivision.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from partages.terminologies.cim10 import MCO, Nomenclature

_FEVG = re.compile(
    r"\b(?:FEVG|FE\b|fraction d['’]éjection)(?:[^\d\n]{0,25})(\d\d)(?:\s?[-àa/]\s?(\d\d))?\s?%?",
    re.IGNORECASE,
)
_PRESERVED = re.compile(
    r"\b(?:FEVG|FE|fraction d['’]éjection)\s+(?:VG\s+)?(?:préservée|conservée|normale)", re.IGNORECASE
)
_BMI = re.compile(r"\b(?:IMC|BMI|indice de masse corporelle)[^\d\n]{0,15}(\d\d(?:[.,]\d)?)", re.IGNORECASE)
_FILTRATION = re.compile(r"\b(?:DFG\w?|clairance|MDRD|CKD[- ]?EPI)[^\d\n]{0,30}(\d{1,3})\b", re.IGNORECASE)
_INSULIN = re.compile(
    r"\binsulino[- ]?(?:trait|requ)|\b(?:sous|par|une?)\b[^.;:\n]{0,30}?(?<!sans )(?<!pas d['’])\binsuline\b"
    r"|\binsuline (?:glargine|lente|rapide|basale|asparte?|lispro|degludec|detemir|au long)"
    r"|\b(?:Lantus|Toujeo|Tresiba|Abasaglar|Levemir|Novorapid|Humalog|Apidra|Novomix)\b",
    re.IGNORECASE,
)
_STAGE = re.compile(
    r"\b(?:IRC|MRC|(?:insuffisance|maladie) rénale chronique)\b[^.;:\n]{0,30}?"
    r"\bstade ?(?:([1-5])|(IV|V|I{1,3}))[abAB]?\b",
    re.IGNORECASE,
)
_KEPT_WITHOUT = re.compile(r"\b(?:excès calorique|excès d['’]apport|hyperphagi|suraliment)", re.IGNORECASE)


DECIDED = ("E11", "E12", "E13", "E14", "E66", "I11", "I13", "I50", "N18")
"""Categories with such subdivisions."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What the report says; None where it is silent.

    Ejection fraction in %, BMI in kg/m², filtration in mL/min/1.73 m², stage (1 to 5) of the kidney disease.
    """

    ejection: float | None
    mass: float | None
    filtration: float | None
    insulin: bool
    overeating: bool
    stage: int | None = None


def read(text: str) -> Figures:
    """The lowest ejection fraction and filtration, the highest BMI, over the whole text."""
    ejections = [float(m.group(1)) for m in _FEVG.finditer(text) if 5 <= float(m.group(1)) <= 85]
    if not ejections and _PRESERVED.search(text):
        ejections = [60.0]
    masses = [float(m.group(1).replace(",", ".")) for m in _BMI.finditer(text)]
    filtrations = [float(m.group(1)) for m in _FILTRATION.finditer(text) if 2 <= float(m.group(1)) <= 150]
    return Figures(
        min(ejections, default=None),
        max((mass for mass in masses if 10 <= mass <= 90), default=None),
        min(filtrations, default=None),
        _INSULIN.search(text) is not None,
        _KEPT_WITHOUT.search(text) is not None,
        max((_stage(m) for m in _STAGE.finditer(text)), default=None),
    )


def _stage(match: re.Match[str]) -> int:
    digit, roman = match.groups()
    return int(digit) if digit else ("I", "II", "III", "IV", "V").index(roman.upper()) + 1


def refine(code: str, said: Figures, nomenclature: Nomenclature) -> str:
    """The subdivision of the same disease that the figures of the report decide, or the code itself."""
    wanted = _wanted(code, said, nomenclature)
    known = wanted in nomenclature and nomenclature[wanted].type is not MCO.FORBIDDEN
    return wanted if known else code


def contradicted(codes: Sequence[str], text: str, nomenclature: Nomenclature) -> NDArray[np.float32]:
    """1 for each code that the figures of a text give another subdivision, else 0."""
    said = read(text)
    return np.array(
        [code.startswith(DECIDED) and refine(code, said, nomenclature) != code for code in codes],
        dtype=np.float32,
    )


def _wanted(code: str, said: Figures, nomenclature: Nomenclature) -> str:
    label = nomenclature[code].label
    if "[FEVG]" in label and len(code) == 5:
        return code[:4] + _by_ejection(said.ejection)
    if code[:3] == "I50" and len(code) == 4:
        return code + _by_ejection(said.ejection)
    if code[:3] == "E66" and len(code) == 5 and code[4] in "45679":
        stem = "E669" if code[:4] == "E660" and not said.overeating else code[:4]
        return stem + _by_mass(said.mass)
    if code[:3] in ("E11", "E12", "E13", "E14") and len(code) == 5 and code[4] in "08":
        return code[:4] + ("0" if said.insulin or ("insulinotraité" in label and code[4] == "0") else "8")
    if code[:3] == "N18" and said.stage is not None:
        return f"N18{said.stage}"
    if code == "N189" and said.filtration is not None and said.filtration < 60:
        return "N18" + ("5" if said.filtration < 15 else "4" if said.filtration < 30 else "3")
    return code


def _by_ejection(value: float | None) -> str:
    if value is None:
        return "9"
    return "0" if value >= 50 else "1" if value >= 40 else "2"


def _by_mass(value: float | None) -> str:
    if value is None or value < 30:
        return "9"
    return "4" if value < 35 else "5" if value < 40 else "6" if value < 50 else "7"
