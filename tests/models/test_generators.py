"""The embedded server for real, the OpenAI client against it, and servers that misbehave."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from partages.errors import GeneratorError, GeneratorUnavailable
from partages.models.catalogue import check_selected, list_models
from partages.models.embedded import EmbeddedGenerator, model_path
from partages.models.generator import Prompt, generate
from partages.models.openai import OpenAIGenerator
from partages.resources import Resources
from partages.settings import Settings

PROMPT = Prompt(system="Réponds.", user="Âge ?", completion="Patient de 70 ans.\nÂge au format JSON : ")
SCHEMA = {
    "type": "object",
    "properties": {"age": {"type": "integer", "minimum": 0, "maximum": 130}},
    "required": ["age"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def embedded() -> Iterator[EmbeddedGenerator]:
    generator = EmbeddedGenerator(Settings())
    yield generator
    generator.close()


@pytest.mark.slow
def test_embedded_writes_and_obeys_a_schema(embedded: EmbeddedGenerator) -> None:
    assert generate(embedded, PROMPT, max_tokens=8)
    assert isinstance(json.loads(generate(embedded, PROMPT, max_tokens=32, schema=SCHEMA))["age"], int)


@pytest.mark.slow
def test_json_by_a_schema_is_spaced_as_json_is(embedded: EmbeddedGenerator) -> None:
    schema = {
        "type": "object",
        "properties": {"age": {"type": "integer"}, "sexe": {"enum": ["H", "F"]}},
        "required": ["age", "sexe"],
        "additionalProperties": False,
    }
    answer = generate(embedded, PROMPT, max_tokens=48, schema=schema)
    assert answer == json.dumps(json.loads(answer))


@pytest.mark.slow
def test_any_server_by_url_is_the_same_client(embedded: EmbeddedGenerator) -> None:
    settings = Resources(generator=None).settings.model_copy(
        update={
            "generator": embedded.url,
            "model": embedded.name,
            "api_key": Settings(api_key=embedded.api_key).api_key,
        }
    )
    by_url = Resources(settings).generator
    assert generate(by_url, PROMPT, max_tokens=8) == generate(embedded, PROMPT, max_tokens=8)
    chat = OpenAIGenerator(embedded.url, embedded.name, api_key=embedded.api_key, timeout=60, is_base=False)
    assert isinstance(json.loads(generate(chat, PROMPT, max_tokens=32, schema=SCHEMA))["age"], int)
    chat.close()


@pytest.mark.slow
def test_the_embedded_server_refuses_who_has_not_its_token(embedded: EmbeddedGenerator) -> None:
    stranger = OpenAIGenerator(embedded.url, embedded.name, api_key="faux", timeout=10, is_base=True)
    with pytest.raises(GeneratorError, match="refuse la clé"):
        generate(stranger, PROMPT, max_tokens=4)


@pytest.mark.slow
def test_check_tries_the_model_and_list_names_its_licence() -> None:
    assert all(check.passed for check in check_selected(Settings()))
    model, base = list_models(Settings())
    assert (model.licence, model.selected) == ("Gemma Terms of Use", True)
    assert model.size == model_path(Settings()).stat().st_size < 100_000_000
    assert (base.selected, base.is_base) == (False, True)
    assert list_models(Settings(model="gemma-3-270m-base"))[1].selected


@pytest.mark.parametrize(
    ("content", "sha256", "said"),
    [(None, "", "n'existe pas"), (b"MZ", "", "n'est pas un modèle GGUF"), (b"GGUF", "0" * 64, "empreinte")],
)
def test_a_wrong_model_file_is_said(tmp_path: Path, content: bytes | None, sha256: str, said: str) -> None:
    path = tmp_path / "m.gguf"
    if content:
        path.write_bytes(content)
    with pytest.raises(GeneratorUnavailable, match=said):
        model_path(Settings(model_file=path, model_sha256=sha256))


def test_none_and_a_bad_address() -> None:
    with pytest.raises(GeneratorUnavailable, match="Aucun modèle"):
        _ = Resources(Settings(generator="none")).generator
    with pytest.raises(GeneratorUnavailable, match="http"):
        _ = Resources(Settings(generator="ftp://x")).generator


@pytest.fixture
def broken() -> Iterator[tuple[str, dict[str, object]]]:
    """A real HTTP server that answers what the test says."""
    answer: dict[str, object] = {"status": 200, "body": b""}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(int(str(answer["status"])))
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            body = answer["body"]
            assert isinstance(body, bytes)
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1", answer
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (200, b"data: {not json}\n\n", "mal formé"),
        (200, b'data: {"choices": 3}\n\n', "mal formé"),
        (401, b"", "refuse la clé"),
        (404, b"", "ne connaît pas le modèle"),
        (400, b"", "refuse la demande"),
        (500, b"", "en erreur"),
    ],
)
def test_a_failing_server_is_one_sentence(
    broken: tuple[str, dict[str, object]], status: int, body: bytes, said: str
) -> None:
    url, answer = broken
    answer.update(status=status, body=body)
    generator = OpenAIGenerator(url, "m", api_key="", timeout=5, is_base=False)
    with pytest.raises(GeneratorError) as caught:
        generate(generator, PROMPT, max_tokens=4)
    generator.close()
    assert said in str(caught.value)
    assert "70 ans" not in str(caught.value)


def test_nothing_listening() -> None:
    generator = OpenAIGenerator("http://127.0.0.1:9/v1", "m", api_key="", timeout=2, is_base=False)
    with pytest.raises(GeneratorUnavailable, match="injoignable"):
        generate(generator, PROMPT, max_tokens=4)
    generator.close()
