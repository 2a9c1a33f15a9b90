"""The report for a data-protection officer: counts done by hand, no text, nothing from the network."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from partages.documents import Document
from partages.usecases.pseudonymise import report
from partages.usecases.pseudonymise.engine import pseudonymise
from partages.usecases.pseudonymise.report import facts, summarise, suspects, wilson, write
from partages.usecases.pseudonymise.schema import FRENCH_NAMES, Categorie, Options

TEXT = "Mme KERVADEC Solenn, IPP 8004512, née le 03/02/1951. Toux. " + "Examen normal. " * 30


def fact(name: str = "a", text: str = TEXT, **options: Any) -> dict[str, Any]:
    document, chosen = Document(name, text), Options(engine="rules", **options)
    return json.loads(json.dumps(facts(document, pseudonymise(document, chosen), chosen)))


def test_facts_hold_counts_and_no_text() -> None:
    found = fact()
    assert "kervadec" not in json.dumps(found).lower()
    assert found["groups"]["Nom|Patient"][0] == 1
    assert found["residues"] == 0
    assert (found["engine"], found["rendering"], found["known"], found["key"]) == (
        "rules",
        "surrogates",
        False,
        False,
    )


def test_an_id_that_holds_a_name_is_said_and_hidden() -> None:
    data = summarise([fact("CR_Kervadec_2024")])
    assert data["documents"]["identifier_holds_a_name"] == 1
    assert "kervadec" not in json.dumps(data).lower()
    assert data["first_to_read"][0]["id"] == "document n° 1"


def test_suspects_are_what_may_be_a_name_or_a_number() -> None:
    text = "Vu avec Kerzabec, Paracétamol, Foie normal, n° 12345678, 12,345678, TA 12/8"
    assert [text[start:end] for start, end in suspects(text, [])] == ["Kerzabec", "12345678"]
    assert suspects(text, [(8, 16), (47, 55)]) == []


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A measure easy to compute by hand: 80 names of 100, 50 towns of 50."""
    labels = {"Nom": [80, 100], "Ville": [50, 50]}
    engine = {"labels": labels, "suspects": [1, 2]}
    measured = {"bed": "b", "date": "d", "version": "v", "documents": 1, "engines": {"fast": engine}}
    monkeypatch.setattr(report, "measured", lambda: measured)
    report._missed_per_found.cache_clear()
    yield
    report._missed_per_found.cache_clear()


def counted(name: str, groups: dict[str, list[float]], **more: Any) -> dict[str, Any]:
    common = {"named": False, "characters": 1000, "masked": 10, "residues": 0, "suspects": 0}
    settings = {"engine": "fast", "rendering": "tags", "known": False, "key": True}
    return {"id": name, "groups": groups, **common, **settings, **more}


def test_the_estimate_by_hand(table: None) -> None:
    """The interval of 80 in 100 is 0.711 to 0.867: 40 x 0.154 and 40 x 0.406. Recall is (80 + 0.5) / (100 + 1) = 0.797: 40 names found leave 40 x 0.2546 = 10.2 missed."""
    data = summarise(
        [counted("a", {"Nom|Patient": [30, 30, 27.0, 2]}), counted("b", {"Nom|": [10, 0, 0.0, 0]})]
    )
    assert data["risk"]["expected_missed"] == 10.2
    low, high = data["risk"]["interval_95"]
    assert (low, high) == (6.2, 16.2)
    assert data["categories"]["Nom"]["roles"] == {"sans rôle": 10, "Patient": 30}
    assert data["categories"]["Nom"]["mean_score"] == 0.9
    assert data["categories"]["Nom"]["unsure"] == 2


def test_wilson_interval() -> None:
    low, high = wilson(80, 100)
    assert (round(low, 3), round(high, 3)) == (0.711, 0.867)


def test_what_to_read_first(table: None) -> None:
    data = summarise(
        [
            counted("calme", {}, characters=100),
            counted("reste", {}, residues=3),
            counted("noms", {"Nom|": [2, 0, 0.0, 0]}, suspects=4),
            {"id": "x", "error": "Le document est vide."},
            counted("vide", {}),
            counted("relu", {"Nom|": [9, 0, 0.0, 0]}, engine="corrected"),
        ]
    )
    assert [entry["id"] for entry in data["first_to_read"]] == ["reste", "noms", "vide", "calme", "relu"]
    assert data["documents"] | {} == {
        "received": 6, "processed": 5, "failed": 1, "nothing_found": 2, "identifier_holds_a_name": 0,
        "characters": 4100, "masked_characters": 50,
    }  # fmt: skip
    assert data["errors"] == [{"id": "x", "error": "Le document est vide."}]


def test_memory_holds_the_first_documents_only(table: None) -> None:
    data = summarise(counted(f"d{n}", {}, residues=n) for n in range(1000))
    assert len(data["first_to_read"]) == report.RANKED
    assert data["first_to_read"][0]["id"] == "d999"


def test_the_page_stands_alone_and_escapes(tmp_path: Path) -> None:
    html, data = tmp_path / "r.html", tmp_path / "r.json"
    write(iter([fact("<script>alert(1)</script>"), fact("b", rendering="tags")]), [html, data])
    page = html.read_text()
    assert "<script" not in page
    assert not re.search(r"(?:src|href)=|url\(|@import|https?://", page)
    assert "<svg" in page
    assert "default-src 'none'" in page
    assert "Solenn" not in page
    values = json.loads(data.read_text())
    assert values["documents"]["processed"] == 2
    assert values["risk"]["method"] in page.replace("&#x27;", "'")
    for label in values["categories"]:
        assert FRENCH_NAMES[label] in page


def test_an_empty_batch_has_a_report(tmp_path: Path) -> None:
    write(iter([]), [tmp_path / "r.html"])
    assert "Aucun document traité" in (tmp_path / "r.html").read_text()


def test_the_measure_in_the_package_covers_the_categories() -> None:
    for engine in report.measured()["engines"].values():
        assert set(engine["labels"]) <= set(map(str, Categorie))
        assert all(0 <= found <= present for found, present in engine["labels"].values())
        assert engine["labels"]["Nom"][1] > 100
