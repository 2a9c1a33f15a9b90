"""A number is masked whole, however its parts are joined, and what stands beside it is not."""

import pytest

from partages.usecases.pseudonymise.engine import detect


def masked(line: str) -> list[str]:
    text = f"Compte rendu d'hospitalisation\n{line}\nLa patiente est admise pour dyspnée.\n"
    return [text[span.start : span.end] for span in detect(text)]


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("Mutuelle adhérent 4471902-B", ["4471902-B"]),
        ("Accession : CT20240311-0087", ["CT20240311-0087"]),
        ("IP 10.24.113.7", ["10.24.113.7"]),
        ("Prothèse S/N TFH.26.1333, implantée", ["TFH.26.1333"]),
        ("N° demande XRA.26.6548", ["XRA.26.6548"]),
        ("Code patient : DUPOJE01", ["DUPOJE01"]),
        ("N° Sécu : 2 81 10 99 603 096 (clé) 36", ["2 81 10 99 603 096 (clé) 36"]),
        ("SECRETARIAT : 01/19/53/60/45 - 187", ["01/19/53/60/45", "187"]),
        ("Tel 04 72 11 00 99 ext. 79 858", ["04 72 11 00 99 ext. 79 858"]),
        ("jeanne (point) dupre (arobase) wanadoo (point) fr", ["jeanne (point) dupre (arobase) wanadoo (point) fr"]),
        ("Messagerie ACCUEIL@ORANGE . FR", ["ACCUEIL@ORANGE . FR"]),
        ("Finess géo. : 928 036 877", ["928 036 877"]),
    ],
)  # fmt: skip
def test_the_whole_value_and_nothing_else(line: str, values: list[str]) -> None:
    assert masked(line) == values


@pytest.mark.parametrize(
    "line",
    ["Tel 04 72 11 00 99 - 500 mg d'amoxicilline", "TA 135/80, T.37.8, FC 88", "Dosage 12.5-B le matin"],
)
def test_what_is_not_a_number_to_hide_stays(line: str) -> None:
    assert masked(line) == (["04 72 11 00 99"] if line.startswith("Tel") else [])
