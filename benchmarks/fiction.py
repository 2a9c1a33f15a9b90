"""The check of names in fictitious reports: names planted in real clinical text found, words taken for names.

    python benchmarks/fiction.py ../shared/data/frasimed --documents 200

Text: FRASIMED cases (synthetic, translated, no names). In each, a name is planted in one of six turns of phrase: a surname of
Faker (fr_FR), all of which are in the lists of the pseudonymiser, or one made of parts that is in no list. Found: a finding
covers the surname. Alarms: findings of ``personnes`` on the text as it is. Beside it, what one would write at once:
capitalised words after a title (M., Mme, Dr...). FRASIMED text, with names of another making, is among what the span model of the pseudonymiser learnt from: false alarms flatter.
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
from partages.fiction.identities import surname

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
    alarms = plain_alarms = words = 0
    planted = {
        kind: [0, 0, 0] for kind in ("listed", "unlisted")
    }  # names, found by the check, found by titles
    missed: list[str] = []
    for path in files[: given.documents]:
        text = path.read_text(encoding="utf-8")[:4000]
        words += len(text.split())
        alarms += len(flagged(text))
        plain_alarms += len(TITLED.findall(text))
        kind = dice.choice(tuple(planted))
        first, last = names.first_name(), names.last_name() if kind == "listed" else surname(dice)
        turn = dice.choice(TURNS)
        sentence = turn.format(first=first, last=last, LAST=last.upper())
        at = text.find("\n") + 1
        whole = f"{text[:at]}{sentence}\n{text[at:]}"
        said = " ".join(flagged(whole)).casefold()
        hit = all(part.casefold() in said for part in last.split() if len(part) > 3)
        planted[kind][0] += 1
        planted[kind][1] += hit
        planted[kind][2] += any(last in one for one in TITLED.findall(whole))
        missed += [] if hit else [f"{kind}: {turn}"]
    rows = {
        kind: {
            "planted": total,
            "check": (found, wilson(found, total)),
            "titles": (plain, wilson(plain, total)),
        }
        for kind, (total, found, plain) in planted.items()
    }
    told = {"check": 1000 * alarms / words, "titles": 1000 * plain_alarms / words}
    print(
        json.dumps(
            {"words": words, "alarms per 1000 words": told, **rows, "missed": missed},
            ensure_ascii=False,
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
