"""The conclusion that is there, the one that is drafted, and what the report does not support."""

import pytest

from partages.documents import Document
from partages.errors import GeneratorError
from partages.models.catalogue import DEFAULT_NAME
from partages.models.generator import ScriptedGenerator
from partages.resources import Resources
from partages.samples import all_samples
from partages.usecases.conclude import USECASE
from partages.usecases.conclude.checking import check
from partages.usecases.conclude.composed import compose
from partages.usecases.conclude.schema import ConcludeResult, Options

REPORT = (
    "Motif : dyspnée.\nPatiente de 80 ans, HTA. Pas de fièvre. Œdème aigu du poumon. Furosémide 40 mg par jour.\n"
    "Radiographie : épanchement pleural droit. Évolution favorable, sortie à domicile le 14 mars 2024.\n"
)


def conclude(text: str, resources: Resources | None = None, **options: object) -> ConcludeResult:
    result = USECASE.run(Document("a", text), Options.model_validate(options), resources or Resources())
    assert isinstance(result, ConcludeResult)
    return result


def test_the_conclusion_that_is_there_is_taken() -> None:
    written = "Œdème aigu du poumon d'évolution favorable sous furosémide 40 mg par jour."
    assert written in conclude(f"{REPORT}CONCLUSION : {written}\n").conclusion


@pytest.mark.parametrize(
    ("sentence", "supported"),
    [
        ("Œdème aigu du poumon traité par furosémide 40 mg par jour.", True),
        ("Œdème aigu du poumon traité par furosémide 80 mg par jour.", False),
        ("Épanchement pleural gauche.", False),
        ("Patiente fébrile avec fièvre élevée.", False),
        ("Traitement par amiodarone.", False),
        ("Sortie le 24 mars 2024.", False),
    ],
)
def test_what_the_report_does_not_support_is_marked(sentence: str, supported: bool) -> None:
    (checked,) = conclude(REPORT, conclusion=sentence).sentences
    assert checked.supported is supported
    assert supported or checked.reasons
    assert all(0 <= e.start < e.end <= len(REPORT) for e in checked.evidence)


@pytest.mark.parametrize("sample", all_samples(), ids=lambda sample: sample.name)
def test_a_draft_is_made_of_the_report_and_supported(sample) -> None:  # type: ignore[no-untyped-def]
    result = conclude(sample.text, engine="extractive")
    assert result.conclusion.strip()
    assert all(sentence.supported for sentence in result.sentences)


@pytest.mark.parametrize(
    ("report", "sentence", "supported"),
    [
        ("Arrêt de la metformine.", "Poursuite de la metformine.", False),
        ("Arrêt de la metformine.", "Metformine arrêtée.", True),
        (
            "Arrêt de la metformine. Bisoprolol poursuivi.",
            "Évolution favorable, poursuite de la metformine.",
            False,
        ),
        ("Ceftriaxone 2 g pendant 10 jours.", "Antibiothérapie pendant 10 jours.", True),
        ("Ceftriaxone 2 g pendant 10 jours.", "Antifongique pendant 10 jours.", False),
        ("Carotide interne G sténosée à 80 %.", "Sténose carotidienne interne gauche.", True),
        ("Carotide interne G sténosée à 80 %.", "Sténose carotidienne interne droite.", False),
        ("Trois frottis négatifs.", "Deux frottis négatifs.", False),
        ("Sérologies VIH, VHB et VHC négatives.", "Sérologie VHC positive.", False),
        ("Patient apyrétique.", "Absence de fièvre.", True),
        ("Monsieur, opéré d'une hernie.", "Patiente opérée d'une hernie.", False),
        ("Drain retiré à J3, ablation des agrafes à J12.", "Agrafes à J3.", False),
        ("CPK à 1840 UI/L, créatinine normale.", "CPK et créatinine normales.", False),
        ("CPK à 1840 UI/L, créatinine normale.", "Créatinine normale.", True),
        ("Transaminases normales à 25 UI/L.", "Transaminases normales.", True),
        ("NFS, CRP et ionogramme normaux. CRP à 3.", "NFS et CRP normales.", True),
        ("FEVG 38 %. Coronarographie normale.", "FEVG à 38 % et coronarographie normale.", True),
    ],
)
def test_contraries_classes_sides_and_counts_are_told_apart(
    report: str, sentence: str, supported: bool
) -> None:
    (checked,) = conclude(report, conclusion=sentence).sentences
    assert checked.supported is supported, checked.reasons


@pytest.mark.parametrize("text", ["Bonjour.", "Patient vu ce jour.", "OK"])
def test_a_text_without_anything_to_conclude_from_says_so(text: str) -> None:
    result = conclude(text)
    assert (result.origin, result.conclusion, result.sentences) == ("absent", "", [])


def test_the_shortest_note_still_gives_a_draft() -> None:
    assert conclude("Pneumopathie lobaire droite. Amoxicilline 1 g x 3.").conclusion


def test_relatives_do_not_open_the_draft() -> None:
    family = "Dans sa famille, sa mère est décédée d'un cancer du côlon à 79 ans."
    assert family not in conclude(f"{family} {REPORT} {REPORT}", max_sentences=3).conclusion


def test_a_generated_draft_is_streamed_then_checked() -> None:
    resources = Resources(generator=ScriptedGenerator(["Œdème aigu du poumon. Furosémide 80 mg par jour."]))
    assert USECASE.stream
    *pieces, last = USECASE.stream(Document("a", REPORT), Options(engine="generated"), resources)
    assert pieces
    assert isinstance(last, ConcludeResult)
    assert [sentence.supported for sentence in last.sentences] == [True, False]


def test_a_small_model_is_kept_to_what_the_report_supports() -> None:
    true = "Œdème aigu du poumon."
    generator = ScriptedGenerator(
        [f"{true} Furosémide 80 mg par jour.", "", *[f"Embolie pulmonaire. {true}"] * 4]
    )
    generator.name = DEFAULT_NAME
    assert USECASE.stream
    *pieces, last = USECASE.stream(
        Document("a", REPORT), Options(engine="generated"), Resources(generator=generator)
    )
    assert "Furosémide 80 mg" in "".join(pieces)  # the first draft is shown while the others are written
    assert isinstance(last, ConcludeResult)
    assert true in last.conclusion
    assert "80 mg" not in last.conclusion
    assert "mbolie" not in last.conclusion
    assert all(sentence.supported for sentence in last.sentences)
    assert last.origin == "generated"


def test_a_small_model_that_writes_nothing_is_an_error() -> None:
    generator = ScriptedGenerator([""] * 6)
    generator.name = DEFAULT_NAME
    assert USECASE.stream
    with pytest.raises(GeneratorError, match="rien écrit d'utilisable"):
        list(
            USECASE.stream(Document("a", REPORT), Options(engine="generated"), Resources(generator=generator))
        )


def test_a_composed_conclusion_says_nothing_twice() -> None:
    report = "Fracture du col fémoral droit, opérée le 3 mai. Suites simples. Retour à domicile le 10 mai."
    drafts = [
        "Fracture du col fémoral droit opérée le 3 mai. Suites simples.",
        "Fracture du col fémoral droit, opérée le 3 mai.",
    ]
    assert compose(drafts, report, report, None, 6).count("Fracture") == 1


def test_a_composed_conclusion_leaves_out_words_that_are_neither_the_report_s_nor_everyday_ones() -> None:
    report = "Fracture du col fémoral droit, opérée le 3 mai. Suites simples. Retour à domicile le 10 mai."
    made_up = "Fracture du col fémoral droit opérée le 3 mai, avec surveillance fourboise."
    assert all(one.supported for one in check(made_up, report))  # the check alone lets it through
    assert "fourboise" not in compose([made_up], report, report, None, 6)
