"""The annotated reports of the test bed are well formed, complete and varied."""

import re
from pathlib import Path

import pytest
from benchmarks.reports import files, parse, read_reports

from partages.documents import Annotation, Document, Span
from partages.usecases.pseudonymise.schema import Categorie

PERSON = {"Patient", "PersonnelSante", "Autre"}
HOLDER = PERSON | {"Hopital"}
CODES = {"NIPouIPP", "NDA", "NSS", "NIR", "INS", "NIA", "RPPS", "FINESS", "AUTRE"}
LOCATED = {"Adresse", "Ville", "CodePostal", "Pays"}
# First digits of numbers that nobody can have: ARCEP decision 2018-0881; Ofcom, numbers for drama use.
FICTION = ("19900", "26191", "35301", "46571", "53649", "63998", "441632960")
NUMBERED = {"CodeIdentifiant", "NumeroTelephone", "AdresseEmail", "Url"}

every_file = pytest.mark.parametrize("path", files(), ids=lambda path: path.stem)


def test_markup_gives_text_and_offsets() -> None:
    document, annotation, words = parse(
        "Mme <Nom RolePER=Patient>PETIT</Nom>, un <Mot>petit</Mot> nodule &lt; 3 mm &amp; net", "001-exemple"
    )
    assert document.text == "Mme PETIT, un petit nodule < 3 mm & net"
    assert annotation.spans == (Span(4, 9, "Nom", {"RolePER": "Patient"}),)
    assert [document.quote(word) for word in words] == ["petit"]


@pytest.mark.parametrize(
    "marked",
    [
        "<Nom>DURAND",
        "DURAND</Nom>",
        "<Nom>DURAND</Prenom>",
        "<Nom><Prenom>Élise</Prenom></Nom>",
        "<Nom></Nom>",
        "CRP < 5",
        "Dupont & fils",
    ],
)
def test_bad_markup_is_refused(marked: str) -> None:
    with pytest.raises(ValueError, match=r"001-exemple|at least one character"):
        parse(marked, "001-exemple")


@every_file
def test_labels_and_attributes_are_those_of_the_layer(path: Path) -> None:
    _, annotation, _ = parse(path.read_text(encoding="utf-8"), path.stem)
    for span in annotation.spans:
        assert span.label in set(Categorie)
        if span.label in ("Nom", "Prenom"):
            assert span.attributes["RolePER"] in PERSON
        if span.label in LOCATED:
            assert span.attributes["RoleLOC"] in HOLDER
        if span.label in NUMBERED:
            assert span.attributes["RoleNUM"] in HOLDER
        if span.label == "CodeIdentifiant":
            assert span.attributes["CodeType"] in CODES


@every_file
def test_spans_hold_a_value_without_spaces_around_it(path: Path) -> None:
    document, annotation, _ = parse(path.read_text(encoding="utf-8"), path.stem)
    for span in annotation.spans:
        value = document.quote(span)
        assert value == value.strip()
        assert not re.match(r"(?:M\.|Mme|Mlle|Dr|Pr|Docteur|Professeur|CHU|Hôpital|Clinique)\b", value)


def uncovered(document: Document, annotation: Annotation, words: tuple[Span, ...]) -> list[str]:
    """Occurrences, whatever their case, of an annotated name that nothing marks."""
    marked = [*annotation.spans, *words]
    names = {document.quote(span) for span in annotation.spans if span.label in ("Nom", "Prenom")}
    missing = []
    for name in names:
        flags = re.IGNORECASE if len(name) > 1 else 0
        for match in re.finditer(rf"(?<!\w){re.escape(name)}(?!\w)", document.text, flags):
            if not any(span.start <= match.start() and match.end() <= span.end for span in marked):
                missing.append(document.text[max(0, match.start() - 20) : match.end() + 20])
    return missing


@every_file
def test_every_occurrence_of_a_name_is_annotated(path: Path) -> None:
    assert uncovered(*parse(path.read_text(encoding="utf-8"), path.stem)) == []


def test_a_forgotten_occurrence_is_seen() -> None:
    forgotten = parse("<Nom RolePER=Patient>DURAND</Nom> Élise. Sortie de Mme Durand.", "001-exemple")
    [excerpt] = uncovered(*forgotten)
    assert "Mme Durand" in excerpt


@every_file
def test_no_contact_reaches_anybody(path: Path) -> None:
    document, annotation, _ = parse(path.read_text(encoding="utf-8"), path.stem)
    for span in annotation.spans:
        value = document.quote(span)
        if span.label == "NumeroTelephone" and re.fullmatch(r"\+?[\d ./()-]{10,}", value):
            national = re.sub(r"\D", "", value.replace("(0)", "")).removeprefix("00").removeprefix("33")
            assert national.removeprefix("0").startswith(FICTION)
        if span.label == "AdresseEmail":
            assert re.search(r"example(?:\.(?:org|com|net))?$", value)
        if span.label == "Url":
            assert ".example" in value or "example.org" in value


def test_each_half_holds_every_category_and_many_names() -> None:
    for split in ("dev", "held-out"):
        reports = read_reports(split)
        assert len(reports) >= 40
        labels = {span.label for _, annotation in reports for span in annotation.spans}
        assert labels == set(Categorie)
        names = {document.quote(s).casefold() for document, a in reports for s in a.spans if s.label == "Nom"}
        assert len(names) >= 200


def test_reports_have_the_length_of_real_ones() -> None:
    assert len(files()) >= 80
    for document, annotation in read_reports():
        assert 80 <= len(document.text.split()) <= 520, document.id
        assert len(annotation.spans) >= 5, document.id
