"""What the ranking looks at besides resemblance: sites, figures, the place of candidates."""

import numpy as np
import pytest

from partages.terminologies import precision, ranking
from partages.terminologies.cim10 import load
from partages.terminologies.search import Index, index
from partages.terminologies.sites import Sites


@pytest.fixture(scope="module")
def searched() -> Index:
    return index()


@pytest.mark.parametrize(
    ("passage", "right", "wrong"),
    [
        ("cal vicieux de la malléole externe", "M8407", "M8403"),
        ("cal vicieux du radius", "M8403", "M8407"),
        ("cal vicieux", "M8409", "M8407"),
        ("lombalgie avec spondylolisthésis L4L5", "M4316", "M4312"),
    ],
)
def test_the_site_agrees(searched: Index, passage: str, right: str, wrong: str) -> None:
    numbers = np.array([searched.numbers[right], searched.numbers[wrong], searched.numbers["I10"]])
    agreed, disagreed, unsited = Sites(load()).agreement(passage, numbers)
    assert agreed > disagreed
    assert unsited == 0


def test_figures_of_the_passage_contradict_a_subdivision() -> None:
    codes = ["E1190", "E1198", "I10"]
    assert precision.contradicted(codes, "diabète de type 2 sous insuline", load()).tolist() == [0, 1, 0]


def test_candidates_come_before_the_others_and_nothing_is_lost(searched: Index) -> None:
    reading = searched.read("fracture du col fémoral gauche")
    assert reading.rows.shape == (len(reading.numbers), len(ranking.NAMES))
    inside = np.zeros(len(searched.names), bool)
    inside[reading.numbers] = True
    assert reading.scores[inside & (reading.near > 0)].min() > reading.scores[~inside].max()
    assert float(reading.scores.sum()) == pytest.approx(1, abs=1e-3)
    assert len(searched.search("fracture du col fémoral gauche", 50)) == 50


def test_a_code_asked_for_is_always_a_candidate(searched: Index) -> None:
    number = searched.numbers["Q780"]
    assert number not in searched.read("HTA").numbers
    assert number in searched.read("HTA", [number]).numbers


def test_a_phrase_may_be_withheld(searched: Index) -> None:
    first, last = np.searchsorted(searched._codes, [searched.numbers["I10"], searched.numbers["I10"] + 1])
    whole = searched.read("HTA")
    without = searched.read("HTA", [searched.numbers["I10"]], np.arange(first, last))
    assert whole.near[searched.numbers["I10"]] > without.near[searched.numbers["I10"]]
