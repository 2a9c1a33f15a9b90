"""The API: results, errors, sizes, and silence about the documents."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from partages.usecases import all_usecases
from tests.server.conftest import REPORT, make_resources
from tests.server.local import Echo

JSON = {"Content-Type": "application/json"}
CANARY = "ZYXCANARI"


@pytest.fixture
def echo(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Echo, TestClient]]:
    """An application with one use case more, under the test's control."""
    from partages.server import api
    from partages.server.app import create_app

    local = Echo()
    monkeypatch.setattr(api, "all_usecases", lambda: {**all_usecases(), "echo": local.usecase})
    app = create_app(make_resources())
    with TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False) as client:
        yield local, client


def problem(response: Any) -> dict[str, Any]:
    """The problem document of an answer, checked for form."""
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert set(body) == {"type", "title", "status", "detail"}
    assert body["status"] == response.status_code
    assert body["detail"].endswith(".")
    return body


@pytest.mark.parametrize("name", sorted(all_usecases()))
def test_each_use_case_answers_what_it_answers_to_a_program(name: str, client: TestClient) -> None:
    from partages.documents import Document

    response = client.post(f"/api/v1/{name}", json={"id": "crh-17", "text": REPORT})
    assert response.status_code == 200, response.text
    usecase = all_usecases()[name]
    expected = usecase.run(Document("crh-17", REPORT), usecase.options(), make_resources())
    assert response.json() == json.loads(expected.model_dump_json())


def test_options_travel_in_the_same_object(client: TestClient) -> None:
    asked = {"text": "Mme DURAND est venue.", "rendering": "tags"}
    assert client.post("/api/v1/pseudonymise", json=asked).json()["text"] == "Mme [Nom_1] est venue."


def test_offsets_are_code_points_of_the_text_received(client: TestClient) -> None:
    text = "👩‍⚕️ Compte rendu\r\n\r\nMme DURAND Élise\u0301 est venue."
    for span in client.post("/api/v1/pseudonymise", json={"text": text}).json()["spans"]:
        if span["label"] == "Nom":
            assert text[span["start"] : span["end"]] == "DURAND"
            break
    else:
        raise AssertionError("DURAND was not found")


@pytest.mark.parametrize(
    ("content", "status", "slug"),
    [
        (b"{", 400, "json-invalide"),
        (b"\xff\xfe", 400, "json-invalide"),
        (b"[" * 100_000, 400, "json-invalide"),
        (b'{"text": ' + b"9" * 10_000 + b"}", 400, "json-invalide"),
        (b'["text"]', 422, "demande-refusee"),
        (b"{}", 422, "demande-refusee"),
        (b'{"text": 3}', 422, "demande-refusee"),
        (b'{"text": "Bonjour", "id": 3}', 422, "demande-refusee"),
        (b'{"text": "Bonjour", "id": "\\ud800"}', 422, "demande-refusee"),
        (b'{"text": "Bonjour", "inconnu": 1}', 422, "demande-refusee"),
        (b'{"text": "Bonjour", "rendering": "autre"}', 422, "demande-refusee"),
        (b'{"text": "Bonjour", "spans": [{"start": 0, "end": 900, "label": "Nom"}]}', 422, "document-refuse"),
        (b'{"text": ""}', 422, "document-vide"),
        (b'{"text": " \\r\\n\\t "}', 422, "document-vide"),
        (b'{"text": "a\\ud800b"}', 422, "document-illisible"),
        (json.dumps({"text": "a" * 20_001}).encode(), 413, "document-trop-volumineux"),
    ],
)
def test_a_wrong_request_is_told_why(content: bytes, status: int, slug: str, client: TestClient) -> None:
    response = client.post("/api/v1/pseudonymise", content=content, headers=JSON)
    body = problem(response)
    assert (response.status_code, body["type"]) == (status, f"urn:partages:probleme:{slug}")


def test_control_characters_are_text_like_any_other(client: TestClient) -> None:
    response = client.post("/api/v1/pseudonymise", json={"text": "a\0b\x01 Mme DURAND", "rendering": "spans"})
    assert response.json()["text"] == "a\0b\x01 Mme DURAND"


def test_other_mistakes_are_problems_too(client: TestClient) -> None:
    assert problem(client.get("/api/v1/inconnu"))["status"] == 404
    response = client.get("/api/v1/pseudonymise")
    assert problem(response)["status"] == 405
    assert response.headers["allow"] == "POST"
    assert problem(client.post("/api/v1/pseudonymise", data={"text": "a"}))["status"] == 415
    assert problem(client.post("/api/v1/extract", json={}))["status"] == 415


def test_a_file_is_read(client: TestClient) -> None:
    files = {"file": ("lettre.txt", "Opérée à Épinal.\r\n".encode("cp1252"))}
    body = client.post("/api/v1/extract", files=files).json()
    assert body["text"] == "Opérée à Épinal.\r\n"
    assert body["notices"] == [
        "Encodage détecté : Windows-1252 (le fichier n'est pas en UTF-8) ; vérifiez les accents."
    ]


@pytest.mark.parametrize(
    ("data", "status"),
    [(bytes(range(256)) * 50, 422), (b"%PDF-1.7 damaged", 422), (b"a" * 100_000, 413)],
)
def test_a_file_that_cannot_be_read_is_refused_without_its_name(
    data: bytes, status: int, client: TestClient
) -> None:
    response = client.post("/api/v1/extract", files={"file": (f"{CANARY}.txt", data)})
    assert problem(response)["status"] == status
    assert CANARY not in response.text


def test_a_damaged_upload_is_refused(client: TestClient) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    for content in (
        b"--x\r\nnonsense",
        b"",
        b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n--x--\r\n',
    ):
        assert problem(client.post("/api/v1/extract", content=content, headers=headers))["status"] == 422
    assert (
        problem(client.post("/api/v1/extract", headers={"Content-Type": "multipart/form-data"}))["status"]
        == 422
    )


def test_uploads_stay_in_memory(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    import tempfile

    def refuse(*arguments: object, **named: object) -> None:
        raise AssertionError("an upload was written to disk")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    monkeypatch.setattr(tempfile.SpooledTemporaryFile, "rollover", refuse)
    data = b"%PDF-" + b"x" * 5_000_000
    response = client.post("/api/v1/extract", files={"file": ("a.pdf", data)})
    assert problem(response)["detail"] == "Ce fichier est un PDF endommagé : exportez-le à nouveau."


def test_text_streams_then_the_result(echo: tuple[Echo, TestClient]) -> None:
    _, client = echo
    headers = {"Accept": "text/event-stream"}
    response = client.post("/api/v1/echo", json={"id": "7", "text": "Bonjour"}, headers=headers)
    assert response.headers["content-type"].startswith("text/event-stream")
    blocks = [block.split("\n") for block in response.text.split("\n\n") if block.startswith("event")]
    assert [block[0] for block in blocks] == ["event: text"] * 3 + ["event: result"]
    pieces = [json.loads(block[1].removeprefix("data: ")) for block in blocks]
    assert "".join(piece["text"] for piece in pieces[:3]) == "morceau 0\nmorceau 1\nmorceau 2\n"
    assert pieces[3] == {"id": "7", "length": 7}


def test_a_use_case_that_does_not_stream_gives_its_result(client: TestClient) -> None:
    headers = {"Accept": "text/event-stream"}
    response = client.post("/api/v1/pseudonymise", json={"text": "Mme DURAND"}, headers=headers)
    assert response.text.startswith("event: result\ndata: {")


def test_a_wrong_request_for_a_stream_has_a_status(client: TestClient) -> None:
    headers = {"Accept": "text/event-stream"}
    assert problem(client.post("/api/v1/pseudonymise", json={}, headers=headers))["status"] == 422


def test_an_error_on_the_way_ends_the_stream(echo: tuple[Echo, TestClient]) -> None:
    local, client = echo
    headers = {"Accept": "text/event-stream"}
    response = client.post("/api/v1/echo", json={"text": "Bonjour", "fail": CANARY}, headers=headers)
    assert "event: error" in response.text
    assert '"status": 500' in response.text
    assert CANARY not in response.text
    assert local.closed.is_set()


def test_no_document_text_in_answers_nor_logs(
    echo: tuple[Echo, TestClient], caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    _, client = echo
    caplog.set_level(logging.DEBUG, logger="partages")
    for logger in ("uvicorn", "uvicorn.error", "uvicorn.access", "asyncio", "fastapi", "starlette"):
        caplog.set_level(logging.DEBUG, logger=logger)
    text = f"Mme {CANARY} est venue."
    answers = [
        client.post("/api/v1/echo", json={"text": text, "pieces": CANARY}),
        client.post("/api/v1/echo", json={"text": text, "fail": CANARY}),
        client.post("/api/v1/echo", json={"text": [CANARY]}),
        client.post("/api/v1/echo", json={"text": text, CANARY: 1}),
        client.post("/api/v1/echo", content=f'{{"text": "{CANARY}'.encode(), headers=JSON),
        client.post(f"/api/v1/echo?nom={CANARY}", json={"text": ""}),
        client.get(f"/api/v1/{CANARY}?nom={CANARY}"),
        client.post("/api/v1/extract", files={"file": (f"{CANARY}.pdf", b"%PDF-" + CANARY.encode())}),
        client.post("/page/pseudonymise", json={"text": text, "rendering": CANARY}),
        client.get(f"/exemples/{CANARY}"),
    ]
    assert [answer.status_code for answer in answers] == [422, 500, 422, 422, 400, 422, 404, 422, 422, 404]
    assert all(CANARY not in answer.text for answer in answers)
    assert "internal defect: RuntimeError at local.py" in caplog.text
    output = capfd.readouterr()
    assert CANARY not in caplog.text + output.out + output.err


def test_health(client: TestClient) -> None:
    body = client.get("/api/v1/health").json()
    assert body["status"] == "ok"
    assert body["usecases"] == list(all_usecases())


def test_the_description_is_complete_and_in_french(client: TestClient) -> None:
    description = client.get("/api/v1/openapi.json").json()
    paths = description["paths"]
    assert set(paths) >= {f"/api/v1/{name}" for name in all_usecases()} | {
        "/api/v1/extract",
        "/api/v1/health",
    }
    schemas = description["components"]["schemas"]
    for name, usecase in all_usecases().items():
        post = paths[f"/api/v1/{name}"]["post"]
        request = post["requestBody"]["content"]["application/json"]
        schema = schemas[request["schema"]["$ref"].rpartition("/")[2]]
        assert set(schema["properties"]) == {"id", "text", *usecase.options.model_fields}
        assert schema["required"] == ["text"]
        assert all(field.get("description") for field in schema["properties"].values())
        assert post["summary"].startswith(usecase.title)
        assert {"400", "413", "415", "422", "503"} <= set(post["responses"])
        assert client.post(f"/api/v1/{name}", json=request["example"]).status_code == 200
    references = {part.split('"')[0] for part in json.dumps(description).split("#/components/schemas/")[1:]}
    assert references <= set(schemas)


def test_the_reference_page_lists_every_address(client: TestClient) -> None:
    page = client.get("/api").text
    for path in client.get("/api/v1/openapi.json").json()["paths"]:
        assert path in page
