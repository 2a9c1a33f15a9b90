"""Pushing to the Hub, against a stand-in that speaks its protocol on the loopback."""

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from partages.errors import OutputError, UsageError
from partages.training.hub import push


class Hub(ThreadingHTTPServer):
    """Keeps what is committed; refuses all but its own token."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.repositories: list[dict[str, Any]] = []
        self.token = "hf_ours"

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Hub

    def log_message(self, *_: object) -> None:
        pass

    def answer(self, status: int, body: object) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self) -> None:
        if self.headers.get("Authorization") != f"Bearer {self.server.token}":
            self.answer(401, {"error": "Invalid credentials"})
            return
        self.answer(200, {"id": "essai/modele", "sha": "0" * 40, "siblings": []})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("Authorization") != f"Bearer {self.server.token}":
            self.answer(401, {"error": "Invalid credentials"})
        elif self.path == "/api/repos/create":
            self.server.repositories.append(json.loads(body))
            self.answer(200, {"url": f"{self.server.address}/essai/modele", "name": "essai/modele"})
        elif self.path.endswith("/preupload/main"):
            files = json.loads(body)["files"]
            self.answer(
                200,
                {
                    "files": [
                        {"path": f["path"], "uploadMode": "regular", "shouldIgnore": False} for f in files
                    ]
                },
            )
        elif self.path.endswith("/commit/main"):
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    self.server.files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
            self.answer(
                200,
                {"commitUrl": f"{self.server.address}/essai/modele/commit/{'1' * 40}", "commitOid": "1" * 40},
            )
        else:
            self.answer(200, {})


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    server = Hub()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_TOKEN", server.token)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "README.md").write_text("---\nlicense: gemma\n---\n# essai\n", encoding="utf-8")
    (tmp_path / "model.gguf").write_bytes(b"GGUF" + bytes(range(200)))
    (tmp_path / "checkpoint.pt").write_bytes(b"moments")
    return tmp_path


def test_what_is_pushed_is_the_folder_without_checkpoints(hub: Hub, folder: Path) -> None:
    assert push(folder, "essai/modele", hub.address, True) == f"{hub.address}/essai/modele"
    assert hub.repositories[0]["name"] == "modele"
    assert hub.files["model.gguf"] == (folder / "model.gguf").read_bytes()
    assert b"license: gemma" in hub.files["README.md"]
    assert "checkpoint.pt" not in hub.files


def test_what_the_hub_refuses_is_said(hub: Hub, folder: Path) -> None:
    hub.token = "hf_other"
    with pytest.raises(OutputError, match="jeton absent ou refusé"):
        push(folder, "essai/modele", hub.address, False)
    with pytest.raises(UsageError, match="nom de dépôt"):
        push(folder, "a/b/c/d", hub.address, False)
    with pytest.raises(OutputError, match="ne répond pas"):
        push(folder, "essai/modele", "http://127.0.0.1:9", False)
    (folder / "model.gguf").unlink()
    with pytest.raises(UsageError, match="exportez-le"):
        push(folder, "essai/modele", hub.address, False)
