"""What ``conclude`` takes and gives."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from partages.usecases.base import Evidence, Result
from partages.usecases.base import Options as BaseOptions

Engine = Literal["auto", "extractive", "generated", "locate"]

Origin = Literal["found", "extractive", "generated", "edited", "absent"]
"""Where the text comes from: the report's own conclusion, sentences of the report, a model, the user;
``absent`` when ``locate`` finds no conclusion, or when no sentence of the text is worth quoting."""


class Options(BaseOptions):
    """What a user may ask."""

    engine: Engine = Field(
        "auto",
        description="auto : la conclusion présente, sinon une ébauche extraite ; extractive : une ébauche faite "
        "de phrases du compte rendu ; generated : une ébauche rédigée par le modèle ; locate : la conclusion "
        "présente, ou rien.",
    )
    max_sentences: int = Field(6, ge=1, le=30, description="Nombre de phrases d'une ébauche, au plus.")
    conclusion: str | None = Field(
        None,
        max_length=100_000,
        description="Conclusion relue par une personne : elle est seulement vérifiée, phrase par phrase.",
        json_schema_extra={"cli": False},
    )


class Sentence(BaseModel):
    """One sentence of the conclusion, and whether the report says so.

    ``reasons`` are French; empty when ``supported``. ``evidence`` are the report's passages
    closest to the sentence, best first, whether or not they support all of it.
    """

    model_config = ConfigDict(frozen=True)

    text: str
    supported: bool
    evidence: list[Evidence] = []
    reasons: list[str] = []


class ConcludeResult(Result):
    """The conclusion; ``located`` is where the report's own stands, whenever it has one."""

    conclusion: str
    sentences: list[Sentence]
    origin: Origin
    located: Evidence | None = None
