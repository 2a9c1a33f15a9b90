"""Who may speak to the server, what each answer carries, and what is vendored."""

import hashlib

import pytest
from fastapi.testclient import TestClient
from starlette.datastructures import Headers

from partages.server.app import create_app
from partages.server.guard import host_is_known, origin_is_ours
from partages.server.pages import HERE
from tests.server.conftest import make_resources

VENDORED = {
    # npm: htmx.org 2.0.11, dist/htmx.min.js, 0BSD
    "htmx-2.0.11.min.js": "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717",
}


@pytest.mark.parametrize("name", VENDORED)
def test_vendored_files_are_the_published_ones(name: str) -> None:
    assert hashlib.sha256((HERE / "static" / name).read_bytes()).hexdigest() == VENDORED[name]
    assert "Zero-Clause BSD" in (HERE / "static" / "htmx-LICENSE.txt").read_text()


@pytest.mark.parametrize(
    ("host", "known"),
    [
        ("127.0.0.1:8000", True),
        ("localhost", True),
        ("[::1]:8000", True),
        ("192.168.1.20:8000", True),
        ("poste-12.hopital.example:8000", True),
        ("piege.example", False),
        ("127.0.0.1.piege.example", False),
        ("", False),
        ("[::1", False),
    ],
)
def test_names_that_could_be_rebound_are_refused(host: str, known: bool) -> None:
    assert host_is_known(host, frozenset({"poste-12.hopital.example"})) is known


@pytest.mark.parametrize(
    ("headers", "ours"),
    [
        ({}, True),
        ({"origin": "http://127.0.0.1:8000"}, True),
        ({"origin": "https://127.0.0.1:8000", "sec-fetch-site": "same-origin"}, True),
        ({"origin": "http://127.0.0.1:9000"}, False),
        ({"origin": "null"}, False),
        ({"origin": "http://piege.example"}, False),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "same-site"}, False),
    ],
)
def test_only_our_page_may_post(headers: dict[str, str], ours: bool) -> None:
    assert origin_is_ours(Headers({"host": "127.0.0.1:8000", **headers})) is ours


def test_a_foreign_page_is_refused(client: TestClient) -> None:
    response = client.post(
        "/api/v1/pseudonymise", json={"text": "Mme DURAND"}, headers={"Origin": "http://piege.example"}
    )
    assert response.status_code == 403
    assert response.headers["content-type"] == "application/problem+json"


def test_an_unknown_host_is_refused(client: TestClient) -> None:
    assert client.get("/", headers={"Host": "piege.example"}).status_code == 421


def test_the_host_names_of_the_administrator_are_known() -> None:
    with TestClient(create_app(make_resources(hosts="Partages.chu.example, autre.example"))) as client:
        statuses = [
            client.get("/", headers={"Host": host}).status_code
            for host in ("partages.chu.example", "autre.example:8443", "piege.example")
        ]
    assert statuses == [200, 200, 421]


@pytest.mark.parametrize("path", ["/", "/api", "/api/v1/health", "/inconnu", "/static/page.js"])
def test_every_answer_is_guarded(path: str, client: TestClient) -> None:
    headers = client.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == ("no-cache" if path.startswith("/static") else "no-store")


@pytest.mark.parametrize("path", ["/", "/api"])
def test_pages_hold_no_inline_script_or_style_and_no_foreign_address(path: str, client: TestClient) -> None:
    page = client.get(path).text
    assert '<html lang="fr">' in page
    for forbidden in (" style=", "<style", " onclick=", "javascript:", "<script>", 'src="http', "//cdn"):
        assert forbidden not in page
