"""Sex and age of the patient as the report gives them, and the codes that they exclude (``data/persons.tsv``)."""

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

Sex = Literal["femme", "homme"]

HEAD = 1500
"""Characters of a report in which the patient is presented."""
ADULT, ELDERLY_MOTHER = 15, 60
"""Ages in years from which perinatal codes, and pregnancy, are excluded."""

_WOMAN = re.compile(r"\b(?:patientes?|mme|madame|mlle|femme|fillette|parturiente|née le)\b", re.IGNORECASE)
_MAN = re.compile(r"\b(?:monsieur|mr|homme|garçon)\b|\bM\. (?=[A-Z])|\bné le\b", re.IGNORECASE)
_AGE = re.compile(r"\b(\d{1,3}) ?ans\b", re.IGNORECASE)
_NEWBORN = re.compile(
    r"nouveau[- ]?née?s?\b|\bprématur|\bà la naissance\b|\bmaternité\b|\bApgar\b|\bnourrisson|\bde vie\b",
    re.IGNORECASE,
)
_SPAN = re.compile(r"(?:depuis|il y a|pendant|dans|à|en) (?:environ |plus de )?$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Person:
    """``sex``: None where the report is silent or says both; ``age`` in years, None where it is silent."""

    sex: Sex | None
    age: int | None


def read(text: str) -> Person:
    """From the words that present the patient, at the head of a report; nothing of a newborn, presented with the mother."""
    head = text[:HEAD]
    if _NEWBORN.search(head):
        return Person(None, None)  # mother and child are both presented
    women, men = len(_WOMAN.findall(head)), len(_MAN.findall(head))
    sex: Sex | None = "femme" if women and not men else "homme" if men and not women else None
    if sex is None and women != men and re.search(r"\bpatiente\b", head, re.IGNORECASE):
        sex = "femme"
    ages = [int(m.group(1)) for m in _AGE.finditer(head) if not _SPAN.search(head[: m.start()])]
    return Person(sex, next((age for age in ages if age <= 115), None))


def excluded(code: str, person: Person) -> Literal["sexe", "âge"] | None:
    """Why this patient cannot have this code, or None."""
    if person.sex is not None and any(
        first <= code[: len(first)] <= last for sex, first, last in _table() if sex != person.sex
    ):
        return "sexe"
    if person.age is not None and code[0] == "P" and person.age >= ADULT:
        return "âge"
    if person.age is not None and code[0] == "O" and person.age >= ELDERLY_MOTHER:
        return "âge"
    return None


@cache
def _table() -> tuple[tuple[str, str, str], ...]:
    text = files(__package__).joinpath("data", "persons.tsv").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in text.splitlines() if line and not line.startswith("#"))
    pairs = ((sex, item.partition("-")) for sex, ranges in rows for item in ranges.split())
    return tuple((sex, first, last or first) for sex, (first, _, last) in pairs)
