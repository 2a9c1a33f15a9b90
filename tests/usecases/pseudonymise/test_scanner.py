"""Engine ``fast``: what one pass over token classes finds, and what it leaves."""

import itertools

import pytest

from partages.documents import Document
from partages.usecases.pseudonymise.engine import pseudonymise, quick
from partages.usecases.pseudonymise.patient import KnownPatient
from partages.usecases.pseudonymise.scanner import scan
from partages.usecases.pseudonymise.schema import Options


def found(text: str) -> list[tuple[str, str]]:
    return [(span.label, text[span.start : span.end]) for span in scan(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Mme AVRIL Josiane, vue ce jour.", [("Nom", "AVRIL"), ("Prenom", "Josiane")]),
        ("Dr d'Agostino et M. Ould Ahmed", [("Nom", "d'Agostino"), ("Nom", "Ould Ahmed")]),
        ("Mme D. a vu le Dr Y. à Lorient", [("Nom", "D."), ("Nom", "Y."), ("Ville", "Lorient")]),
        ("Nom marital MARTIN Prénom YVETTE", [("Nom", "MARTIN"), ("Nom", "YVETTE")]),
        ("MmeLAGARDE est sortie.", [("Nom", "LAGARDE")]),
        ("revu par dr hamdaoui", [("Nom", "hamdaoui")]),
        ("né le 02/06/1948, opéré le 3 mars 2021", [("DateNaissancePatient", "02/06/1948"), ("DateIdentifiante", "3 mars 2021")]),
        ("Vu le 4 juin. Revu le 4 janv. à 8 h", [("DateIdentifiante", "4 juin"), ("DateIdentifiante", "4 janv.")]),
        ("Vu le vingt-six juin deux mille vingt", [("DateIdentifiante", "vingt-six juin deux mille vingt")]),
        ("IPP : 8004512 NDA 240031778", [("CodeIdentifiant", "8004512"), ("CodeIdentifiant", "240031778")]),
        ("Tél. : 01 99 00 12 34", [("NumeroTelephone", "01 99 00 12 34")]),
        ("CHU de Nantes, hôpital Saint-Louis", [("Etablissement", "Nantes"), ("Etablissement", "Saint-Louis")]),
        ("12 bis rue des Lilas, 54000 NANCY", [("Adresse", "12 bis rue des Lilas"), ("CodePostal", "54000"), ("Ville", "NANCY")]),
        ("lettre à a.durand@exemple.example", [("AdresseEmail", "a.durand@exemple.example")]),
    ],
)  # fmt: skip
def test_it_finds(text: str, expected: list[tuple[str, str]]) -> None:
    assert found(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Maladie de Parkinson, score de Glasgow 15, Doppler normal, TA 12/8, force 4/5.",
        "Doliprane 1 g x 4/j, Kardegic 75 mg, Escherichia coli, CRP 34 mg/L, INR 2,4.",
        "Créatinine 102 µmol/L. Pas de signe de Babinski. EVA 4/10, MMSE 22/30.",
        "",
        "\n \t\n",
    ],
)
def test_it_leaves(text: str) -> None:
    assert found(text) == []


def test_what_is_known_is_added_and_spans_stay_apart() -> None:
    known = KnownPatient(noms=["Kerzvadeg"], ipp="8004512")  # type: ignore[call-arg]
    spans = quick("kerzvadeg, dossier 80 04 512 ; Mme DURAND", known)
    text = "kerzvadeg, dossier 80 04 512 ; Mme DURAND"
    assert [text[s.start : s.end] for s in spans] == ["kerzvadeg", "80 04 512", "DURAND"]
    assert all(a.end <= b.start for a, b in itertools.pairwise(spans))


def test_the_engine_renders() -> None:
    result = pseudonymise(Document("a", "Mme DURAND, IPP 8004512"), Options(engine="fast", rendering="tags"))
    assert "DURAND" not in result.text
    assert "8004512" not in result.text
