"""Fictitious reports on the page: drawn, written, checked, reviewed, exported, in a real browser."""

import json
import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from fastapi.testclient import TestClient
from playwright.sync_api import Page, expect

from partages.fiction.case import Case, parse_case
from tests.fiction.conftest import gallstones, told


@pytest.fixture(scope="module")
def case() -> Case:
    return gallstones()


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"seed": 3}, 200),
        ({"seed": 3, "specialty": "cardiologie"}, 200),
        ({"seed": 3, "specialty": "astrologie"}, 400),
        ({"specialty": "cardiologie"}, 422),
        ({"seed": "x"}, 422),
        ({"seed": 3, "specialty": 4}, 422),
    ],
)
def test_a_scenario_is_drawn(client: TestClient, given: dict[str, object], status: int) -> None:
    answer = client.post("/page/fiction/scenario", json=given)
    assert answer.status_code == status
    if status == 200:
        assert answer.json()["case"]["documents"]
    else:
        assert answer.json()["detail"].endswith(".")


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({}, 400),
        ({"case": {"format": 1}}, 400),
        ({"action": "dance"}, 422),
        ({"texts": {"CRH": 3}}, 422),
        ({"author": []}, 422),
        ({"action": "export"}, 422),
        ({"action": "draft", "kind": "ZZZ"}, 400),
        ({"action": "review", "reviewer": "B", "decision": "accepted"}, 400),
    ],
)
def test_a_wrong_question_is_refused_in_one_sentence(
    client: TestClient, case: Case, given: dict[str, object], status: int
) -> None:
    full = given if "case" in given or not given else {"case": case.model_dump(mode="json"), **given}
    answer = client.post("/page/fiction/cas", json=full)
    assert answer.status_code == status, answer.text
    assert answer.json()["detail"].endswith(".")


@pytest.fixture
def opened(page: Page, served: str, case: Case) -> Page:
    page.goto(f"{served}/fiction")
    page.locator("body.pret").wait_for()
    page.locator("#ouvrir").set_input_files(
        {"name": "cas.json", "mimeType": "application/json", "buffer": case.model_dump_json().encode()}
    )
    expect(page.get_by_role("heading", name=f"Cas {case.local_id}")).to_be_focused()
    return page


@pytest.mark.browser
def test_a_scenario_is_drawn_on_the_page(page: Page, served: str) -> None:
    page.goto(f"{served}/fiction")
    page.locator("body.pret").wait_for()
    page.get_by_label("Spécialité").select_option("ophtalmologie")
    page.get_by_role("button", name="Tirer un scénario").click()
    expect(page.locator("#scenario")).to_contain_text("Cataracte")
    expect(page.get_by_label("Compte rendu opératoire")).to_be_visible()
    page.get_by_role("button", name="Insérer le plan").click()
    expect(page.get_by_label("Compte rendu opératoire")).to_have_value(re.compile("Indication"))
    page.once("dialog", lambda dialog: dialog.accept())


@pytest.mark.browser
def test_from_writing_to_the_export(opened: Page, case: Case) -> None:
    opened.get_by_role("button", name="Vérifier").click()
    expect(opened.locator("#controles")).to_contain_text("n'est pas écrit")
    texts = told(case)
    opened.get_by_label("Compte rendu d'hospitalisation").fill(
        texts["CRH"].replace("est adm", "est suivi par le Dr Robert Martin et adm")
    )
    opened.get_by_label("Compte rendu opératoire").fill(texts["CRO"])
    opened.get_by_label("Code de l'auteur").fill("A12")
    opened.get_by_role("button", name="Vérifier").click()
    expect(opened.locator("#controles")).to_contain_text("nom qui n'est pas du scénario")
    opened.get_by_label("Code du relecteur").fill("B07")
    opened.get_by_role("button", name="Accepter le cas").click()
    expect(opened.get_by_role("alert")).to_contain_text("contrôles ne sont pas passés")
    opened.get_by_label("Compte rendu d'hospitalisation").fill(texts["CRH"])
    opened.get_by_role("button", name="Vérifier").click()
    expect(opened.locator("#controles")).to_contain_text("Tous les contrôles sont passés.")
    expect(opened.get_by_role("button", name="Exporter")).to_be_disabled()
    opened.get_by_role("button", name="Accepter le cas").click()
    expect(opened.locator("#relectures")).to_contain_text("B07")
    with opened.expect_download() as download:
        opened.get_by_role("button", name="Exporter").click()
    row = json.loads(Path(download.value.path()).read_text("utf-8"))
    assert (row["author"], row["reviewer"], row["id"]) == ("A12", "B07", case.id)
    assert all(set(one) == {"type", "header", "text", "word_count"} for one in row["documents"])
    with opened.expect_download() as download:
        opened.get_by_role("button", name="Enregistrer le cas").click()
    assert parse_case(Path(download.value.path()).read_bytes()).accepted
    with opened.expect_download() as download:
        opened.get_by_role("button", name="Fiche .docx").click()
    assert Path(download.value.path()).read_bytes().startswith(b"PK")


@pytest.mark.browser
def test_a_draft_is_shown_for_what_it_is(opened: Page) -> None:
    opened.get_by_role("button", name="Ébauche par le modèle").first.click()
    expect(opened.locator("#origine-CRH")).to_contain_text("ébauche d'un modèle (scripted)")
    written = opened.get_by_label("Compte rendu d'hospitalisation")
    expect(written).not_to_have_value("")
    written.fill("Tout autre chose.")
    opened.get_by_role("button", name="Vérifier").click()
    expect(opened.locator("#origine-CRH")).to_contain_text("repris d'une ébauche de modèle")


@pytest.mark.browser
def test_a_file_that_is_no_case_is_said(page: Page, served: str) -> None:
    page.goto(f"{served}/fiction")
    page.locator("body.pret").wait_for()
    for content in (b"pas du JSON", b"{}"):
        page.locator("#ouvrir").set_input_files(
            {"name": "x.json", "mimeType": "application/json", "buffer": content}
        )
        expect(page.get_by_role("alert")).to_contain_text("n'est pas un cas")
        page.get_by_role("button", name="Fermer").click()


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_accessible(opened: Page, scheme: str) -> None:
    opened.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    opened.get_by_role("button", name="Vérifier").click()
    expect(opened.locator("#controles")).to_contain_text("à reprendre")
    opened.set_viewport_size({"width": 1360, "height": 850})
    results = [Axe().run(opened)]
    opened.set_viewport_size({"width": 400, "height": 800})
    assert opened.evaluate("document.documentElement.scrollWidth") <= 400, "nothing to scroll sideways"
    results.append(Axe().run(opened))
    for result in results:
        assert result.violations_count == 0, re.sub(r"\s+", " ", result.generate_report())[:2000]
