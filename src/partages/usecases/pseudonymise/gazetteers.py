"""Lists that tell a name, a town or a word apart; loaded once, folded (see ``partages.text.fold``)."""

import gzip
import json
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from partages.text import fold

DATA = files("partages.usecases.pseudonymise") / "data"

FREQUENT = 4
"""Frequency class (0 to 13, logarithmic) from which a first name is taken at its word."""


REMEMBERED = 50_000
"""Words whose look-up is remembered."""


def lines(name: str) -> list[str]:
    data = (DATA / name).read_bytes()
    text = gzip.decompress(data) if name.endswith(".gz") else data
    return [line for line in text.decode().splitlines() if line and not line.startswith("#")]


@dataclass(frozen=True, slots=True)
class FirstName:
    """Sex (``M``, ``F`` or ``?``) and frequency classes of a first name."""

    sex: str
    france: int
    anywhere: int


@cache
def first_names() -> dict[str, FirstName]:
    """Folded first names of Europe and beyond."""
    found = {}
    for line in lines("prenoms.tsv.gz"):
        name, sex, france, anywhere = line.split("\t")
        found[name] = FirstName(sex, int(france), int(anywhere))
    for name in _several("prenoms_courants.txt"):
        entry = found.get(name, FirstName("?", 0, 0))
        found[name] = FirstName(entry.sex, max(entry.france, FREQUENT), max(entry.anywhere, FREQUENT))
    return found


def _several(name: str) -> list[str]:
    """Folded entries of a list written several a line."""
    return [fold(entry) for line in lines(name) for entry in line.split(",") if entry.strip()]


@cache
def surnames() -> frozenset[str]:
    """Folded surnames of France and elsewhere."""
    return frozenset(lines("noms.txt.gz")) | frozenset(_several("noms_courants.txt"))


@cache
def world_towns() -> frozenset[str]:
    """Folded names of large towns outside France."""
    return frozenset(lines("villes.txt.gz"))


@cache
def diagnoses() -> frozenset[str]:
    """Folded words of diagnoses that general French does not have."""
    return frozenset(lines("diagnostics.txt.gz"))


@cache
def communes() -> dict[str, list[str]]:
    """Folded names of French communes, with their postal codes."""
    return {name: codes.split() for name, codes in (line.split("\t") for line in lines("communes.tsv.gz"))}


@cache
def words() -> frozenset[str]:
    """Folded common words of French, inflected."""
    return frozenset(lines("mots.txt.gz"))


@cache
def listed(name: str) -> frozenset[str]:
    """Folded entries of one of the small lists written for this module (``data/*.txt``)."""
    return frozenset(fold(line) for line in lines(f"{name}.txt"))


@cache
def _acronyms() -> tuple[frozenset[str], frozenset[str]]:
    entries = lines("sigles.txt")
    return (
        frozenset(fold(entry) for entry in entries if entry.isupper()),
        frozenset(fold(entry) for entry in entries if not entry.isupper()),
    )


def is_acronym(word: str) -> bool:
    """Whether a word is an acronym, a unit or a heading; what is one in capitals only (``EVA``) may be a name."""
    capitals, words_too = _acronyms()
    folded = fold(word)
    return folded in words_too or (folded in capitals and word.isupper())


@cache
def drugs() -> frozenset[str]:
    """Folded words of the brand and substance names that ship with edsnlp (ATC table)."""
    package = find_spec("edsnlp")  # the file alone: importing edsnlp would load spaCy
    if package is None or package.origin is None:
        return frozenset()
    table = json.loads((Path(package.origin).parent / "resources" / "drugs.json").read_text())
    found = {
        word for names in table.values() for name in names for word in fold(name).split() if len(word) > 3
    }
    known = first_names()
    return frozenset(word for word in found if word not in known or known[word].france < FREQUENT)


@lru_cache(maxsize=REMEMBERED)
def first_name(word: str) -> FirstName | None:
    """The entry of a first name; a compound (``Jean-Pierre``) takes the sex of its first part."""
    names = first_names()
    folded = fold(word)
    if folded in names:
        return names[folded]
    parts = [names.get(part) for part in folded.split()]
    if len(parts) > 1 and all(parts):
        head = parts[0]
        assert head
        return FirstName(head.sex, min(p.france for p in parts if p), min(p.anywhere for p in parts if p))
    return None


@lru_cache(maxsize=REMEMBERED)
def is_first_name(word: str) -> bool:
    """Whether a word is a usual first name."""
    entry = first_name(word)
    return entry is not None and (entry.france >= FREQUENT or entry.anywhere >= FREQUENT + 2)


@lru_cache(maxsize=REMEMBERED)
def is_word(word: str) -> bool:
    """Whether all parts of ``word`` are common French words."""
    return all(part in words() or len(part) < 2 for part in fold(word).replace("'", " ").split())


@lru_cache(maxsize=REMEMBERED)
def is_medical(word: str) -> bool:
    """Whether a word is a drug, an eponym or another term of care that looks like a name."""
    folded = fold(word)
    return folded in listed("eponymes") or folded in listed("termes") or folded in drugs()
