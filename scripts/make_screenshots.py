"""Takes the pictures of the documentation: ``python scripts/make_screenshots.py`` writes ``docs/images``.

Starts the assistant on a free port, opens a sample report in Debian's chromium and photographs the tabs.
"""

import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from partages.fiction.sampler import sample
from partages.samples import all_samples

IMAGES = Path(__file__).parents[1] / "docs" / "images"
WINDOW = {"width": 1360, "height": 850}


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def wait_for(address: str) -> None:
    """Until the assistant answers, two minutes at most."""
    for _ in range(240):
        try:
            urllib.request.urlopen(address)
            return
        except OSError:
            time.sleep(0.5)
    sys.exit("the assistant did not start")


def take(page: Page, address: str) -> None:
    """The pictures, in the order in which a reader meets them."""
    page.goto(address)
    page.locator("body.pret").wait_for()
    page.locator('[data-exemple^="cardiologie"]').click()
    page.locator("mark.passage").first.wait_for()
    page.locator("#codes [data-nombre]").wait_for(state="attached")
    page.locator("#verification .verdict").wait_for(state="attached")
    page.screenshot(path=IMAGES / "identite.png")
    page.click("#onglet-codes")
    page.locator(".code .intitule").first.click()
    page.locator("[data-decision=retenu]").first.click()
    page.wait_for_timeout(800)  # the smooth scroll to the evidence
    page.screenshot(path=IMAGES / "codes.png")
    page.click("#onglet-conclusion")
    page.evaluate("document.querySelector('#rapport').scrollTop = 0")
    page.screenshot(path=IMAGES / "conclusion.png")
    page.click("#onglet-identite")
    page.emulate_media(color_scheme="dark")
    page.locator("mark.passage").first.click()
    page.wait_for_timeout(300)
    page.screenshot(path=IMAGES / "correction-sombre.png")
    page.emulate_media(color_scheme="light")
    page.goto(f"{address}codage")
    page.locator("body.pret").wait_for()
    stays = [
        {"name": f"{sample.name}.txt", "mimeType": "text/plain", "buffer": sample.text.encode()}
        for sample in all_samples()
        if sample.name.startswith("c")
    ]
    page.locator("#fichiers").set_input_files(stays)
    page.locator("#codes li").first.wait_for()
    page.keyboard.press("r")
    page.fill("#mots", "insuffisance rénale chronique")
    page.locator("#trouves li").first.wait_for()
    page.wait_for_timeout(300)
    page.screenshot(path=IMAGES / "codage.png")
    take_fiction(page, address)


def take_fiction(page: Page, address: str) -> None:
    """The page of fictitious reports: a case that is being written, and what its check says."""
    page.on("dialog", lambda dialog: dialog.accept())  # what was decided before is left
    page.goto(f"{address}fiction")
    page.locator("body.pret").wait_for()
    case = sample(1, 1, specialty="chirurgie digestive")[0]
    data = case.model_dump_json().encode()
    page.locator("#ouvrir").set_input_files(
        {"name": "cas.json", "mimeType": "application/json", "buffer": data}
    )
    page.get_by_role("button", name="Insérer le plan").first.click()
    page.get_by_label("Code de l'auteur").fill("A12")
    page.get_by_role("button", name="Vérifier").click()
    page.locator("#controles .phrase").first.wait_for()
    page.evaluate("document.activeElement.blur()")
    page.screenshot(path=IMAGES / "fiction.png")


def main() -> None:
    port = free_port()
    command = [sys.executable, "-m", "partages.cli", "serve", "--port", str(port)]
    server = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        wait_for(f"http://127.0.0.1:{port}/")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
            )
            context = browser.new_context(locale="fr-FR", viewport=WINDOW, color_scheme="light")
            take(context.new_page(), f"http://127.0.0.1:{port}/")
            browser.close()
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
