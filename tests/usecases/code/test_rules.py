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
