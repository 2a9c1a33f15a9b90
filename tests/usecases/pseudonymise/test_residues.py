"""What is left of a value found elsewhere is masked too; words that resemble it are not."""

import pytest

from partages.documents import Document, Span
from partages.usecases.pseudonymise.engine import detect, pseudonymise
from partages.usecases.pseudonymise.finding import Finding
from partages.usecases.pseudonymise.residues import count_residues, find_residues
from partages.usecases.pseudonymise.schema import Options

HEAD = "Patiente : Mme KERVADEC Solenn, IPP 8004512. "


def residues(text: str) -> list[str]:
    """Quotes of the residues, the head's names and number being found."""
    found = [
        Finding(15, 23, "Nom", 0.9, "x", {"RolePER": "Patient"}),
        Finding(24, 30, "Prenom", 0.9, "x", {"RolePER": "Patient"}),
        Finding(36, 43, "CodeIdentifiant", 0.9, "x"),
    ]
    return [(HEAD + text)[finding.start : finding.end] for finding in find_residues(HEAD + text, found)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Fichier CR_KERVADEC_2024.pdf", ["KERVADEC"]),
        ("solenn.kervadec@exemple.example", ["solenn", "kervadec"]),
        ("\\\\serveur\\kervadec\\skervadec.docx", ["kervadec", "kervadec"]),
        ("https://exemple.example/dossiers/kervadec-solenn", ["kervadec", "solenn"]),
        ("MmeKERVADEC tousse", ["KERVADEC"]),
        ("Mme Kervaded tousse, Kervadek aussi", ["Kervaded", "Kervadek"]),
        ("S.K. va bien. K. S. aussi. Initiales : SK", ["S.", "K.", "K.", "S.", "S", "K"]),
        ("dossier 800 45 12", ["800 45 12"]),
        ("S.T. et K.O. Solennel, solennelle.", []),
        ("Score 8004513. Staphylocoque K.S", []),
    ],
)
def test_what_is_left_of_a_name(text: str, expected: list[str]) -> None:
    assert residues(text) == expected


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("du 6 au 21 octobre", "6"),
        ("les 1er et 21 octobre", "1er"),
        ("du 45 au 21 octobre", None),
        ("score 6 au 21 octobre", None),
    ],
)
def test_the_first_day_of_a_period(text: str, day: str | None) -> None:
    start = text.index("21")
    found = find_residues(text, [Finding(start, len(text), "DateIdentifiante", 0.9, "x")])
    assert [text[f.start : f.end] for f in found] == ([day] if day else [])


def test_a_name_that_is_a_word_stays_a_word() -> None:
    text = "Mme PETIT Rose. Fichier petit_rose.pdf ; aspect rose/blanc, petit/moyen, rose.pale"
    found = [
        Finding(4, 9, "Nom", 0.9, "x", {"RolePER": "Patient"}),
        Finding(10, 14, "Prenom", 0.9, "x", {"RolePER": "Patient"}),
    ]
    assert [text[f.start : f.end] for f in find_residues(text, found)] == ["petit", "rose"]


def test_the_engine_takes_the_second_look() -> None:
    text = HEAD + "Pièce jointe : CR_KERVADEC_S.pdf"
    spans = detect(text, statistical=False)
    assert "KERVADEC" in [text[span.start : span.end] for span in spans][2:]
    result = pseudonymise(Document("a", text), Options(engine="rules"))
    assert "kervadec" not in result.text.lower()


def test_residues_of_a_rendered_text_are_counted() -> None:
    document = Document("a", "Mme KERVADEC, IPP 8004512, Mme PETIT")
    spans = [Span(4, 12, "Nom"), Span(18, 25, "CodeIdentifiant"), Span(31, 36, "Nom")]
    assert count_residues(document, spans, "Mme X, IPP 1, cr_kervadec.pdf n°8004512, un petit foie") == 2
    assert count_residues(document, spans, "Mme Xkervadecois, IPP 1") == 0
