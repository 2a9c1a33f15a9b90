"""Fictitious sample reports, to try the product without a patient's data.

Written for this project. Every person, hospital, town and number is invented; telephone numbers
come from the ranges that ARCEP reserves for fiction (decision 2018-0881, annex), addresses of
e-mail from the domains that RFC 2606 reserves (``example.org``, ``.example``).
"""

from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

# Slug of the file, title and specialty as shown to a user, in the order they are offered.
_CATALOGUE = (
    ("cardiologie-insuffisance-cardiaque", "Décompensation cardiaque et fibrillation atriale", "Cardiologie"),
    (
        "chirurgie-cholecystectomie",
        "Cholécystectomie en urgence et suites opératoires",
        "Chirurgie viscérale",
    ),
    ("oncologie-consultation", "Cancer du sein métastatique : réévaluation à six mois", "Oncologie médicale"),
    ("pneumologie-bpco", "Exacerbation de BPCO et nodule de découverte fortuite", "Pneumologie"),
    ("urgences-pyelonephrite", "Pyélonéphrite aiguë et grossesse", "Urgences"),
    ("geriatrie-lettre-de-liaison", "Chute et confusion : lettre de liaison vers l'EHPAD", "Gériatrie"),
    ("infectiologie-endocardite", "Endocardite à staphylocoque doré", "Maladies infectieuses"),
    ("neurologie-avc", "AVC ischémique thrombolysé", "Neurologie vasculaire"),
)


@dataclass(frozen=True)
class Sample:
    """One fictitious report.

    Attributes:
        name: slug, stable, used in addresses.
        title, specialty: French, as shown to a user.
        text: the report; 300 to 900 words.
    """

    name: str
    title: str
    specialty: str
    text: str = field(repr=False)


@cache
def _samples() -> tuple[Sample, ...]:
    folder = files(__name__)
    return tuple(
        Sample(name, title, specialty, (folder / f"{name}.txt").read_text(encoding="utf-8"))
        for name, title, specialty in _CATALOGUE
    )


def all_samples() -> list[Sample]:
    """Every sample report, in the order they are offered."""
    return list(_samples())
