"""What a physician does on the page, in a real Chromium, by mouse and by keyboard."""

import json
import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.server.conftest import REPORT

pytestmark = pytest.mark.browser

STANDARDS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def analyse(page: Page, text: str = REPORT) -> None:
    """Paste a text and wait for the three analyses."""
    page.get_by_label("Texte du compte rendu").fill(text)
    page.get_by_role("button", name="Analyser").click()
    settle(page)


def settle(page: Page) -> None:
    """Wait until every request of the page is answered and shown."""
    page.locator("#identite [data-nombre]").wait_for(state="attached")
    page.locator("#codes [data-nombre]").wait_for(state="attached")
    page.locator("#verification .verdict").wait_for(state="attached")
    expect(page.locator(".htmx-request")).to_have_count(0)


def tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=re.compile(name)).click()


def mark(page: Page, text: str) -> object:
    return page.locator("mark.passage", has_text=re.compile(f"^{re.escape(text)}$"))


def masked(page: Page) -> list[str]:
    return page.locator("mark.passage").all_text_contents()


def rendered(page: Page) -> str:
    return page.locator("#rendu").text_content() or ""


def select(page: Page, text: str) -> None:
    """Select a stretch of the report as a mouse would."""
    page.evaluate(
        """(text) => {
            const rapport = document.getElementById('rapport');
            const walker = document.createTreeWalker(rapport, NodeFilter.SHOW_TEXT);
            while (walker.nextNode()) {
                const at = walker.currentNode.data.indexOf(text);
                if (at < 0) continue;
                const range = document.createRange();
                range.setStart(walker.currentNode, at);
                range.setEnd(walker.currentNode, at + text.length);
                getSelection().removeAllRanges();
                getSelection().addRange(range);
                rapport.dispatchEvent(new MouseEvent('mouseup', { bubbles: true }));
                return;
            }
            throw new Error('not found');
        }""",
        text,
    )


def check_accessibility(page: Page) -> None:
    # transitions of colours would be measured halfway
    results = Axe().run(page, options={"runOnly": STANDARDS, "resultTypes": ["violations"]})
    found = [
        (violation["id"], [node["html"][:160] for node in violation["nodes"]][:3])
        for violation in results.response["violations"]
    ]
    assert found == []


def test_identifying_spans_are_highlighted_with_their_category(page: Page) -> None:
    analyse(page)
    durand = mark(page, "DURAND").first
    expect(durand).to_have_accessible_name("Nom : DURAND")
    label = durand.evaluate("element => getComputedStyle(element, '::after').content")
    assert label == '"Nom"'  # written, not only coloured
    assert "DURAND" not in rendered(page)
    assert "Furosémide 40 mg" in rendered(page)


def test_a_person_masks_what_was_missed(page: Page) -> None:
    analyse(page)
    assert "dyspnée" not in masked(page)
    select(page, "dyspnée")
    dialog = page.get_by_role("dialog", name="Masquer ce passage")
    expect(dialog).to_contain_text("« dyspnée »")
    dialog.get_by_role("button", name="Établissement").click()
    expect(mark(page, "dyspnée")).to_have_accessible_name("Établissement : dyspnée")
    assert "dyspnée" not in rendered(page)
    expect(mark(page, "dyspnée")).to_be_focused()


def test_a_person_unmasks_everywhere_what_was_masked_wrongly(page: Page) -> None:
    analyse(page)
    count = masked(page).count("LEMOINE")
    assert count == 2
    mark(page, "LEMOINE").first.click()
    expect(page.get_by_role("dialog")).to_contain_text("Aussi à l'autre endroit")
    page.get_by_role("button", name="Ne pas masquer").click()
    expect(mark(page, "LEMOINE")).to_have_count(0)
    settle(page)
    assert rendered(page).count("LEMOINE") == 2
    page.get_by_role("button", name="Annuler la correction").click()
    expect(mark(page, "LEMOINE")).to_have_count(2)


def test_a_person_changes_a_category_in_one_place_only(page: Page) -> None:
    analyse(page)
    mark(page, "LEMOINE").last.click()
    page.get_by_role("checkbox").uncheck()
    page.get_by_role("dialog").get_by_role("button", name="Ville").click()
    expect(mark(page, "LEMOINE").last).to_have_accessible_name("Ville : LEMOINE")
    expect(mark(page, "LEMOINE").first).to_have_accessible_name("Nom : LEMOINE")


def test_roles_survive_a_correction_elsewhere(page: Page) -> None:
    analyse(page)
    before = mark(page, "DURAND").first.get_attribute("data-attributes")
    assert json.loads(before or "{}") == {"RolePER": "Patient"}
    select(page, "dyspnée")
    page.get_by_role("dialog").get_by_role("button", name="Ville").click()
    expect(mark(page, "dyspnée")).to_have_count(1)
    assert mark(page, "DURAND").first.get_attribute("data-attributes") == before


def test_corrections_with_the_keyboard_alone(page: Page) -> None:
    page.get_by_label("Texte du compte rendu").focus()
    page.keyboard.insert_text("Service Alpha\n\nMme DURAND va bien. Revue par Zorglub hier.")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Analyser")).to_be_focused()
    page.keyboard.press("Enter")
    settle(page)
    expect(page.get_by_role("heading", name="Compte rendu")).to_be_focused()
    for _ in range(8):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "rapport":
            break
    expect(page.locator("#rapport")).to_be_focused()

    # select « Zorglub » word by word, then extend to « hier »
    for _ in range(30):
        page.keyboard.press("ArrowRight")
        if page.evaluate("getSelection().toString()") == "Zorglub":
            break
    assert page.evaluate("getSelection().toString()") == "Zorglub"
    page.keyboard.press("Shift+ArrowRight")
    assert page.evaluate("getSelection().toString()") == "Zorglub hier"
    page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text("« Zorglub »")
    expect(page.get_by_role("dialog").get_by_role("button", name="Nom", exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    zorglub = mark(page, "Zorglub")
    expect(zorglub).to_have_accessible_name("Nom : Zorglub")
    expect(zorglub).to_be_focused()

    # change its category, then leave the dialog with Escape, then unmask
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog").get_by_role("button", name="Nom", exact=True)).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    expect(mark(page, "Zorglub")).to_have_accessible_name("Prénom : Zorglub")
    expect(mark(page, "Zorglub")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    expect(mark(page, "Zorglub")).to_be_focused()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Ne pas masquer").focus()
    page.keyboard.press("Enter")
    expect(mark(page, "Zorglub")).to_have_count(0)


def test_a_typed_text_is_masked_everywhere(page: Page) -> None:
    analyse(page, "Suivi par Zorglub. ZORGLUB confirme, Zorglubine exceptée.")
    page.get_by_label("Masquer aussi ce texte").fill("zorglub")
    page.keyboard.press("Enter")
    page.get_by_role("dialog").get_by_role("button", name="Nom", exact=True).click()
    expect(page.locator('mark[data-label="Nom"]', has_text=re.compile("zorglub$", re.I))).to_have_count(2)
    assert "Zorglubine exceptée" in rendered(page)


def test_a_typed_text_that_is_not_there_is_said(page: Page) -> None:
    analyse(page)
    page.get_by_label("Masquer aussi ce texte").fill("absent du texte")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("Ce texte n'est pas dans le compte rendu.")
    expect(page.get_by_role("dialog")).to_have_count(0)


TRICKY = (
    "👩‍⚕️ Note\r\n\r\nMme DURAND\tE\u0301lise 🏥\r\nsuivie\u00a0par Zorglub \u200f(𝒜).\r"
    "\x0cPression artérielle normale, auscultation sans particularité.\r\nFin <b>&amp;</b> \x01 Zorglub.\r\n"
)


def test_offsets_hold_whatever_the_text_holds(page: Page, tmp_path: Path) -> None:
    """CRLF, lone CR, tabs, form feeds, emoji, combining accents, marks, tags: the exact text, end to end."""
    path = tmp_path / "note.txt"
    path.write_bytes(TRICKY.encode())
    page.locator("#fichier").set_input_files(path)
    settle(page)
    assert page.locator("#rapport").evaluate("element => element.textContent") == TRICKY
    select(page, "Zorglub")
    sent: list[dict[str, object]] = []
    page.on("request", lambda request: sent.append(request.post_data_json) if request.post_data else None)
    page.get_by_role("dialog").get_by_role("button", name="Nom", exact=True).click()
    expect(mark(page, "Zorglub")).to_have_count(2)
    assert sent[0]["text"] == TRICKY
    spans = sent[0]["spans"]
    assert isinstance(spans, list)
    quotes = [TRICKY[span["start"] : span["end"]] for span in spans]
    assert quotes.count("Zorglub") == 2
    assert "DURAND" in quotes
    assert page.locator("#rapport").evaluate("element => element.textContent") == TRICKY
    start, end = rendered(page).split("\r\n\r\n")[0], rendered(page)[-3:]
    assert (start, end) == ("👩‍⚕️ Note", ".\r\n")


def test_going_back_to_the_text_keeps_its_line_ends(page: Page, tmp_path: Path) -> None:
    path = tmp_path / "note.txt"
    path.write_bytes(TRICKY.encode())
    page.locator("#fichier").set_input_files(path)
    settle(page)
    page.get_by_role("button", name="Modifier le texte").click()
    page.get_by_role("button", name="Analyser").click()
    settle(page)
    assert page.locator("#rapport").evaluate("element => element.textContent") == TRICKY


def test_a_correction_does_not_move_what_is_read(page: Page) -> None:
    analyse(page, "Ligne sans rien.\n" * 80 + "Vu par Zorglub.\n" + "Ligne sans rien.\n" * 80)
    page.locator("#rapport").evaluate("element => { element.scrollTop = 1800; }")
    select(page, "Zorglub")
    page.get_by_role("dialog").get_by_role("button", name="Nom", exact=True).click()
    expect(mark(page, "Zorglub")).to_be_focused()
    assert page.locator("#rapport").evaluate("element => element.scrollTop") == 1800


@pytest.mark.parametrize("text", ["", "abc", "a👩‍⚕️b", "e\u0301", "𝒜𝒜", "\r\n\r", "a\u200fב", "🏥" * 50])
def test_javascript_counts_code_points_as_python_does(page: Page, text: str) -> None:
    counted, units = page.evaluate(
        """async (text) => {
            const offsets = await import('/static/offsets.js');
            const count = offsets.codePoints(text);
            return [count, Array.from({ length: count + 1 }, (_, i) => offsets.toUnits(text, i))];
        }""",
        text,
    )
    assert counted == len(text)
    assert units == [len(text[:i].encode("utf-16-le")) // 2 for i in range(len(text) + 1)]


def test_occurrences_are_whole_words_in_code_points(page: Page) -> None:
    text = "🏥 Rose, ROSE-MARIE, roses, Rosé, (rose)\r\nJean\r\n  Rose. a.b axb TROIS-RIVIERES"
    found = page.evaluate(
        """async ([text, values]) => {
            const { occurrences } = await import('/static/offsets.js');
            return values.map((value) => occurrences(text, value));
        }""",
        [text, ["rose", "Jean Rose", "a.b", "(rose)", "trois-rivieres", " "]],
    )
    quotes = [[text[start:end] for start, end in places] for places in found]
    assert quotes == [
        ["Rose", "ROSE", "rose", "Rose"],
        ["Jean\r\n  Rose"],
        ["a.b"],
        ["(rose)"],
        ["TROIS-RIVIERES"],
        [],
    ]


def test_tags_instead_of_surrogates(page: Page) -> None:
    analyse(page)
    page.get_by_label("Étiquettes").check()
    expect(page.locator("#rendu")).to_contain_text("[Nom_1]")


def test_a_code_shows_where_it_comes_from(page: Page) -> None:
    analyse(page)
    tab(page, "Codes")
    first = page.locator("li.code .intitule").first
    expect(first).to_be_visible()
    for key in ("mouse", "Enter"):
        if key == "mouse":
            first.click()
        else:
            first.focus()
            page.keyboard.press(key)
        lit = page.locator("#rapport .preuve").first
        expect(lit).to_be_visible()
        expect(lit).to_be_in_viewport()
        expect(first).to_have_attribute("aria-expanded", "true")
        expect(page.get_by_role("status")).to_contain_text("Passage montré")
        quote = page.locator("#rapport .preuve").all_text_contents()
        start, end = (first.get_attribute("data-preuves") or "").split()[0].split("-")
        assert "".join(quote).startswith(REPORT[int(start) : int(end)])
        page.get_by_role("button", name="Revenir à la proposition").click()
        expect(page.locator("#rapport .preuve")).to_have_count(0)
        expect(first).to_be_focused()
    assert page.locator("#rapport").evaluate("element => element.textContent") == REPORT


def test_every_mark_of_a_real_report_can_be_corrected(page: Page) -> None:
    page.locator(".exemple").first.click()
    settle(page)
    for index in range(page.locator("mark.passage").count()):
        page.locator("mark.passage").nth(index).press("Enter")
        expect(page.get_by_role("dialog")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_be_hidden()


def test_codes_are_kept_or_set_aside_and_leave_with_their_role(page: Page) -> None:
    analyse(page)
    tab(page, "Codes")
    items = page.locator("li.code")
    assert items.count() >= 2
    page.get_by_role("button", name="Télécharger les codes (CSV)").click()
    expect(page.get_by_role("alert")).to_contain_text("Aucun code n'est retenu")
    page.get_by_role("button", name="Fermer").click()

    codes = [items.nth(i).get_attribute("data-code") for i in range(2)]
    items.nth(0).get_by_role("button", name="Retenir").click()
    second = page.locator(f'li.code[data-code="{codes[1]}"]')
    second.get_by_role("button", name="Retenir").focus()
    page.keyboard.press("Enter")
    expect(second.get_by_role("button", name="Retenir")).to_have_attribute("aria-pressed", "true")
    second.get_by_role("combobox").select_option("DP")
    main, associated = page.locator('[data-groupe="DP"] > li'), page.locator('[data-groupe="DAS"] > li')
    expect(main).to_have_count(1)  # one principal diagnosis: the other has become associated
    expect(main).to_have_attribute("data-code", codes[1] or "")
    expect(associated.first).to_have_attribute("data-code", codes[0] or "")
    expect(associated.first.get_by_role("combobox")).to_have_value("DAS")
    with page.expect_download() as download:
        page.get_by_role("button", name="Télécharger les codes (CSV)").click()
    csv = Path(download.value.path()).read_text("utf-8-sig").splitlines()
    assert csv[0] == "role;code;libelle"
    assert [line.split(";")[:2] for line in csv[1:]] == [
        ['"DP"', f'"{codes[1]}"'],
        ['"DAS"', f'"{codes[0]}"'],
    ]
    with page.expect_download() as download:
        page.get_by_role("button", name="JSON").click()
    exported = json.loads(Path(download.value.path()).read_text("utf-8"))
    assert [(item["role"], item["code"]) for item in exported] == [("DP", codes[1]), ("DAS", codes[0])]

    second.get_by_role("button", name="Écarter").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="JSON").click()
    assert [item["code"] for item in json.loads(Path(download.value.path()).read_text())] == [codes[0]]


def test_a_close_code_takes_the_place_of_the_one_proposed(page: Page) -> None:
    analyse(page, "Conclusion : ulcère gastrique hémorragique.")
    tab(page, "Codes")
    item = page.locator("li.code").first
    proposed = item.get_attribute("data-code") or ""
    item.get_by_text("Codes proches").click()
    close = item.locator("[data-remplace]").first
    chosen = close.get_attribute("data-remplace") or ""
    close.click()
    expect(item).to_have_attribute("data-code", chosen)
    expect(item).to_have_attribute("data-etat", "retenu")
    expect(close).to_have_attribute("data-remplace", proposed)
    with page.expect_download() as download:
        page.get_by_role("button", name="JSON").click()
    assert [code["code"] for code in json.loads(Path(download.value.path()).read_text())] == [chosen]


def test_an_edited_conclusion_is_checked_again(page: Page) -> None:
    analyse(page)
    tab(page, "Conclusion")
    field = page.get_by_role("textbox", name="Conclusion")
    expect(field).to_have_value(re.compile("Décompensation cardiaque sur fibrillation atriale"))
    expect(page.locator("#origine")).to_contain_text("trouvée dans le compte rendu")
    field.press("Control+End")
    field.type(" Furosémide 90 mg par jour.")
    doubtful = page.locator(".phrase.douteuse")
    expect(doubtful).to_have_count(1)
    expect(doubtful).to_contain_text("À vérifier")
    expect(doubtful.locator(".raisons")).to_contain_text("90")
    expect(field).to_be_focused()
    expect(field).to_have_value(re.compile("90 mg par jour"))
    button = page.locator(".phrase button.texte").first
    button.click()
    expect(page.locator("#rapport .preuve").first).to_be_in_viewport()


def test_a_generated_conclusion_streams_in_and_is_checked(page: Page) -> None:
    analyse(page)
    tab(page, "Conclusion")
    expect(page.get_by_text("Le modèle intégré est très petit")).to_be_visible()
    page.get_by_label("une rédaction par le modèle").check()
    field = page.get_by_role("textbox", name="Conclusion")
    expect(field).to_have_value(re.compile("80 mg"))
    expect(page.locator("#origine")).to_contain_text("rédigée par un modèle")
    expect(page.locator(".phrase.douteuse")).to_contain_text("80 mg")
    expect(field).to_be_editable()


def test_a_long_verification_leaves_the_conclusion_readable(page: Page) -> None:
    page.locator(".exemple").first.click()
    settle(page)
    tab(page, "Conclusion")
    box = page.locator("#conclusion-texte").bounding_box()
    assert box
    assert box["height"] > 120


def test_results_are_copied_and_downloaded(page: Page) -> None:
    analyse(page)
    page.get_by_role("button", name="Copier le texte").click()
    expect(page.get_by_role("status")).to_have_text("Copié dans le presse-papiers.")
    assert page.evaluate("navigator.clipboard.readText()") == rendered(page)
    with page.expect_download() as download:
        page.locator('[data-telecharger="pseudonymise"]').click()
    assert Path(download.value.path()).read_text("utf-8") == rendered(page)
    tab(page, "Conclusion")
    with page.expect_download() as download:
        page.locator('[data-telecharger="conclusion"]').click()
    assert Path(download.value.path()).read_text() == page.locator("#conclusion-texte").input_value()


def test_a_sample_opens_in_one_click(page: Page) -> None:
    page.locator(".exemple").first.click()
    settle(page)
    expect(page.locator("#source")).to_contain_text("Exemple fictif")
    assert len(masked(page)) > 3


def test_a_dropped_file_opens_and_its_notices_are_shown(page: Page) -> None:
    data = page.evaluate_handle(
        """(text) => {
            const transfer = new DataTransfer();
            const bytes = new Uint8Array([...text].map((c) => c.charCodeAt(0)));
            transfer.items.add(new File([bytes], 'ancienne.txt', { type: 'text/plain' }));
            return transfer;
        }""",
        "Opérée par Mme DURAND à l'hôpital.",
    )
    page.dispatch_event("#saisie", "drop", {"dataTransfer": data})
    settle(page)
    expect(page.locator("#rapport")).to_contain_text("Opérée par Mme DURAND à l'hôpital.")
    expect(page.locator("#remarques")).to_contain_text("Encodage détecté : Windows-1252")


def test_an_unreadable_file_is_said(page: Page, tmp_path: Path) -> None:
    path = tmp_path / "scan.pdf"
    path.write_bytes(b"%PDF-1.4 damaged")
    page.locator("#fichier").set_input_files(path)
    expect(page.get_by_role("alert")).to_contain_text("PDF endommagé")


def test_a_server_that_does_not_answer_is_said(page: Page) -> None:
    analyse(page)
    page.route("**/page/*", lambda route: route.abort())
    page.get_by_label("Étiquettes").check()
    expect(page.get_by_role("alert")).to_contain_text("Le serveur n'a pas répondu")
    page.unroute("**/page/*")


def test_an_empty_text_is_said(page: Page) -> None:
    page.get_by_role("button", name="Analyser").click()
    expect(page.get_by_role("alert")).to_contain_text("Le document est vide")


def test_nothing_stays_behind(page: Page) -> None:
    analyse(page)
    stored = page.evaluate("[{...localStorage}, {...sessionStorage}, document.cookie]")
    assert stored == [{}, {"htmx-current-path-for-history": "/"}, ""]
    page.get_by_role("button", name="Nouveau document").click()
    assert "DURAND" not in page.evaluate("document.body.textContent")
    assert page.locator("#saisie").input_value() == ""
    expect(page.locator("#saisie")).to_be_focused()


def test_the_notice_is_always_there(page: Page) -> None:
    expect(page.get_by_text("Brouillon à relire : une personne signe")).to_be_visible()
    analyse(page)
    expect(page.get_by_text("Brouillon à relire : une personne signe")).to_be_visible()


def test_tabs_follow_the_arrows(page: Page) -> None:
    analyse(page)
    page.get_by_role("tab", name=re.compile("Identité")).focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name=re.compile("Codes"))).to_be_focused()
    expect(page.locator("#panneau-codes")).to_be_visible()
    page.keyboard.press("End")
    expect(page.locator("#panneau-conclusion")).to_be_visible()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#panneau-identite")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(1360, 850), (320, 640)])  # 1280 px at 400 %: WCAG 1.4.10
def test_every_state_is_accessible(
    browser: Browser, served: str, scheme: str, width: int, height: int
) -> None:
    context = browser.new_context(
        locale="fr-FR",
        color_scheme=scheme,  # type: ignore[arg-type]
        reduced_motion="reduce",
        viewport={"width": width, "height": height},
    )
    page = context.new_page()
    page.goto(served)
    page.locator("body.pret").wait_for()
    check_accessibility(page)
    page.get_by_role("button", name="Analyser").click()  # the alert
    check_accessibility(page)
    analyse(page)
    check_accessibility(page)
    mark(page, "DURAND").first.click()
    expect(page.get_by_role("dialog")).to_be_visible()
    check_accessibility(page)
    page.keyboard.press("Escape")
    tab(page, "Codes")
    page.locator("li.code").nth(0).get_by_role("button", name="Retenir").click()
    page.locator("li.code").nth(1).get_by_role("button", name="Écarter").click()
    page.locator("li.code .intitule").first.click()
    check_accessibility(page)
    tab(page, "Conclusion")
    page.get_by_role("textbox", name="Conclusion").type(" Amiodarone 900 mg.")
    expect(page.locator(".phrase.douteuse").last).to_contain_text("900")
    check_accessibility(page)
    overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert overflow <= 0
    page.goto(f"{served}/api")
    check_accessibility(page)
    context.close()
