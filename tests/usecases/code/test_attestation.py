"""A passage and a code: which is attested, and what is said of a code that is not in use."""

import pytest

from partages.documents import Document
from partages.terminologies.cim10 import load
from partages.usecases.code.engine import code
from partages.usecases.code.evaluation import area, reliability
from partages.usecases.code.schema import CodeResult, Options


def asked(text: str, name: str) -> CodeResult:
    return code(Document("1", text), Options(passage=True, code=name, top=3))


@pytest.mark.parametrize("written", ["C18.9", "C189", "c18.9", " c189 ", "C18.9†"])
def test_a_code_may_be_written_in_many_ways(written: str) -> None:
    assert asked("cancer du côlon", written).attested == asked("cancer du côlon", "C189").attested


def test_an_extension_is_a_code_of_its_own() -> None:
    assert asked("syndrome de Lynch", "C189+0").attested > asked("syndrome de Lynch", "C189+8").attested


@pytest.mark.parametrize(
    ("passage", "right", "sibling"),
    [
        ("FA paroxystique réduite", "I480", "I482"),
        ("hernie inguinale bilatérale", "K402", "K409"),
        ("fracture ouverte de la diaphyse tibiale", "S8221", "S8220"),
        ("cancer du sigmoïde", "C187", "C180"),
    ],
)
def test_a_sibling_is_less_attested_than_the_right_code(passage: str, right: str, sibling: str) -> None:
    assert asked(passage, right).attested > asked(passage, sibling).attested


def test_a_retired_code_is_named_as_such() -> None:
    assert asked("dengue", "A90").flags == [
        "A90 est retiré de la CIM-10 FR depuis 2017 : il ne se code plus."
    ]
    assert load()["A90"].title == "Dengue [dengue classique]"


def test_a_retired_code_never_comes_before_one_in_use() -> None:
    first = asked("dengue", "A90").codes[0].code
    assert not load()[first].retired


def test_a_divided_category_is_named_as_such() -> None:
    assert asked("fracture du fémur", "S72").flags == [
        "S72 est subdivisé : il ne se code pas tel quel en MCO."
    ]
    assert asked("HTA", "I10").flags == []


def test_nothing_known_attests_nothing() -> None:
    assert asked("zzzz qqqq", "I10").attested == 0.0


def test_area_counts_ties_for_half() -> None:
    assert area([1.0], [1.0]) == 0.5
    assert area([0.9, 0.4], [0.5, 0.1]) == 0.75


def test_reliability_weighs_right_and_wrong_alike() -> None:
    pairs = [(0.9, True), *[(0.9, False)] * 3, *[(0.1, False)] * 6, (0.1, True)]
    low, high = reliability(pairs)
    assert low[0] == pytest.approx(0.1)
    assert high[1] == pytest.approx(0.6)
