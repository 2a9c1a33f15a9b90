"""What the hospital knows of a patient, as ``--known`` or the field ``known`` of a JSON line gives it."""

import datetime
import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, field_validator, model_validator

from partages.text import fold, strip_accents

MAX_VALUES = 50
"""Values of one kind; a patient does not have more, and a list is not a place for a directory."""
MAX_LENGTH = 200
"""Characters of one value."""
CIVILITIES = frozenset("m mr mme mlle monsieur madame mademoiselle dr docteur pr professeur".split())
TITLES = CIVILITIES | {"patient", "patiente", "enfant", "bebe", "me", "maitre"}
"""Folded words that announce a name and are none of it."""

_KEYS = {
    "names": "nom noms nomusage nomdusage nomfamille nomdefamille name names lastname lastnames familyname surname family",
    "birth_names": "nomnaissance nomdenaissance nomjeunefille birthname maidenname",
    "first_names": "prenom prenoms firstname firstnames given givenname givennames",
    "birth_date": "datenaissance datedenaissance ddn naissance birthdate dateofbirth",
    "birth_place": "lieunaissance lieudenaissance villenaissance birthplace",
    "addresses": "adresse adresses address addresses rue street",
    "postal_codes": "codepostal codespostaux postalcode postalcodes zip",
    "towns": "ville villes commune town towns city",
    "phones": "telephone telephones tel phone phones mobile portable",
    "emails": "email emails mail courriel courriels adresseemail adressemail",
    "ipp": "ipp nip nipouipp patientid",
    "nda": "nda ndas iep visitnumber",
    "nir": "nir ins nss securitesociale numerosecuritesociale ssn",
    "general_practitioner": "medecintraitant generalpractitioner gp medecin",
    "relatives": "proches entourage relatives personnedeconfiance contacts",
}  # fmt: skip
_FIELD_OF = {key: field for field, keys in _KEYS.items() for key in keys.split()}
_FIELD_OF |= {field.replace("_", ""): field for field in _KEYS}


def _values(value: Any) -> tuple[str, ...]:
    """One value or several, as a tuple of strings without blanks."""
    if value is None:
        return ()
    if isinstance(value, (str, int)) and not isinstance(value, bool):
        value = [value]
    if not isinstance(value, (list, tuple)) or len(value) > MAX_VALUES:
        raise ValueError("une valeur ou une courte liste de valeurs est attendue")
    texts = []
    for item in value:
        if not isinstance(item, (str, int)) or isinstance(item, bool) or len(str(item)) > MAX_LENGTH:
            raise ValueError("un texte court est attendu")
        if text := str(item).strip():
            texts.append(text)
    return tuple(texts)


class _Known(BaseModel):
    """Keys are read in French or English, whatever their case and separators."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        if isinstance(value, _Known):
            return value
        if not isinstance(value, Mapping):
            raise ValueError("un objet JSON est attendu, voir docs/pseudonymise.md")
        named: dict[str, Any] = {}
        for key, item in value.items():
            if item is None or item == "":
                continue
            plain = re.sub(r"[\W_]", "", strip_accents(str(key)).casefold())
            field = _FIELD_OF.get(plain, "")
            if field not in cls.model_fields:
                raise ValueError("une clé est inconnue ; les clés sont dans docs/pseudonymise.md")
            if field in named and field not in ("birth_date", "general_practitioner", "relatives"):
                item = (*_values(named[field]), *_values(item))
            named[field] = item
        address = named.get("addresses")
        if isinstance(address, Mapping):  # {"rue": ..., "code_postal": ..., "ville": ...}
            del named["addresses"]
            for key, item in cls._named(address).items():  # type: ignore[operator]
                named[key] = (*_values(named.get(key)), *_values(item))
        return named

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    __str__ = __repr__


class KnownPerson(_Known):
    """Somebody around the patient: general practitioner, relative."""

    names: tuple[str, ...] = ()
    first_names: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    postal_codes: tuple[str, ...] = ()
    towns: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()

    _listed = field_validator(
        "names", "first_names", "addresses", "postal_codes", "towns", "phones", "emails", mode="before"
    )(_values)


class KnownPatient(KnownPerson):
    """What is known of one patient; every key may be left out."""

    birth_names: tuple[str, ...] = ()
    birth_date: datetime.date | None = None
    birth_place: tuple[str, ...] = ()
    ipp: tuple[str, ...] = ()
    nda: tuple[str, ...] = ()
    nir: tuple[str, ...] = ()
    general_practitioner: KnownPerson | None = None
    relatives: tuple[KnownPerson, ...] = ()

    _listed_too = field_validator("birth_names", "birth_place", "ipp", "nda", "nir", mode="before")(_values)

    @field_validator("birth_date", mode="before")
    @classmethod
    def _date(cls, value: Any) -> Any:
        """ISO or French order, any separator."""
        if not isinstance(value, str):
            return value
        if match := re.fullmatch(r"(\d{4})\D?(\d{1,2})\D?(\d{1,2})(?:T.*)?", value.strip()):
            year, month, day = match.groups()
        elif match := re.fullmatch(r"(\d{1,2})\D?(\d{1,2})\D?(\d{4})", value.strip()):
            day, month, year = match.groups()
        else:
            raise ValueError("une date de naissance s'écrit 1951-02-03 ou 03/02/1951")
        try:
            return datetime.date(int(year), int(month), int(day))
        except ValueError:
            raise ValueError("cette date de naissance n'existe pas") from None

    @field_validator("general_practitioner", mode="before")
    @classmethod
    def _person(cls, value: Any) -> Any:
        return _person_of(value)

    @field_validator("relatives", mode="before")
    @classmethod
    def _people(cls, value: Any) -> Any:
        if isinstance(value, (str, Mapping)):
            value = [value]
        if isinstance(value, (list, tuple)):
            return tuple(_person_of(item) for item in value[:MAX_VALUES])
        return value


def _person_of(value: Any) -> Any:
    """``"Dr Jean PETIT"``: in capitals the surname, else the last word; first names before."""
    if not isinstance(value, str):
        return value
    words = [word for word in value.replace(",", " ").split() if fold(word).rstrip(".") not in TITLES]
    upper = [word for word in words if word.isupper() and len(word) > 1]
    names = upper if upper and len(upper) < len(words) else words[-1:]
    return {"names": [" ".join(names)], "first_names": [word for word in words if word not in names]}
