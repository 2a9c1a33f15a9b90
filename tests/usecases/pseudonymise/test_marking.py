"""Engine ``llm``: the model lists, the program places."""

import itertools
import json

import pytest

from partages.documents import Document
from partages.errors import GeneratorError
from partages.models.embedded import EmbeddedGenerator
from partages.models.generator import ScriptedGenerator
from partages.settings import Settings
from partages.usecases.pseudonymise.engine import detect, pseudonymise
from partages.usecases.pseudonymise.marking import LEAST, ROOM, find_marked, pieces
from partages.usecases.pseudonymise.schema import Options


def answer(*marks: tuple[str, str]) -> str:
    return json.dumps({"entites": [{"texte": text, "categorie": label} for text, label in marks]})


def test_what_the_model_lists_is_marked_wherever_it_stands() -> None:
    text = "Quermeleuc a vu son neveu. Le soir, Quermeleuc va mieux."
    found = find_marked(text, ScriptedGenerator([answer(("Quermeleuc", "Nom"))]))
    assert [(f.start, f.end, f.label) for f in found] == [(0, 10, "Nom"), (36, 46, "Nom")]


@pytest.mark.parametrize(
    ("given", "expected"),
    [("élodie  verdier", ["Elodie Verdier"]), ("Jean Absent", []), ("E", []), ("", [])],
)
def test_a_value_copied_loosely_is_placed_and_an_invented_one_dropped(
    given: str, expected: list[str]
) -> None:
    text = "Vue par Elodie Verdier ce jour."
    found = find_marked(text, ScriptedGenerator([answer((given, "Nom"))]))
    assert [text[f.start : f.end] for f in found] == expected


def test_the_rules_stay_whatever_the_model_answers() -> None:
    text = "M. DURAND, IPP 8001234, tél. 06 39 98 00 00, maladie de Crohn."
    by_rules = {(s.start, s.end, s.label) for s in detect(text, statistical=False)}
    for marks in ((), (("DURAND", "Ville"), ("8001", "Nom"), ("maladie de Crohn", "Nom"))):
        spans = detect(text, statistical=False, generator=ScriptedGenerator([answer(*marks)]))
        masked = {i for s in spans for i in range(s.start, s.end)}
        assert all(masked.issuperset(range(start, end)) for start, end, _ in by_rules)
        assert all(a.end <= b.start for a, b in itertools.pairwise(spans))


def test_an_answer_that_was_cut_is_asked_again_in_two_halves() -> None:
    text = "\n".join(f"Ligne {number} : le patient va bien." for number in range(20)) + "\nSigné Attouchinga"
    model = ScriptedGenerator(['{"entites": [{"texte": "Lig', answer(), answer(("Attouchinga", "Nom"))])
    (found,) = find_marked(text, model)
    assert text[found.start : found.end] == "Attouchinga"
    assert len(model.prompts) == 3


def test_a_model_that_never_answers_is_named_and_nothing_is_rendered() -> None:
    text = "Le patient va bien. " * 30
    with pytest.raises(GeneratorError, match="scripted"):
        pseudonymise(
            Document("a", text), Options(engine="llm"), lambda: ScriptedGenerator(["Je ne peux pas."] * 20)
        )


def test_the_other_engines_open_no_model() -> None:
    def opened() -> ScriptedGenerator:
        raise AssertionError

    assert pseudonymise(Document("a", "M. DURAND"), Options(engine="rules"), opened).spans


@pytest.mark.parametrize("text", ["", "a" * (3 * ROOM), "mot " * ROOM, "\n" * ROOM, "ligne\n" * ROOM])
def test_pieces_cover_the_text_in_order(text: str) -> None:
    cuts = list(pieces(text))
    assert "".join(text[start:end] for start, end in cuts) == text
    assert all(0 < end - start <= ROOM for start, end in cuts)
    assert LEAST < ROOM


@pytest.mark.slow
def test_the_embedded_model_really_answers_in_the_schema() -> None:
    """A model of 270 million parameters marks badly; what it marks must still be in the text, and the rules must stay."""
    text = "Mme GUERIN Odile, née le 03/02/1951, suivie à Nantes par le Dr Lebrun."
    model = EmbeddedGenerator(Settings())
    try:
        spans = detect(text, statistical=False, generator=model)
    finally:
        model.close()
    assert {"GUERIN", "Lebrun"} <= {text[s.start : s.end] for s in spans}
