"""Clinicians' terms by chapter: one meaning a term, codes in use, nothing that reports say in passing."""

from collections import defaultdict
from importlib.resources import files

import pytest

from partages.terminologies import cim10, search, words

FOLDER = files("partages.terminologies").joinpath("data", "synonyms")
LINES = [
    (str(path.name), *line.split("\t"))
    for path in sorted(FOLDER.iterdir(), key=lambda path: path.name)
    if path.name.endswith(".tsv")
    for line in path.read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
]

IN_PASSING = "PA FC FR TA GB TP IMC DT Hb ECBU CRP IRM TDM ECG VVP SNG AL AG LA PM DP".split()
"""What reports write of anybody: pressures, counts, examinations. None may be a diagnosis by itself."""


@pytest.fixture(scope="module")
def nomenclature() -> cim10.Nomenclature:
    return cim10.load()


def meaning(term: str) -> tuple[str, ...]:
    """Its words as the search compares them: without inflection, equivalent ones replaced."""
    return tuple(sorted(words.canonical(words.expand(term))))


@pytest.fixture(scope="module")
def held() -> dict[tuple[str, ...], list[tuple[str, str]]]:
    """Codes and terms by meaning, of all files."""
    found = defaultdict(list)
    for code, term in search.synonyms():
        found[meaning(term)].append((code, term))
    return found


def test_there_is_a_file_a_letter_and_a_line_a_code() -> None:
    assert len({name for name, *_ in LINES}) >= 20
    codes = [code for _, code, _ in LINES]
    assert len(codes) == len(set(codes))
    assert sum(len(terms.split(" ; ")) for *_, terms in LINES) >= 20_000


def test_every_term_leads_to_a_code_in_use(nomenclature: cim10.Nomenclature) -> None:
    for name, code, _ in LINES:
        leaf = nomenclature[nomenclature.default_leaf(code)]
        assert not leaf.retired, (name, code)
        assert leaf.type is not cim10.MCO.FORBIDDEN, (name, code)


def test_no_term_says_two_codes(nomenclature: cim10.Nomenclature) -> None:
    codes = defaultdict(set)
    for _, code, terms in LINES:
        for term in terms.split(" ; "):
            codes[meaning(term)].add(nomenclature.default_leaf(code))
    assert {said: two for said, two in codes.items() if len(two) > 1} == {}


def test_every_term_keeps_a_word_of_its_own(held: dict[tuple[str, ...], list[tuple[str, str]]]) -> None:
    """A term of common words alone would match everything."""
    assert held.get((), []) == []


@pytest.mark.parametrize("short", IN_PASSING)
def test_what_reports_say_of_anybody_is_no_diagnosis(
    held: dict[tuple[str, ...], list[tuple[str, str]]], short: str
) -> None:
    assert held.get(meaning(short), []) == []


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("fracture du 5e métacarpien", "S6230"),
        ("fracture ouverte de jambe Gustilo II", "S8221"),
        ("TFI", "K588"),
        ("éventration péristomiale étranglée", "K433"),
        ("descellement de PTH", "T840"),
        ("RPM de plus de 24 heures", "O421"),
        ("ATT pour OSM", "H652"),
        ("escarre sacrée stade 4", "L893"),
        ("tumeur de Klatskin", "C240"),
        ("IVT pour DMLA", "H353"),
    ],
)
def test_a_term_of_each_trade_finds_its_code(written: str, code: str) -> None:
    assert search.index().search(written, 1)[0].code == code
