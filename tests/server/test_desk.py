"""The coding desk: stays one after another, decided by keyboard, in a real browser."""

import csv
import io
import json
import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from fastapi.testclient import TestClient
from playwright.sync_api import Page, expect

from partages.samples import all_samples

TABLE = (
    "ID;Spécialité;Texte;Codes CCAM;CIM-10 DP\r\n"
    'S1;Chirurgie;"Patiente hospitalisée pour cholécystite aiguë lithiasique.\nHTA.";HMFC004;\r\n'
    "S2;Ortho;Conclusion : appendicite aiguë.;MDCA002;\r\n"
)


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("K80", "K80"),
        ("k80.0", "K800"),
        ("fracture du col du fémur", "S720"),
        ("HTA", "I10"),
        ("angine de poitrine", "I20"),
    ],
)
def test_the_nomenclature_is_searched_by_words_or_code(client: TestClient, query: str, first: str) -> None:
    found = client.post("/page/nomenclature", json={"query": query}).json()
    assert found[0]["code"].startswith(first)
    assert found[0]["label"]
    assert found[0]["path"]


def test_a_code_that_may_not_lead_says_so(client: TestClient) -> None:
    found = client.post("/page/nomenclature", json={"query": "Z370"}).json()
    assert "DP" in found[0]["note"]


@pytest.mark.parametrize(
    ("query", "status"), [("", 200), ("zzzzqqqq", 200), ("C18+", 200), (3, 422), (None, 422)]
)
def test_a_search_for_nothing_finds_nothing(client: TestClient, query: object, status: int) -> None:
    response = client.post("/page/nomenclature", json={"query": query})
    assert response.status_code == status


def test_a_retired_code_says_so_and_an_unknown_one_finds_nothing(client: TestClient) -> None:
    retired = client.post("/page/nomenclature", json={"query": "i84.1"}).json()
    assert retired[0]["code"] == "I841"
    assert "retiré" in retired[0]["note"]
    assert not retired[0]["usable"]
    assert not retired[0]["label"].startswith("*")
    assert client.post("/page/nomenclature", json={"query": "K40.7"}).json() == []


def test_a_table_is_read(client: TestClient) -> None:
    read = client.post("/page/sejours", files={"file": ("a.csv", TABLE.encode("cp1252"))}).json()
    assert [stay["id"] for stay in read["stays"]] == ["S1", "S2"]
    assert read["stays"][0]["ccam"] == ["HMFC004"]
    assert read["notices"]


def test_rows_left_out_of_a_table_are_counted(client: TestClient) -> None:
    table = TABLE + "S3;Ortho;;;\r\n;Ortho;Sans numéro.;;\r\n"
    read = client.post("/page/sejours", files={"file": ("a.csv", table.encode())}).json()
    assert len(read["stays"]) == 2
    assert "2 lignes laissées de côté : l'identifiant ou le texte manque." in read["notices"]


def test_a_file_that_is_no_table_is_refused(client: TestClient) -> None:
    response = client.post("/page/sejours", files={"file": ("a.csv", b"a;b\n1;2\n")})
    assert response.status_code == 400
    assert "colonnes attendues" in response.json()["detail"]


@pytest.fixture
def desk(page: Page, served: str) -> Page:
    page.goto(f"{served}/codage")
    page.locator("body.pret").wait_for()
    return page


def drop(desk: Page) -> None:
    desk.locator("#fichiers").set_input_files(
        {"name": "sejours.csv", "mimeType": "text/csv", "buffer": TABLE.encode()}
    )
    expect(desk.locator("#codes li").first).to_be_visible()


def test_stays_are_coded_by_keyboard_and_exported(desk: Page) -> None:
    drop(desk)
    expect(desk.get_by_role("heading", name="Séjour S1")).to_be_visible()
    first = desk.locator("#codes li").first
    expect(first).to_be_focused()
    expect(first).to_contain_text("K80.0")
    expect(desk.locator("#rapport mark").first).to_contain_text("cholécystite")
    desk.keyboard.press("r")
    expect(first).to_have_attribute("data-etat", "retenu")
    expect(first).to_be_focused()
    desk.keyboard.press("ArrowDown")
    desk.keyboard.press("e")
    expect(desk.locator("#codes li").nth(1)).to_have_attribute("data-etat", "ecarte")

    desk.locator("#mots").fill("obésité")
    expect(desk.locator("#trouves li").first).to_contain_text("E66")
    desk.keyboard.press("ArrowDown")
    desk.keyboard.press("Enter")
    added = desk.locator("#codes li").last
    expect(added).to_contain_text("Ajouté par vous")
    expect(added).to_have_attribute("data-etat", "retenu")

    desk.keyboard.press("s")
    expect(desk.get_by_role("heading", name="Séjour S2")).to_be_visible()
    expect(desk.locator("#signalements")).to_contain_text("ne s'accorde pas avec l'acte MDCA002")
    expect(desk.locator("#codes li").first).to_contain_text("K35")
    desk.keyboard.press("r")
    desk.get_by_role("button", name="Précédent").click()
    expect(desk.locator("#codes li").first).to_have_attribute("data-etat", "retenu")

    with desk.expect_download() as download:
        desk.get_by_role("button", name="Exporter les décisions (CSV)").click()
    table = Path(download.value.path()).read_text("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(table), delimiter=";"))
    assert [row["CIM-10 DP"] for row in rows] == ["K800", "K358"]
    assert rows[0]["CIM-10 DAS"].startswith("E66")
    assert rows[0]["Écartés"] == "I10"
    assert "cholécystite" not in table
    with desk.expect_download() as download:
        desk.get_by_role("button", name="JSON").click()
    decided = json.loads(Path(download.value.path()).read_text("utf-8"))
    assert decided[0]["codes"][0]["evidence"]


def test_a_stay_has_one_principal_diagnosis(desk: Page) -> None:
    drop(desk)
    second = desk.locator("#codes li").nth(1).get_attribute("data-code") or ""
    desk.keyboard.press("ArrowDown")
    desk.keyboard.press("p")
    expect(desk.locator("#codes li").first).to_have_attribute("data-code", second)
    expect(desk.locator("#codes li").first).to_be_focused()
    roles = desk.locator("#codes select").evaluate_all("all => all.map((one) => one.value)")
    assert roles.count("DP") == 1


def test_reports_in_files_are_stays(desk: Page) -> None:
    samples = all_samples()[:2]
    desk.locator("#fichiers").set_input_files(
        [{"name": f"{s.name}.txt", "mimeType": "text/plain", "buffer": s.text.encode()} for s in samples]
    )
    expect(desk.locator("#position")).to_have_text("1 sur 2")
    expect(desk.locator("#codes li").first).to_be_visible()
    desk.get_by_role("button", name="Suivant").click()
    expect(desk.locator("#position")).to_have_text("2 sur 2")


def test_nothing_decided_is_said(desk: Page) -> None:
    drop(desk)
    desk.get_by_role("button", name="Exporter les décisions (CSV)").click()
    expect(desk.get_by_role("alert")).to_contain_text("Aucune décision à exporter")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_desk_is_accessible(desk: Page, scheme: str) -> None:
    desk.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    results = [Axe().run(desk)]
    drop(desk)
    desk.locator("#mots").fill("diabète")
    expect(desk.locator("#trouves li").first).to_be_visible()
    results.append(Axe().run(desk))
    for result in results:
        assert result.violations_count == 0, re.sub(r"\s+", " ", result.generate_report())[:2000]


def test_a_code_that_is_not_coded_as_it_is_cannot_be_added(desk: Page) -> None:
    drop(desk)
    desk.locator("#mots").fill("K40")
    expect(desk.locator("#trouves li").first).to_contain_text("subdivisé")
    desk.keyboard.press("Enter")
    expect(desk.locator("#alerte-texte")).to_contain_text("ne se code pas tel quel")


def test_a_runner_up_takes_the_place_of_the_code_proposed(desk: Page) -> None:
    drop(desk)
    near = desk.locator("#codes li.code", has=desk.locator("details")).first
    name = near.get_attribute("data-code")
    near.locator("summary").click()
    button = near.locator("details button").first
    chosen = (button.text_content() or "").split(" ")[0]
    button.click()
    expect(desk.locator(f'#codes li.code[data-code="{name}"]')).to_have_attribute("data-etat", "ecarte")
    taken = desk.locator("#codes li.code", has_text=chosen).filter(has_text="Ajouté par vous")
    expect(taken).to_have_attribute("data-etat", "retenu")
    expect(taken).to_be_focused()
