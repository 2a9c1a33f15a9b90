"""Which drug is stopped and which goes on, and what the check makes of it."""

import pytest

from partages.usecases.conclude.checking import check
from partages.usecases.conclude.treatments import courses

REPORT = (
    "Homme de 57 ans, goutte, sous fébuxostat 80 mg, colchicine et rosuvastatine.\n"
    "Le fébuxostat est maintenu à 80 mg. Arrêt définitif de la colchicine, suspension de la rosuvastatine (CPK à 1840).\n"
    "Apixaban introduit le 3 mai puis arrêté devant une hématurie. Il n'y a pas lieu d'arrêter le bisoprolol.\n"
    "Relais de la morphine par tramadol."
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Arrêt du fébuxostat, colchicine maintenue.", [{"stopped"}, {"going on"}]),
        ("Arrêt de l'aspirine, du clopidogrel et du ramipril.", [{"stopped"}] * 3),
        ("Arrêt de l'aspirine, surveillance, ramipril 5 mg.", [{"stopped"}, set()]),
        ("stop glibenclamide (contre-indiqué) et cotrimoxazole. fosfomycine une dose", [{"stopped"}, {"stopped"}, set()]),
        ("Aspirine 75 mg, atorvastatine 80 mg.", [set(), set()]),
        ("Relais de l'héparine par apixaban.", [{"stopped", "started", "going on"}] * 2),
        ("Pas d'arrêt de l'aspirine.", [{"stopped", "started", "going on"}]),
    ],
)  # fmt: skip
def test_a_course_belongs_to_the_drugs_of_its_clause(text: str, said: list[set[str]]) -> None:
    assert [set(found) for _, found in courses(text, 0, len(text), nearest=True)] == said


def test_a_sentence_without_end_says_nothing() -> None:
    text = "aspirine arrêtée " * 200
    assert courses(text, 0, len(text), nearest=True) == []


@pytest.mark.parametrize(
    ("sentence", "supported"),
    [
        ("Fébuxostat maintenu à 80 mg.", True),
        ("Arrêt définitif du fébuxostat.", False),
        ("Colchicine arrêtée, rosuvastatine suspendue.", True),
        ("Colchicine maintenue, rosuvastatine suspendue.", False),
        ("Apixaban introduit le 3 mai.", True),
        ("Apixaban arrêté.", True),
        ("Apixaban maintenu.", False),
        ("Bisoprolol maintenu.", True),
        ("Arrêt de la morphine.", True),
    ],
)
def test_a_drug_stopped_in_one_and_kept_in_the_other_is_flagged(sentence: str, supported: bool) -> None:
    (found,) = check(sentence, REPORT)
    assert found.supported is supported, found.reasons
    if not supported:
        assert any("arrêté" in reason for reason in found.reasons)
