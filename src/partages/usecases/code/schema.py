"""What ``code`` takes and gives. Codes travel without a dot, as ATIH writes them (``C189``)."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from partages.usecases.base import Evidence, Result
from partages.usecases.base import Options as BaseOptions

Role = Literal["DP", "DAS"]
"""Principal diagnosis, significant associated diagnosis (ATIH, guide méthodologique MCO)."""

Reason = Literal["nié", "hypothèse", "famille", "antécédent", "symptôme", "sexe", "âge"]


class Options(BaseOptions):
    """What a user may ask."""

    top: int = Field(20, ge=1, le=1000, description="Nombre de codes proposés au plus.")
    passage: bool = Field(
        False,
        description="Chaque texte est une seule mention d'un diagnostic : classe toute la nomenclature.",
    )
    code: str | None = Field(
        None,
        description="Avec --passage : code dont on demande s'il est attesté par le texte.",
        json_schema_extra={"cli": False},
    )
    ccam: list[str] = Field([], description="Actes CCAM du séjour.", json_schema_extra={"cli": False})
    acts: list[str] = Field(
        [], description="Acte CCAM du séjour, option répétable : le DP tient compte de l'organe de l'acte."
    )
    specialty: str = Field(
        "",
        description="Spécialité du séjour, rendue telle quelle dans le tableau CSV.",
        json_schema_extra={"cli": False},
    )


class Level(BaseModel):
    """One step of the hierarchy, from the chapter to the code."""

    model_config = ConfigDict(frozen=True)

    code: str
    label: str


class Alternative(BaseModel):
    """A code that the same words resemble nearly as much."""

    model_config = ConfigDict(frozen=True)

    code: str
    label: str
    score: float = Field(ge=0, le=1)


class Proposal(BaseModel):
    """A code, and what makes the program propose it."""

    model_config = ConfigDict(frozen=True)

    code: str
    label: str
    role: Role | None
    score: float = Field(ge=0, le=1)
    evidence: list[Evidence] = []
    hierarchy: list[Level] = []
    alternatives: list[Alternative] = Field(
        [], description="Codes proches, pour les mêmes mots, du plus au moins proche."
    )
    reasons: list[str] = Field([], description="Pour le DP : pourquoi il mène.")


class SetAside(BaseModel):
    """A code that the text mentions without attesting it, and why it is not proposed."""

    model_config = ConfigDict(frozen=True)

    code: str
    label: str
    reason: Reason
    evidence: list[Evidence]


class CodeResult(Result):
    """Proposals, best first: the DP when there is one, then the DAS; or, for a passage, the ranking."""

    codes: list[Proposal]
    flags: list[str] = Field(
        [], description="Ce qu'il faut vérifier : un acte qui ne s'accorde pas avec le DP."
    )
    acts: tuple[str, ...] = Field((), exclude=True, description="Actes CCAM reçus, pour les autres formats.")
    specialty: str = Field("", exclude=True, description="Spécialité reçue, pour les autres formats.")
    set_aside: tuple[SetAside, ...] = ()
    attested: float | None = Field(
        None,
        description="Pour un passage et un code donnés : à quel point le texte atteste le code, de 0 à 1.",
    )
