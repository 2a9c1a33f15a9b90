"""The real application, in this process and behind a real port."""

import os
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, Page, sync_playwright

from partages.models.generator import ScriptedGenerator
from partages.resources import Resources
from partages.server.app import create_app
from partages.settings import Settings
from partages.usecases import all_usecases

CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

EXPECTED_IN_CONSOLE = ("status of 4", "Error Code 4", "ERR_FAILED", "htmx:afterRequest", "htmx:sendError")
"""What Chromium and htmx say of a refused or aborted request, which some tests provoke."""

REPORT = """CENTRE HOSPITALIER DE VALMONT
Service de cardiologie

Mme DURAND Élise, née le 03/02/1951, IPP 8004512
Adressée par le Dr Paul LEMOINE. Tél. : 01 99 00 12 34

COMPTE RENDU D'HOSPITALISATION

Motif : dyspnée.

Antécédents : hypertension artérielle, diabète de type 2.

Mme DURAND est admise le 12 mars 2024 pour une décompensation cardiaque sur fibrillation atriale.
Pas de fièvre. Furosémide 40 mg par jour.

CONCLUSION
Décompensation cardiaque sur fibrillation atriale, d'évolution favorable sous furosémide 40 mg par jour.

Dr Paul LEMOINE
"""


def make_resources(**settings: Any) -> Resources:
    """Resources whose generator answers a French sentence, again and again."""
    answers = ["Décompensation cardiaque sur fibrillation atriale. Furosémide 80 mg par jour.\n"] * 50
    return Resources(Settings(**settings), generator=ScriptedGenerator(answers))


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    """A client of an application that accepts documents of 20,000 characters at most."""
    app = create_app(make_resources(max_characters=20_000))
    with TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False) as test_client:
        yield test_client


class Running:
    """An application served by uvicorn in a thread, on a free port of the loopback."""

    def __init__(self, app: Any) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        config = uvicorn.Config(app, access_log=False, log_level="critical", timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), daemon=True)

    def __enter__(self) -> "Running":
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(10)
        self._socket.close()


@pytest.fixture(scope="session")
def served() -> Iterator[str]:
    """Address of the real application with the real engines."""
    resources = make_resources()
    for usecase in all_usecases().values():
        usecase.warm(resources)
    with Running(create_app(resources)) as running:
        yield running.url


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    executable = shutil.which("chromium")
    if executable is None:
        message = "SKIPPED LOUDLY: no chromium on this machine, the page is not tested"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable, args=CHROMIUM_ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser, served: str) -> Iterator[Page]:
    """A page of the assistant; the test fails if it asked another origin for anything, or logged an error."""
    context = browser.new_context(locale="fr-FR", viewport={"width": 1360, "height": 850})
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=served)
    opened = context.new_page()
    requests: list[str] = []
    errors: list[str] = []
    opened.on("request", lambda request: requests.append(request.url))
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on(
        "console",
        lambda message: (
            errors.append(message.text)
            if message.type == "error" and not any(part in message.text for part in EXPECTED_IN_CONSOLE)
            else None
        ),
    )
    opened.set_default_timeout(20_000)
    opened.goto(served)
    opened.locator("body.pret").wait_for()
    yield opened
    context.close()
    assert errors == []
    assert [url for url in requests if not url.startswith((f"{served}/", "blob:"))] == []
