"""The check of names in fictitious reports: names planted in real clinical text found, words taken for names.

    python benchmarks/fiction.py ../shared/data/frasimed --documents 200

Text: FRASIMED cases (synthetic, translated, no names). In each, a name is planted in one of six turns of phrase, drawn
from Faker (fr_FR): a list that the pseudonymiser was not built from. Found: a finding covers the surname. False: findings of
``personnes`` on the text as it is. Beside it, what one would write at once: capitalised words after a title (M., Mme, Dr...).
FRASIMED text, with names of another making, is among what the span model of the pseudonymiser learnt from: false alarms flatter.
"""

import argparse
import json
import random
import re
from datetime import date
from pathlib import Path

from faker import Faker
from scipy.stats import binomtest

from partages.fiction.case import Case, Coded, Quantity, Scenario, Setting, Written
from partages.fiction.checks import _people

TURNS = (
    "Adressé par le Dr {first} {last}.",
    "Avis demandé au Pr {last}, qui propose une surveillance.",
    "Mme {last} est revue en consultation.",
    "Personne de confiance : {first} {last}, sa fille.",
    "Le patient, M. {first} {last}, sort ce jour.",
    "Compte rendu dicté par {first} {LAST}.",
)
TITLED = re.compile(r"\b(?:M\.|Mme|Dr|Pr|Monsieur|Madame|Docteur)\s+((?:[A-ZÉÈÎ][\w'’-]+\s?)+)")


def case_of(text: str) -> Case:
    """A case of nobody in particular around a text."""
    scenario = Scenario(
        name="Zoé DELMAGNON", age=Quantity(value=50, unit="ans"), sex="F", admission_mode="urgences", discharge_mode="domicile",
        primary_procedure=None, primary_diagnosis=[Coded(code="I10", description="")], type_of_care="",
    )  # fmt: skip
    setting = Setting(
        birth_date=date(1970, 1, 1), admission_date=date(2020, 1, 1), discharge_date=date(2020, 1, 2),
        length_of_stay=Quantity(value=1, unit="nuits"), hospital="Centre hospitalier du Val Clair", town="Val Clair",
        physicians=["Dr Zoé DELMAGNON"], associated_diagnoses=[],
    )  # fmt: skip
    return Case(
        id="0" * 12, local_id="x", specialty="x", pool="x", scenario=scenario, setting=setting,
        documents=[Written(type="CRH", header="", text=text, origin="human")],
    )  # fmt: skip


def wilson(found: int, total: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a proportion."""
    interval = binomtest(found, total).proportion_ci(method="wilson")
    return round(float(interval.low), 3), round(float(interval.high), 3)


def flagged(text: str) -> list[str]:
    """What the check says of people in a text."""
    case = case_of(text)
    return [one.message for one in _people(case, case.documents[0])]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--documents", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    dice = random.Random(given.seed)
    Faker.seed(given.seed)
    names = Faker("fr_FR")
    files = sorted(given.folder.rglob("*.txt"))
    dice.shuffle(files)
    found = plain = alarms = plain_alarms = words = total = 0
    missed: list[str] = []
    for path in files[: given.documents]:
        text = path.read_text(encoding="utf-8")[:4000]
        words += len(text.split())
        alarms += len(flagged(text))
        plain_alarms += len(TITLED.findall(text))
        first, last = names.first_name(), names.last_name()
        turn = dice.choice(TURNS)
        sentence = turn.format(first=first, last=last, LAST=last.upper())
        at = text.find("\n") + 1
        planted = f"{text[:at]}{sentence}\n{text[at:]}"
        total += 1
        hit = any(
            last.casefold() in one.casefold() or any(part in one for part in last.split() if len(part) > 3)
            for one in flagged(planted)
        )
        found += hit
        missed += [] if hit else [turn]
        plain += any(last in one for one in TITLED.findall(planted))
    rows = {
        "check": {
            "found": found,
            "interval": wilson(found, total),
            "alarms per 1000 words": 1000 * alarms / words,
        },
        "titles": {
            "found": plain,
            "interval": wilson(plain, total),
            "alarms per 1000 words": 1000 * plain_alarms / words,
        },
    }
    print(
        json.dumps({"planted": total, "words": words, **rows, "missed": missed}, ensure_ascii=False, indent=1)
    )


if __name__ == "__main__":
    main()
