"""Scenarios drawn at random, so that together they look like hospital activity; the figures are in ``data``.

``cases.tsv`` says what may be drawn (ours, approximate); ``figures.toml`` the public figures that the whole is
made to meet, each with its source: the shares of medicine, surgery and obstetrics, and of stays without a night.
"""

import csv
import hashlib
import json
import random
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from partages.errors import UsageError
from partages.fiction.case import Case, Coded, Quantity, Scenario, Setting, Written
from partages.fiction.templates import templates
from partages.terminologies.cim10 import MCO, UnknownCode, load

SURGERY = ("chirurgie", "ophtalmologie", "urologie", "oto-rhino", "dermatologie")
OUTSIDE = ("passage aux urgences", "consultation")
"""Kinds of care that are no stay, and have no part in the figures on stays."""
FIRST_DAY, DAYS = date(2021, 1, 1), 1700
"""Admissions are drawn in these days."""
ROUNDS = 200


@dataclass(frozen=True, slots=True)
class Reason:
    """A line of ``cases.tsv``."""

    specialty: str
    care: str
    dp: str
    das: tuple[str, ...]
    act: Coded | None
    weight: float
    ages: tuple[int, int]
    women: float
    emergency: float
    nights: float
    documents: tuple[str, ...]

    @property
    def discipline(self) -> str:
        """``médecine``, ``chirurgie``, ``obstétrique``, or empty for what is no stay."""
        if self.care in OUTSIDE:
            return ""
        if self.dp.startswith("O"):
            return "obstétrique"
        operated = self.specialty.startswith(SURGERY) or (
            self.act is not None and self.act.code.startswith("Q")
        )
        return "chirurgie" if operated else "médecine"


@cache
def figures() -> dict[str, dict[str, Any]]:
    """The public figures, each with ``what``, ``value``, ``source``, ``url``, ``approximation``."""
    return tomllib.loads(
        files("partages.fiction").joinpath("data", "figures.toml").read_text(encoding="utf-8")
    )


def read_reasons(text: str, name: str = "cases.tsv") -> list[Reason]:
    """The reasons for a stay that a table holds.

    Raises:
        UsageError: a line is not of the form of ``cases.tsv``, or a code is not one that MCO takes.
    """
    found = []
    rows = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    for number, row in enumerate(csv.reader(rows, delimiter="\t", quoting=csv.QUOTE_NONE), 1):
        try:
            specialty, care, dp, das, act, label, weight, low, high, women, emergency, nights, kinds = row
            reason = Reason(
                specialty, care, dp, tuple(das.split()), Coded(code=act, description=label or act) if act else None,
                float(weight), (int(low), int(high)), float(women), float(emergency), float(nights), tuple(kinds.split()),
            )  # fmt: skip
            codes = [load().lookup(code) for code in (dp, *reason.das)]
            unknown = set(reason.documents) - templates().keys()
        except UnknownCode as error:
            raise UsageError(f"{name}, ligne {number} : {error}") from None
        except ValueError:
            raise UsageError(f"{name}, ligne {number} : il faut 13 colonnes, comme dans cases.tsv.") from None
        if codes[0].type is not MCO.FREE or any(one.type is MCO.FORBIDDEN or one.retired for one in codes):
            raise UsageError(
                f"{name}, ligne {number} : {dp} ou un diagnostic associé ne se code pas ainsi en MCO."
            )
        if unknown or not reason.documents:
            raise UsageError(
                f"{name}, ligne {number} : document inconnu, {', '.join(sorted(unknown)) or 'aucun'}."
            )
        found.append(reason)
    if not found:
        raise UsageError(f"{name} n'a aucune ligne : il en faut une par motif de séjour.")
    return found


@cache
def shipped_reasons() -> tuple[Reason, ...]:
    """Those of ``cases.tsv``."""
    data = files("partages.fiction").joinpath("data", "cases.tsv")
    return tuple(read_reasons(data.read_text(encoding="utf-8")))


def shares(reasons: Sequence[Reason]) -> list[float]:
    """The probability of each reason: its weight, raked to the public figures (Deming and Stephan, 1940)."""
    outside = sum(one.weight for one in reasons if not one.discipline)
    stays = sum(one.weight for one in reasons if one.discipline)
    aside = figures()["emergency_wards"]["value"] if stays else 1.0
    aside = aside if outside else 0.0
    disciplines = figures()["disciplines"]["value"]
    without = figures()["stays_without_night"]["value"]
    present = {one.discipline for one in reasons if one.discipline}
    total = sum(disciplines[name] for name in present)
    weights = [one.weight for one in reasons]
    nights = {one.nights == 0 for one in reasons if one.discipline}
    for _ in range(ROUNDS):
        for name in present:
            _scale(weights, [one.discipline == name for one in reasons], disciplines[name] / total)
        for none in nights if len(nights) == 2 else ():
            chosen = [bool(one.discipline) and (one.nights == 0) == none for one in reasons]
            _scale(weights, chosen, without if none else 1 - without)
    _scale(weights, [bool(one.discipline) for one in reasons], 1 - aside)
    _scale(weights, [not one.discipline for one in reasons], aside)
    return weights


def _scale(weights: list[float], chosen: list[bool], to: float) -> None:
    held = sum(weight for weight, is_chosen in zip(weights, chosen, strict=True) if is_chosen)
    if held:
        for at, is_chosen in enumerate(chosen):
            if is_chosen:
                weights[at] *= to / held


def sample(
    count: int,
    seed: int = 0,
    *,
    specialty: str | None = None,
    pool: str = "general",
    reasons: Sequence[Reason] | None = None,
) -> list[Case]:
    """Draw cases; the same arguments give the same cases, and a larger count begins with those of a smaller.

    Raises:
        UsageError: no reason of this specialty.
    """
    from partages.fiction.identities import identity

    known = list(reasons or shipped_reasons())
    chosen = [one for one in known if specialty is None or one.specialty == specialty]
    if not chosen:
        names = ", ".join(sorted({one.specialty for one in known}))
        raise UsageError(f"Aucun scénario pour « {specialty} » ; spécialités : {names}.")
    weights = shares(chosen) if specialty is None else [one.weight for one in chosen]
    cases = []
    for number in range(1, count + 1):
        dice = random.Random(f"{seed}/{specialty or ''}/{pool}/{number}")
        reason = dice.choices(chosen, weights)[0]
        sex = "F" if dice.random() < reason.women else "M"
        low, high = reason.ages
        years = round(dice.triangular(low, high, low + 0.6 * (high - low)))
        months = dice.randint(1, 11)
        age = Quantity(value=months, unit="mois") if high <= 1 else Quantity(value=years, unit="ans")
        nights = 0 if not reason.nights else max(1, round(dice.gammavariate(2.5, reason.nights / 2.5)))
        emergency = dice.random() < reason.emergency
        admitted = FIRST_DAY + timedelta(days=dice.randrange(DAYS))
        born = _born(admitted, age, dice)
        who = identity(dice, sex, born, admitted)
        nomenclature = load()
        coded = [Coded(code=one, description=nomenclature[one].title) for one in (reason.dp, *reason.das)]
        scenario = Scenario(
            name=who.name, age=age, sex=sex, admission_mode=_admission(reason, emergency),
            discharge_mode=_discharge(reason, emergency, age, dice), primary_procedure=reason.act,
            primary_diagnosis=coded[:1], type_of_care=reason.care,
        )  # fmt: skip
        setting = Setting(
            birth_date=born, admission_date=admitted, discharge_date=admitted + timedelta(days=nights),
            length_of_stay=Quantity(value=nights, unit="nuits"), hospital=who.hospital, town=who.town,
            physicians=who.physicians, associated_diagnoses=coded[1:],
        )  # fmt: skip
        told = json.dumps(
            [seed, specialty, pool, number, scenario.model_dump(), setting.model_dump(mode="json")]
        )
        slug = reason.specialty.replace(" ", "-")
        case = Case(
            id=hashlib.sha256(told.encode()).hexdigest()[:12], local_id=f"{slug}-{seed}-{number:04}",
            specialty=reason.specialty, pool=pool, scenario=scenario, setting=setting,
            documents=[Written(type=kind, header="") for kind in reason.documents],
        )  # fmt: skip
        for document in case.documents:
            document.header = templates()[document.type].header(case)
        cases.append(case)
    return cases


def _born(admitted: date, age: Quantity, dice: random.Random) -> date:
    """A day of birth that makes the age true on the day of admission."""
    if age.unit == "mois":
        return admitted - timedelta(days=round(30.44 * age.value) + dice.randrange(1, 28))
    day = admitted.replace(year=admitted.year - age.value, day=min(admitted.day, 28))
    return day - timedelta(days=dice.randrange(1, 360))


def _admission(reason: Reason, emergency: bool) -> str:
    if reason.care == "consultation":
        return "consultation programmée"
    return "urgences" if emergency else "domicile, programmée"


def _discharge(reason: Reason, emergency: bool, age: Quantity, dice: random.Random) -> str:
    if reason.care != "hospitalisation complète":
        return "domicile"
    old = age.unit == "ans" and age.value >= 75
    home, moved, died = figures()["discharge"]["value"]["75 and over" if old else "under 75"]
    drawn = dice.choices(["domicile", "soins de suite et de réadaptation", "décès"], [home, moved, died])[0]
    young = age.unit != "ans" or age.value < 40
    return "domicile" if drawn != "domicile" and (young or (not emergency and drawn == "décès")) else drawn


def sample_file(path: Path) -> list[Reason]:
    """The reasons of a site's own table.

    Raises:
        UsageError: it cannot be read, or ``read_reasons`` refuses it.
    """
    try:
        return read_reasons(path.read_text(encoding="utf-8"), f"« {path} »")
    except (OSError, UnicodeDecodeError):
        raise UsageError(
            f"« {path} » ne peut pas être lu : donnez un tableau en UTF-8, comme cases.tsv."
        ) from None
