"""What ``pseudonymise`` takes and gives: layer ``EntiteAnonymisation`` of the national programme."""

from enum import StrEnum
from itertools import pairwise
from typing import Literal

from pydantic import Field, SecretStr, field_validator

from partages.usecases.base import Options as BaseOptions
from partages.usecases.base import Result, SpanResult
from partages.usecases.pseudonymise.patient import KnownPatient


class Categorie(StrEnum):
    """Labels of identifying spans. A span is the value alone: no title, head word or label."""

    NOM = "Nom"
    PRENOM = "Prenom"
    SITUATION_FAMILIALE = "SituationFamiliale"
    IDENTITE_SOCIALE = "IdentiteSocialePatient"
    NATIONALITE = "NationalitePatient"
    DATE_NAISSANCE = "DateNaissancePatient"
    DATE_IDENTIFIANTE = "DateIdentifiante"
    DATE_NON_IDENTIFIANTE = "DateNonIdentifiante"
    CODE = "CodeIdentifiant"
    ADRESSE = "Adresse"
    VILLE = "Ville"
    CODE_POSTAL = "CodePostal"
    PAYS = "Pays"
    EMAIL = "AdresseEmail"
    TELEPHONE = "NumeroTelephone"
    URL = "Url"
    ETABLISSEMENT = "Etablissement"


FRENCH_NAMES: dict[str, str] = {
    "Nom": "Nom",
    "Prenom": "Prénom",
    "SituationFamiliale": "Situation familiale",
    "IdentiteSocialePatient": "Identité sociale",
    "NationalitePatient": "Nationalité",
    "DateNaissancePatient": "Date de naissance",
    "DateIdentifiante": "Date identifiante",
    "DateNonIdentifiante": "Date non identifiante",
    "CodeIdentifiant": "Identifiant",
    "Adresse": "Adresse",
    "Ville": "Ville",
    "CodePostal": "Code postal",
    "Pays": "Pays",
    "AdresseEmail": "Adresse électronique",
    "NumeroTelephone": "Téléphone",
    "Url": "Adresse web",
    "Etablissement": "Établissement",
}
"""Categories as a reader sees them."""

KEPT_AS_IS = frozenset({Categorie.DATE_NON_IDENTIFIANTE})
"""Found and reported, but left in the text: a lone year or month identifies nobody, and care needs it."""


class Options(BaseOptions):
    """What a user may ask."""

    rendering: Literal["surrogates", "tags", "spans"] = Field(
        "surrogates",
        description="Texte rendu : surrogates (substituts cohérents), tags (catégories entre crochets) "
        "ou spans (texte inchangé, seules les positions sont données).",
    )
    engine: Literal["full", "rules", "fast", "llm"] = Field(
        "full",
        description="full : règles, lexiques et modèle statistique ; rules : sans modèle statistique ; fast : une seule passe, "
        "pour les entrepôts (dix fois plus rapide que full, trouve moins) ; llm : règles, lexiques et modèle de langue, bien plus lent.",
    )
    key: SecretStr = Field(
        SecretStr(""),
        description="Secret de l'établissement : un même secret donne les mêmes substituts d'un document à l'autre. "
        "Sans lui, les substituts dépendent du seul document.",
    )
    patient: str = Field(
        "",
        description="Identifiant du patient (IPP, numéro d'inclusion) : ses documents partagent le même décalage de "
        "dates et les mêmes substituts. Sans lui, chaque document a son propre décalage.",
    )
    known: KnownPatient | None = Field(
        None,
        description="Fichier JSON de ce que l'on sait du patient (noms, prénoms, naissance, adresse, téléphones, IPP, NDA, "
        "NIR, médecin traitant) : chaque occurrence est masquée, fautes de frappe comprises.",
        json_schema_extra={"cli": "json"},
        repr=False,
    )
    corrected: bool = Field(
        False,
        description="Tient pour justes les annotations des fichiers UIMA CAS JSON (.json) ou brat (.ann) : rien n'est "
        "détecté, seul le texte est rendu.",
    )
    annotations: list[SpanResult] | None = Field(
        None,
        description="Annotations du fichier reçu, employées avec « corrected ».",
        json_schema_extra={"cli": False},
    )
    spans: list[SpanResult] | None = Field(
        None,
        description="Passages déjà corrigés par une personne : rien n'est détecté, seul le texte est rendu.",
        json_schema_extra={"cli": False},
    )

    @field_validator("spans")
    @classmethod
    def _known_and_disjoint(cls, spans: list[SpanResult] | None) -> list[SpanResult] | None:
        if spans is None:
            return None
        ordered = sorted(spans, key=lambda span: span.start)
        if any(span.end <= span.start for span in ordered):
            raise ValueError("un passage doit contenir au moins un caractère")
        if any(after.start < before.end for before, after in pairwise(ordered)):
            raise ValueError("deux passages se chevauchent")
        if any(span.label not in FRENCH_NAMES for span in ordered):
            raise ValueError("catégorie inconnue ; catégories : " + ", ".join(FRENCH_NAMES))
        return ordered


class PseudonymiseResult(Result):
    """Spans refer to the text received; ``text`` is the text rendered as asked."""

    spans: list[SpanResult]
    text: str
    places: tuple[tuple[int, int], ...] = Field((), exclude=True)
    """Where each span stands in ``text``; not on the wire."""
