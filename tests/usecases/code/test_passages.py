"""Cutting a report: where passages are, in what section, and at what cost."""

import sys
from itertools import pairwise

import pytest

from partages.usecases.code.passages import LONGEST, passages

REPORT = """Motif : douleur thoracique
ANTÉCÉDENTS
HTA, diabète
Au total : embolie pulmonaire et phlébite."""


def test_passages_are_cut_at_punctuation_and_joining_words() -> None:
    found = [REPORT[p.start : p.end] for p in passages(REPORT)]
    assert {"douleur thoracique", "HTA", "diabète", "embolie pulmonaire", "phlébite"} <= set(found)


def test_passages_know_their_section() -> None:
    sections = {REPORT[p.start : p.end]: p.section for p in passages(REPORT)}
    assert sections["douleur thoracique"] == "reason"
    assert sections["diabète"] == "history"
    assert sections["phlébite"] == "conclusion"


def test_the_conclusion_weighs_more() -> None:
    weights = {p.section: p.weight for p in passages(REPORT)}
    assert weights["conclusion"] > weights["reason"] > weights["history"]


@pytest.mark.parametrize(
    "text", ["HTA", "a\tb\fc\r\nd", "Œdème aigu\N{NO-BREAK SPACE}du poumon \N{GRINNING FACE}"]
)
def test_offsets_are_inside_the_text_and_in_order(text: str) -> None:
    found = list(passages(text))
    assert all(0 <= p.start < p.end <= len(text) for p in found)
    assert all(before.start < after.start for before, after in pairwise(found))


def test_a_long_sentence_gives_short_passages() -> None:
    text = "mot " * 500
    assert max(len(text[p.start : p.end].split()) for p in passages(text)) <= LONGEST


def calls(text: str) -> int:
    """How many calls cutting a text makes."""
    count = 0

    def tally(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(tally)
    try:
        for _ in passages(text):
            pass
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("unit", ["mot ", "mot, ", "a_", "Titre :\n", "((", "A" * 50 + " :", "- "])
def test_cost_grows_like_the_length(unit: str) -> None:
    once, twice = calls(unit * 5_000), calls(unit * 10_000)
    assert twice <= 2.2 * once + 50


@pytest.mark.parametrize("unit", ["a", "_", "a_", "(", "- ", "A :", " ", "a" + "_" * 1000])
def test_a_line_of_two_megabytes_is_cut(unit: str) -> None:
    text = (unit * (2_000_000 // len(unit) + 1))[:2_000_000]
    assert all(p.end <= len(text) for p in passages(text))
