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
        ("Tel 04 72 11 00 99 ext. 79 858", ["04 72 11 00 99", "79 858"]),
        ("jeanne (point) dupre (arobase) wanadoo (point) fr", ["jeanne (point) dupre (arobase) wanadoo (point) fr"]),
        ("Messagerie ACCUEIL@ORANGE . FR", ["ACCUEIL@ORANGE . FR"]),
        ("Finess géo. : 928 036 877", ["928 036 877"]),
        ("N° de tél. |0|6|3|9|9|8|4|4|1|2|", ["0|6|3|9|9|8|4|4|1|2"]),
        ("CNI X7QKD2PM4 présentée", ["X7QKD2PM4"]),
        ("Originating-IP: 192.0.2.77", ["192.0.2.77"]),
        ("ouverture de session user=lmarchand07 poste urgences", ["lmarchand07"]),
        ('{"family":"Cazarin","given":"Thibault"}', ["Cazarin", "Thibault"]),
        ("Tél +32(0)81/99.11.52", ["+32(0)81/99.11.52"]),
        ("me joindre au « bip » *418", ["418"]),
        ("écrire à l.tessier@labo\nexemple.fr", ["l.tessier@labo\nexemple.fr"]),
        ("patient adressé par l'avocat à Montbrelan", ["Montbrelan"]),
        ("Port O6 4l OO 7l 83", ["O6 4l OO 7l 83"]),
        ("joignable au 06 41 00\n71 83", ["06 41 00\n71 83"]),
        ("uuid 3f0a1c22-77c2-4e18-b0d4-41770188aa02", ["3f0a1c22-77c2-4e18-b0d4-41770188aa02"]),
        ("StudyInstanceUID 1.2.840.113619.2.55.3.2831.417", ["1.2.840.113619.2.55.3.2831.417"]),
        ("portail, mot de passe olivier58, valable un an", ["olivier58"]),
    ],
)  # fmt: skip
def test_the_whole_value_and_nothing_else(line: str, values: list[str]) -> None:
    assert masked(line) == values


@pytest.mark.parametrize(
    "line",
    [
        "Tel 04 72 11 00 99 - 500 mg d'amoxicilline", "TA 135/80, T.37.8, FC 88", "Dosage 12.5-B le matin",
        "Redon, lot 22F0417", "Dotarem 14 mL, lot 23GD417A", "formulaire cerfa 11574", "CIP 3400930004177", "art. L.3212-1 CSP", "OID 1.2.250.1.213.1.4.8", "| 1 | 2 | 3 |", "EVA | 3 | 4 | 2 | 1 | 0 |",
    ],
)  # fmt: skip
def test_what_is_not_a_number_to_hide_stays(line: str) -> None:
    assert masked(line) == (["04 72 11 00 99"] if line.startswith("Tel") else [])
