"""A fictitious case: its scenario, its documents and who wrote them, its reviews; one JSON file.

The keys of what is exported are those of the programme's public corpus of fictitious reports.
"""

import hashlib
import json
import re
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from partages.errors import OutputError, UsageError

Sex = Literal["F", "M"]
Origin = Literal["", "human", "generated", "assisted"]
"""Who wrote: nobody yet; a person; a model; a person, where a model had drafted before."""
_WORD = re.compile(r"\w+(?:['’-]\w+)*")


class Coded(BaseModel):
    """A code (CIM-10 without a dot, CCAM) and its label."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: str
    description: str


class Quantity(BaseModel):
    """A number with its unit: ``ans``, ``mois``, ``jours``, ``nuits``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: int = Field(ge=0)
    unit: str


class Scenario(BaseModel):
    """What the writer is asked to tell; ``name`` is made up."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    age: Quantity
    sex: Sex
    admission_mode: str
    discharge_mode: str
    primary_procedure: Coded | None
    primary_diagnosis: list[Coded] = Field(min_length=1)
    type_of_care: str


class Setting(BaseModel):
    """Made-up circumstances, so that writers need not invent names that may be somebody's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    birth_date: date
    admission_date: date
    discharge_date: date
    length_of_stay: Quantity
    hospital: str
    town: str
    physicians: list[str]
    associated_diagnoses: list[Coded]


class Written(BaseModel):
    """One document of the case."""

    model_config = ConfigDict(extra="forbid")

    type: str
    header: str
    text: str = ""
    origin: Origin = ""
    model: str = ""

    @property
    def word_count(self) -> int:
        return count_words(self.text)


class Review(BaseModel):
    """What a second physician decided of the texts whose fingerprint is given."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reviewer: str
    decision: Literal["accepted", "changes"]
    comments: str = ""
    despite: str = ""
    """Why it is accepted although a check is not passed."""
    texts: str
    day: date


class Abstract(BaseModel):
    """The case as finally written, in codes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    primary_diagnosis: list[Coded]
    primary_procedure: Coded | None
    admission_mode: str
    discharge_mode: str
    length_of_stay: Quantity


class Case(BaseModel):
    """All of it."""

    model_config = ConfigDict(extra="forbid")

    format: Literal[1] = 1
    id: str = Field(pattern=r"^[0-9a-f]{12}$")
    local_id: str = Field(pattern=r"^[\w-]{1,80}$")
    specialty: str
    pool: str
    scenario: Scenario
    setting: Setting
    documents: list[Written] = Field(min_length=1)
    author: str = ""
    reviews: list[Review] = []
    structured_abstract: Abstract | None = None

    @property
    def written(self) -> bool:
        """Whether every document has a text."""
        return all(document.text.strip() for document in self.documents)

    @property
    def human(self) -> bool:
        """Whether a person alone wrote all of it."""
        return all(document.origin == "human" for document in self.documents)

    @property
    def texts(self) -> str:
        """Fingerprint of the texts: a review is of these and of no others."""
        told = json.dumps([[one.type, one.header, one.text, one.origin] for one in self.documents])
        return hashlib.sha256(told.encode()).hexdigest()[:16]

    @property
    def accepted(self) -> Review | None:
        """The last review, if it accepts the texts as they now are."""
        last = self.reviews[-1] if self.reviews else None
        return last if last and last.decision == "accepted" and last.texts == self.texts else None

    def abstract(self) -> Abstract:
        """The one given, else that of the scenario."""
        if self.structured_abstract:
            return self.structured_abstract
        return Abstract(
            primary_diagnosis=self.scenario.primary_diagnosis,
            primary_procedure=self.scenario.primary_procedure,
            admission_mode=self.scenario.admission_mode,
            discharge_mode=self.scenario.discharge_mode,
            length_of_stay=self.setting.length_of_stay,
        )

    def document(self, kind: str) -> Written:
        """The document of a kind.

        Raises:
            UsageError: the case has none.
        """
        for document in self.documents:
            if document.type == kind:
                return document
        kinds = ", ".join(one.type for one in self.documents)
        raise UsageError(f"Le cas {self.local_id} n'a pas de document « {kind} » ; il attend : {kinds}.")


def count_words(text: str) -> int:
    """Words: runs of letters and digits, joined by apostrophes and hyphens."""
    return sum(1 for _ in _WORD.finditer(text))


def read_case(path: Path) -> Case:
    """The case of a file.

    Raises:
        UsageError: it cannot be read, or is not a case.
    """
    try:
        return parse_case(path.read_bytes(), f"« {path} »")
    except OSError as error:
        raise UsageError(f"« {path} » ne peut pas être lu ({error.strerror}).") from None


def parse_case(data: bytes | str, name: str = "Ce fichier") -> Case:
    """A case from its JSON.

    Raises:
        UsageError: it is not a case.
    """
    try:
        return Case.model_validate_json(data)
    except ValidationError as error:
        place = ".".join(map(str, error.errors()[0]["loc"])) or "JSON"
        raise UsageError(f"{name} n'est pas un cas de « partages fiction » ({place}).") from None


def write_case(path: Path, case: Case) -> None:
    """Write a case whole or not at all.

    Raises:
        OutputError: it cannot be written.
    """
    write_bytes(path, (case.model_dump_json(indent=2) + "\n").encode())


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file whole or not at all.

    Raises:
        OutputError: it cannot be written.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(data)
        partial.replace(path)
    except OSError as error:
        raise OutputError(f"« {path} » ne peut pas être écrit ({error.strerror}).") from None


def cases_in(paths: Iterable[Path]) -> list[tuple[Path, Case]]:
    """The cases of files, and of the ``.json`` of folders, in order.

    Raises:
        UsageError: nothing is found, or something is not a case.
    """
    files: list[Path] = []
    for path in paths:
        files += sorted(path.glob("*.json")) if path.is_dir() else [path]
    if not files:
        raise UsageError(
            "Aucun cas : donnez des fichiers .json, ou le dossier de « partages fiction sample »."
        )
    return [(file, read_case(file)) for file in files]


def exported(case: Case) -> dict[str, Any]:
    """A case in the shape of the public corpus; documents that a model had a hand in also say ``origin``."""
    documents = []
    for one in case.documents:
        row: dict[str, Any] = {
            "type": one.type, "header": one.header, "text": one.text, "word_count": one.word_count,
        }  # fmt: skip
        if one.origin != "human":
            row |= {"origin": one.origin, "model": one.model}
        documents.append(row)
    accepted = case.accepted
    return {
        "id": case.id,
        "local_id": case.local_id,
        "specialty": case.specialty,
        "author": case.author,
        "reviewer": accepted.reviewer if accepted else "",
        "pool": case.pool,
        "suggested_scenario": case.scenario.model_dump(),
        "documents": documents,
        "structured_abstract": case.abstract().model_dump(),
    }
