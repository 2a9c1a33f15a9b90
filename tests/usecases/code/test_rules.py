"""Rules on stays: sex and age, stays of one day, what is told in passing, daggers and asterisks, calibrated scores."""

import pytest

from partages.documents import Document
from partages.usecases.code import persons
from partages.usecases.code.engine import code
from partages.usecases.code.schema import CodeResult, Options


def propose(text: str) -> CodeResult:
    return code(Document("1", text), Options())


def roles(text: str) -> dict[str, str | None]:
    return {proposal.code: proposal.role for proposal in propose(text).codes}


@pytest.mark.parametrize(
    ("head", "sex", "age"),
    [
        ("Mme B., 67 ans, hospitalisée", "femme", 67),
        ("M. Durand, âgé de 54 ans", "homme", 54),
        ("Patient de 71 ans suivi depuis 12 ans", None, 71),
        ("Suivi depuis 12 ans.", None, None),
        ("Nouveau-né de Mme A., 31 ans", None, None),  # mother and child
        ("Mme A. et M. A. sont reçus", None, None),
    ],
)
def test_the_patient_is_read_at_the_head(head: str, sex: str | None, age: int | None) -> None:
    assert persons.read(head) == persons.Person(sex, age)


@pytest.mark.parametrize(
    ("name", "sex", "age", "why"),
    [
        ("N40", "femme", 70, "sexe"),
        ("N40", "homme", 70, None),
        ("O60", "homme", 30, "sexe"),
        ("C61", "femme", None, "sexe"),
        ("C509", "homme", 60, None),  # men have breasts
        ("P220", None, 40, "âge"),
        ("P220", None, 2, None),
        ("N40", None, None, None),
    ],
)
def test_sex_and_age_exclude_codes(
    name: str, sex: persons.Sex | None, age: int | None, why: str | None
) -> None:
    assert persons.excluded(name, persons.Person(sex, age)) == why


def test_a_code_of_the_other_sex_is_set_aside_with_the_reason() -> None:
    result = propose("Mme C., 70 ans.\nConclusion : hypertrophie bénigne de la prostate. Pneumopathie.")
    assert {s.code[:3]: s.reason for s in result.set_aside}["N40"] == "sexe"
    assert "N40" not in {proposal.code for proposal in result.codes}


BACKGROUND = "Antécédents : HTA, migraine.\nConclusion : hernie inguinale droite opérée."


def test_the_background_of_a_stay_of_one_day_is_not_proposed() -> None:
    assert "I10" in roles(f"Hospitalisé trois jours.\n{BACKGROUND}")
    assert "I10" not in roles(f"Chirurgie ambulatoire.\n{BACKGROUND}")


def test_what_the_body_tells_in_passing_is_not_proposed_beside_a_conclusion() -> None:
    body = "On retrouve une otite moyenne aiguë droite."
    assert any(name.startswith("H66") for name in roles(body))
    assert not any(name.startswith("H66") for name in roles(f"{body}\nConclusion : appendicite aiguë."))


def test_a_dagger_brings_its_asterisk_and_the_asterisk_never_leads() -> None:
    found = roles("Conclusion : méningite tuberculeuse.")
    assert found["A170"] == "DP"
    assert found["G01"] == "DAS"


def test_scores_are_those_of_their_kind_not_of_the_resemblance() -> None:
    retained = propose("Conclusion : appendicite aiguë.").codes[0]
    passing = propose("Appendicite aiguë ce jour.").codes[0]
    assert retained.code == passing.code == "K358"
    assert 0 < passing.score < retained.score < 1


@pytest.mark.parametrize(
    "text",
    [
        "Hypertrophie adénoïdienne obstructive.",  # "occlusion" of what?
        "Vaisseau visible (Forrest IIa).",
    ],
)
def test_one_word_that_means_other_things_elsewhere_names_nothing(text: str) -> None:
    assert not any(name.startswith("K56") for name in roles(text))


DELIVERY = "Accouchement par voie basse spontané d'un garçon vivant, Apgar 10.\nConclusion : accouchement eutocique à terme"


def test_a_delivery_leads_where_nothing_else_of_the_chapter_is_told_and_has_its_outcome() -> None:
    assert roles(f"Mme B., 30 ans.\n{DELIVERY}.") == {"O800": "DP", "Z370": "DAS"}


def test_a_complication_leads_before_the_delivery() -> None:
    found = roles(f"Mme B., 30 ans.\n{DELIVERY}, hémorragie du post-partum immédiat par atonie utérine.")
    assert (found["O721"], found["O800"], found["Z370"]) == ("DP", "DAS", "DAS")


@pytest.mark.parametrize("said", ["Grossesse gémellaire.", "Enfant mort-né."])
def test_the_outcome_is_not_guessed_where_it_is_not_one_living_child(said: str) -> None:
    assert "Z370" not in roles(f"Mme B., 30 ans. {said}\n{DELIVERY}.")


@pytest.mark.parametrize(
    ("history", "code_expected"),
    [
        ("cancer du sein gauche opéré en 2004, en rémission complète", "Z853"),
        ("cancer du sein gauche opéré il y a 15 ans", "Z853"),
        ("cancer du sein gauche opéré en 2024", "C509"),
        ("cancer du sein métastatique opéré en 2004", "C509"),
        ("cancer de la prostate opéré en 2024, cancer du sein opéré en 2010", "C61"),
    ],
)
def test_a_tumour_treated_long_ago_is_a_personal_history(history: str, code_expected: str) -> None:
    found = roles(f"Antécédents : {history}.\nHospitalisation du 03/03/2025.\nConclusion : pneumopathie.")
    assert code_expected in found


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("insuffisance rénale chronique stade 3b", "N183"),
        ("IRC stade IV", "N184"),
        ("diabète de type 2 traité par metformine et insuline", "E1190"),
        ("diabète de type 2 traité par metformine, sans insuline", "E1198"),
    ],
)
def test_a_stage_or_a_treatment_decides_the_subdivision(said: str, name: str) -> None:
    assert name in roles(f"Antécédents : {said}.\nConclusion : pneumopathie.")


def test_a_principal_diagnosis_always_says_why_it_leads() -> None:
    result = propose("Le patient a une pneumopathie.")
    assert [(each.role, bool(each.reasons)) for each in result.codes] == [("DP", True)]
