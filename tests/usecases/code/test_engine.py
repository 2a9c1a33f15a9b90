"""Whole reports, fictitious, and what a coder expects of them."""

import pytest

from partages.documents import Document
from partages.errors import EmptyDocument
from partages.terminologies.cim10 import MCO, UnknownCode, load
from partages.usecases.code.engine import code
from partages.usecases.code.schema import CodeResult, Options

REPORT = """CENTRE HOSPITALIER DE VALMONTEL
Service de pneumologie

Motif d'hospitalisation : dyspnée fébrile.

Antécédents :
- HTA
- diabète de type 2
- infarctus du myocarde en 2011
- appendicectomie dans l'enfance
Antécédents familiaux : cancer du sein chez la mère.

Histoire de la maladie :
Patient de 71 ans, toux grasse depuis 5 jours. Pas de phlébite. Pas d'embolie pulmonaire au scanner.

Conclusion :
Pneumopathie à pneumocoque.
Hypokaliémie.
"""


def propose(text: str, **options: object) -> CodeResult:
    return code(Document("1", text), Options(**options))


@pytest.fixture(scope="module")
def result() -> CodeResult:
    return propose(REPORT)


def test_the_principal_diagnosis_is_the_disease_of_the_conclusion(result: CodeResult) -> None:
    principal = [p for p in result.codes if p.role == "DP"]
    assert [p.code for p in principal] == ["J13"]
    assert result.codes[0] is principal[0]


def test_diseases_that_last_are_associated_diagnoses(result: CodeResult) -> None:
    assert {"I10", "E1198", "E8768"} <= {p.code for p in result.codes if p.role == "DAS"}


def test_what_is_denied_past_or_of_a_relative_is_set_aside(result: CodeResult) -> None:
    assert {"I26", "C50", "I21", "I80"}.isdisjoint({p.code[:3] for p in result.codes})
    reasons = {s.code[:3]: s.reason for s in result.set_aside}
    assert reasons["I26"] == "nié"
    assert reasons["C50"] == "famille"
    assert reasons["I21"] == "antécédent"


def test_each_proposal_points_at_its_words(result: CodeResult) -> None:
    quotes = {p.code: [REPORT[e.start : e.end] for e in p.evidence] for p in result.codes}
    assert quotes["I10"] == ["HTA"]
    assert quotes["J13"] == ["Pneumopathie à pneumocoque"]
    assert all(quotes.values())


def test_each_proposal_shows_where_it_stands(result: CodeResult) -> None:
    hierarchy = next(p.hierarchy for p in result.codes if p.code == "I10")
    assert [level.code for level in hierarchy] == ["IX", "I10-I15", "I10"]


def test_a_symptom_is_not_principal_beside_a_disease() -> None:
    assert propose("Conclusion : dyspnée.").codes[0].code == "R060"
    both = propose("Conclusion : dyspnée. Embolie pulmonaire. Dysphagie.")
    assert both.codes[0].code.startswith("I26")
    assert [(p.code, p.role) for p in both.codes if p.code[0] == "R"] == [("R13", "DAS")]


@pytest.mark.parametrize(
    ("report", "principal"),
    [
        ("Métastases hépatiques d'un adénocarcinome du sigmoïde.\nConclusion : cancer du sigmoïde.", "C187"),
        ("HTA, BPCO. Patiente hospitalisée pour appendicite aiguë.", "K35"),
        ("Conclusion : décompensation cardiaque favorisée par une fibrillation auriculaire.", "I50"),
        ("Hôpital de jour. Cancer du sein. Chimiothérapie par paclitaxel, cycle n°4.", "Z511"),
        ("Conclusion : hémiplégie gauche, AVC ischémique.", "I6"),
    ],
)
def test_the_principal_diagnosis_is_the_problem_of_the_stay(report: str, principal: str) -> None:
    first = propose(report).codes[0]
    assert first.role == "DP"
    assert first.code.startswith(principal)
    assert first.reasons


def test_the_act_of_this_stay_is_no_past_operation() -> None:
    done = propose("Conclusion : lithiase vésiculaire. Cholécystectomie ce jour.")
    past = propose("Antécédents : pacemaker.\nConclusion : pneumopathie.")
    assert not [p for p in done.codes if p.code.startswith("Z9")]
    assert [p.role for p in past.codes if p.code.startswith("Z9")] == ["DAS"]


def test_close_codes_are_shown_beside_the_one_proposed() -> None:
    first = propose("Conclusion : ulcère gastrique hémorragique.").codes[0]
    assert first.alternatives
    assert first.code not in {other.code for other in first.alternatives}
    scores = [other.score for other in first.alternatives]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize(
    "text",
    [
        "Réunion du conseil syndical : le devis de la toiture est adopté, les travaux commenceront en mai.",
        "The committee met on Tuesday and approved the budget for the new library.",
        "Recette : battre les œufs, ajouter la farine, enfourner vingt minutes.",
    ],
)
def test_nothing_is_proposed_for_what_is_not_medical(text: str) -> None:
    assert propose(text).codes == []


def test_a_passage_ranks_the_whole_nomenclature() -> None:
    ranking = propose("FA paroxystique", passage=True, top=50).codes
    assert len(ranking) == 50
    assert ranking[0].code == "I480"
    assert {p.role for p in ranking} == {None}
    assert [p.score for p in ranking] == sorted((p.score for p in ranking), reverse=True)


def test_a_code_is_attested_or_not_by_a_passage() -> None:
    yes = propose("HTA sous bithérapie", passage=True, code="I10").attested
    no = propose("HTA sous bithérapie", passage=True, code="c50.9").attested
    assert yes is not None
    assert no is not None
    assert 0 <= no < 0.3 < 0.7 < yes <= 1


def test_an_unknown_code_is_refused() -> None:
    with pytest.raises(UnknownCode):
        propose("HTA", passage=True, code="I10.99")


@pytest.mark.parametrize("text", ["", "  \n ", "..."])
def test_nothing_to_read_is_refused(text: str) -> None:
    with pytest.raises(EmptyDocument):
        propose(text)


def test_a_lasting_disease_of_the_history_does_not_lead() -> None:
    result = propose("Antécédents : HTA, BPCO.\nConclusion : pyélonéphrite aiguë.")
    assert [p.code for p in result.codes if p.role == "DP"] == ["N10"]
    assert {"I10", "J449"} <= {p.code for p in result.codes if p.role == "DAS"}


def test_no_code_forbidden_everywhere_is_proposed(result: CodeResult) -> None:
    types = {p.code: load()[p.code].type for p in result.codes}
    assert MCO.FORBIDDEN not in types.values()


def test_top_bounds_the_proposals() -> None:
    assert len(propose(REPORT, top=2).codes) == 2


def test_offsets_hold_in_a_messy_text() -> None:
    text = "\N{GRINNING FACE}\r\nConclusion\N{NO-BREAK SPACE}:\tœdème aigu du poumon\f\r\n"
    evidence = propose(text).codes[0].evidence[0]
    assert text[evidence.start : evidence.end] == "œdème aigu du poumon"


def test_a_diagnosis_cut_by_a_line_end_or_a_link_word_is_read_whole() -> None:
    assert codes("Conclusion : cholécystite aiguë\nlithiasique opérée.")[0] == "K800"
    assert codes("Conclusion : exacerbation aiguë de BPCO par infection bronchique.")[0] == "J440"
    assert codes("Conclusion : hypertrophie des amygdales et des végétations.") == ["J353"]


def test_the_ejection_fraction_of_the_report_decides_the_subdivision() -> None:
    assert codes("FEVG à 45 %.\nConclusion : insuffisance cardiaque congestive.") == ["I5001"]
    assert codes("FEVG 62 %.\nConclusion : insuffisance cardiaque congestive.") == ["I5000"]


def test_two_stages_of_one_disease_are_not_both_proposed() -> None:
    found = codes("Conclusion : fibrillation atriale permanente. FA paroxystique.")
    assert len([code for code in found if code.startswith("I48")]) == 1


def test_a_code_that_another_one_excludes_is_not_proposed() -> None:
    assert "I10" not in codes("Conclusion : cardiopathie hypertensive. HTA.")


def test_a_sign_named_like_a_disease_is_no_disease() -> None:
    assert not [c for c in codes("Reflux hépato-jugulaire. Conclusion : érysipèle.") if c.startswith("K21")]


def test_a_stay_for_a_device_has_its_code_as_principal_diagnosis() -> None:
    text = "Cancer du sein traité par chimiothérapie. Admise pour pose de chambre implantable."
    assert codes(text)[0] == "Z452"


def test_a_text_without_a_diagnosis_says_so() -> None:
    message = propose("Bonjour, la réunion est déplacée à jeudi.")
    assert message.codes == []
    assert message.flags == ["Aucun diagnostic reconnu dans ce texte."]
    english = propose("The weather was fine and the committee met for lunch with the mayor.")
    assert english.codes == []
    assert "anglais" in english.flags[0]


def codes(text: str) -> list[str]:
    return [proposal.code for proposal in propose(text).codes]
