"""The nomenclature: what is in it, how a code is looked up, where it stands."""

import re

import pytest

from partages.errors import UsageError
from partages.terminologies import cim10
from partages.terminologies.cim10 import MCO, UnknownCode


@pytest.fixture(scope="module")
def nomenclature() -> cim10.Nomenclature:
    return cim10.load()


def test_holds_the_whole_table(nomenclature: cim10.Nomenclature) -> None:
    assert len(nomenclature) == 42_886
    assert sum(code.type is MCO.FREE for code in nomenclature.values()) == 13_352


@pytest.mark.parametrize("written", ["C18.9", "C189", "c189", " c18.9 ", "C18.9†"])
def test_a_code_is_found_however_it_is_written(nomenclature: cim10.Nomenclature, written: str) -> None:
    assert nomenclature.lookup(written).label == "Tumeur maligne du côlon, sans précision"


def test_an_extension_is_a_code_of_its_own(nomenclature: cim10.Nomenclature) -> None:
    code = nomenclature.lookup("c18.9+8")
    assert (code.code, code.dotted, code.parents) == ("C189+8", "C18.9+8", ("C189", "C18"))


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("I10.42", "le plus proche au-dessus est I10"),
        ("I10+2", "« Hypertension essentielle (primitive) »"),
        ("Q08", "n'existe pas"),
        ("grippe", "Ce n'est pas un code"),
        ("", "Ce n'est pas un code"),
    ],
)
def test_an_unknown_code_is_explained(nomenclature: cim10.Nomenclature, written: str, said: str) -> None:
    with pytest.raises(UnknownCode, match=re.escape(said)) as caught:
        nomenclature.lookup(written)
    assert isinstance(caught.value, UsageError)


def test_a_retired_code_is_known_as_such(nomenclature: cim10.Nomenclature) -> None:
    assert nomenclature.lookup("N18.0").retired
    assert not nomenclature.lookup("N18.5").retired


def test_hierarchy_goes_from_chapter_to_leaf(nomenclature: cim10.Nomenclature) -> None:
    assert [name for name, _ in nomenclature.hierarchy("I2190")] == ["IX", "I20-I25", "I21", "I219", "I2190"]


def test_every_code_has_a_chapter_and_a_block(nomenclature: cim10.Nomenclature) -> None:
    without = {code[:3] for code in nomenclature if len(nomenclature.headings(code)) < 2}
    assert without == set()


def test_children_and_parents_agree(nomenclature: cim10.Nomenclature) -> None:
    assert nomenclature.children("C18")[0] == "C180"
    assert all(
        nomenclature[child].parents[0] == code
        for code in nomenclature
        for child in nomenclature.children(code)
    )


@pytest.mark.parametrize(
    ("category", "leaf"),
    [
        ("C18", "C189"),
        ("E11", "E1198"),  # diabète de type 2, non insulinotraité ou sans précision, sans complication
        ("S72", "S7290"),  # fracture du fémur : fermée, partie non précisée
        ("I21", "I2190"),  # infarctus : prise en charge initiale
        ("I50", "I509"),
        ("I10", "I10"),
    ],
)
def test_an_unspecified_mention_goes_to_the_default_leaf(
    nomenclature: cim10.Nomenclature, category: str, leaf: str
) -> None:
    assert nomenclature.default_leaf(category) == leaf


def test_an_unspecified_hernia_is_not_obstructed() -> None:
    table = cim10.load()
    found = {name: table.default_leaf(name) for name in ("K40", "K41", "K42", "K43", "K44", "K46")}
    assert found == {"K40": "K409", "K41": "K419", "K42": "K429", "K43": "K439", "K44": "K449", "K46": "K469"}


def test_an_unspecified_gallstone_is_without_cholecystitis() -> None:
    assert cim10.load().default_leaf("K80") == "K802"
