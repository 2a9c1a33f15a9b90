"""CCAM acts: how they are written, and which diagnoses agree with them."""

import pytest

from partages.documents import Document
from partages.errors import BadDocument
from partages.resources import Resources
from partages.usecases.code import USECASE
from partages.usecases.code.acts import disagreement, read_acts, treats
from partages.usecases.code.schema import CodeResult, Options


@pytest.mark.parametrize("written", ["HMFC004", "hmfc004", " HMFC004 ", "HMFC004-01", "HMFC004 1 0"])
def test_ways_of_writing_an_act(written: str) -> None:
    assert read_acts([written, "HMFC004"]) == ("HMFC004",)


@pytest.mark.parametrize("written", ["", "HMFC", "K800", "HMFC0045X99999999999", "acte 12"])
def test_what_is_no_act_is_said(written: str) -> None:
    with pytest.raises(BadDocument, match="n° 2"):
        read_acts(["HMFC004", written])


@pytest.mark.parametrize(
    ("act", "code", "agrees"),
    [
        ("HMFC004", "K800", True),  # cholécystectomie
        ("NEKA020", "S720", True),  # prothèse de hanche
        ("NEKA020", "M161", True),
        ("NEKA020", "J180", False),
        ("BFGA004", "H251", True),  # cataracte
        ("BFGA004", "K359", False),
        ("JQGA002", "O820", True),  # césarienne
        ("DDAF008", "I211", True),  # angioplastie coronaire
        ("HEQE002", "J180", None),  # une endoscopie regarde, elle ne dit rien du DP
        ("HMFC004", "R104", None),
        ("ZZLP025", "K800", None),
    ],
)
def test_an_act_agrees_with_the_diagnoses_of_its_organ(act: str, code: str, agrees: bool | None) -> None:
    assert treats(act, code) is agrees


def test_one_act_of_the_right_organ_is_enough() -> None:
    assert disagreement("K800", ["MDCA002"])
    assert disagreement("K800", ["MDCA002", "HMFC004"]) is None
    assert disagreement("K800", []) is None


def code(text: str, **options: object) -> CodeResult:
    result = USECASE.run(Document("a", text), Options.model_validate(options), Resources())
    assert isinstance(result, CodeResult)
    return result


def test_the_act_tells_which_of_two_diagnoses_leads() -> None:
    report = "Gonarthrose droite. Lithiase vésiculaire."
    assert code(report, acts=["NFKA007"]).codes[0].code.startswith("M17")
    assert code(report, ccam=["HMFC004"]).codes[0].code.startswith("K80")


def test_a_diagnosis_that_no_act_explains_is_flagged() -> None:
    (flag,) = code("Conclusion : pneumopathie.", acts=["NEKA020"]).flags
    assert "NEKA020 (le membre inférieur)" in flag
