"""The server behind a real port: bodies without end, readers who leave, queues that fill, ports taken."""

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from partages.errors import UsageError
from partages.server import api
from partages.server.app import create_app
from partages.server.run import listen
from partages.server.work import Workers
from partages.usecases import all_usecases
from tests.server.conftest import REPORT, Running, make_resources
from tests.server.local import Echo

CANARY = "ZYXCANARI"
NAMES = ("MOREL", "GARCIA", "NGUYEN", "LEROUX", "BENALI", "KOWALSKI")


@pytest.fixture
def live(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Echo, httpx.Client, Workers]]:
    """An application with two threads and one waiting place, documents of 20,000 characters."""
    local = Echo()
    monkeypatch.setattr(api, "all_usecases", lambda: {**all_usecases(), "echo": local.usecase})
    workers = Workers(threads=2, queue=1)
    app = create_app(make_resources(max_characters=20_000), workers=workers)
    with Running(app) as running, httpx.Client(base_url=running.url, timeout=30, trust_env=False) as client:
        yield local, client, workers
        local.gate.set()


def _send_endless(client: httpx.Client, path: str, head: bytes, chunk: bytes) -> tuple[int, bytes]:
    """Send a chunked body without end by hand; bytes sent before the answer, and the answer."""
    port = client.base_url.port
    assert port is not None
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(head.replace(b"PATH", path.encode()).replace(b"PORT", str(port).encode()))
        connection.settimeout(0.01)
        sent, answer = 0, b""
        while sent < 500_000_000:
            try:
                connection.settimeout(20)
                connection.sendall(b"%x\r\n%s\r\n" % (len(chunk), chunk))
                sent += len(chunk)
                connection.settimeout(0.001)
                answer = connection.recv(65_536)
                break
            except TimeoutError:
                continue
            except (BrokenPipeError, ConnectionResetError):
                break
        return sent, answer


@pytest.mark.parametrize(
    ("path", "kind", "limit"),
    [
        ("/api/v1/pseudonymise", b"application/json", 12 * 20_000 + 1_000_000),
        ("/page/pseudonymise", b"application/json", 12 * 20_000 + 1_000_000),
        ("/api/v1/extract", b"multipart/form-data; boundary=x", 50_000_000),
    ],
)
def test_a_body_without_end_is_cut_at_the_limit(
    path: str, kind: bytes, limit: int, live: tuple[Echo, httpx.Client, Workers]
) -> None:
    head = (
        b"POST PATH HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nTransfer-Encoding: chunked\r\nContent-Type: "
        + kind
        + b"\r\n\r\n"
    )
    first = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
    if b"multipart" in kind:
        head += b"%x\r\n%s\r\n" % (len(first), first)
    sent, answer = _send_endless(live[1], path, head, b"a" * 500_000)
    assert sent < limit + 20_000_000  # what the sockets hold on the way
    assert b" 413 " in answer.split(b"\r\n")[0]
    assert b"application/problem+json" in answer


def test_an_announced_size_is_refused_unread(live: tuple[Echo, httpx.Client, Workers]) -> None:
    response = live[1].post(
        "/api/v1/pseudonymise", content=b" " * 2_000_000, headers={"Content-Type": "application/json"}
    )
    assert response.status_code == 413


def test_a_full_queue_is_said_and_the_server_stays_responsive(
    live: tuple[Echo, httpx.Client, Workers],
) -> None:
    local, client, workers = live
    local.gate.clear()
    answers: list[int] = []
    threads = [
        threading.Thread(
            target=lambda: answers.append(client.post("/api/v1/echo", json={"text": "Bonjour"}).status_code)
        )
        for _ in range(3)
    ]
    threads[0].start()
    threads[1].start()
    assert local.entered.acquire(timeout=20)
    assert local.entered.acquire(timeout=20)
    threads[2].start()  # waits for its turn
    deadline = time.monotonic() + 20
    while workers.pending < 3:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    refused = client.post("/api/v1/echo", json={"text": "Bonjour"})
    assert refused.status_code == 503
    assert refused.headers["retry-after"] == "5"
    assert refused.json()["type"] == "urn:partages:probleme:serveur-occupe"
    assert client.get("/api/v1/health").status_code == 200  # the event loop is free
    local.gate.set()
    for thread in threads:
        thread.join(20)
    while workers.pending:
        assert time.monotonic() < deadline + 20
        time.sleep(0.01)
    assert answers == [200, 200, 200]
    assert client.post("/api/v1/echo", json={"text": "Bonjour"}).status_code == 200


def test_a_reader_who_leaves_stops_the_writing(live: tuple[Echo, httpx.Client, Workers]) -> None:
    local, client, _ = live
    asked = {"text": "Bonjour", "pieces": 1_000_000}
    with client.stream(
        "POST", "/api/v1/echo", json=asked, headers={"Accept": "text/event-stream"}
    ) as response:
        lines = response.iter_lines()
        assert next(lines) == "event: text"
        assert json.loads(next(lines).removeprefix("data: ")) == {"text": "morceau 0\n"}
    assert local.closed.wait(20)
    assert local.written < 1_000_000


def test_pieces_arrive_as_they_are_written(live: tuple[Echo, httpx.Client, Workers]) -> None:
    local, client, _ = live
    local.gate.clear()
    headers = {"Accept": "text/event-stream"}
    with client.stream("POST", "/api/v1/echo", json={"text": "Bonjour"}, headers=headers) as response:
        lines = response.iter_lines()
        assert next(lines) == ": attente"  # nothing written yet, and the answer has begun
        local.gate.set()
        assert "event: text" in list(lines)


def test_requests_at_the_same_time_do_not_mix(served: str) -> None:
    texts = [
        f"{REPORT}\nPatient suivant : M. {name}, vu le 0{i + 1}/04/2024." for i, name in enumerate(NAMES)
    ]
    with httpx.Client(base_url=served, timeout=120, trust_env=False) as client:

        def ask(text: str) -> object:
            return client.post("/api/v1/pseudonymise", json={"text": text}).json()

        alone = [ask(text) for text in texts]
        with ThreadPoolExecutor(6) as pool:
            assert list(pool.map(ask, texts)) == alone


def test_ctrl_c_stops_it_without_a_word_too_many() -> None:
    command = [sys.executable, "-m", "partages.cli", "serve", "--port", "0"]
    assert subprocess.run(command, capture_output=True, timeout=120).returncode == 2  # 0 is no port
    with socket.create_server(("127.0.0.1", 0)) as free:
        command[-1] = str(free.getsockname()[1])
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "ouvrez http://" in line:
                break
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
        assert process.wait(60) in (0, 130)
    assert rest == "Assistant arrêté : rien n'a été conservé.\n"


def test_a_taken_port_is_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=rf"^Le port {port} est déjà pris : .*--port {port + 1}\.$"):
            listen("127.0.0.1", port)
    with pytest.raises(UsageError, match="n'est pas une adresse de cette machine"):
        listen("192.0.2.1", 8000)


def test_the_command_serves_says_where_and_logs_nothing_of_documents(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "partages.cli", "serve", "--port", str(port)]
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
        try:
            url = f"http://127.0.0.1:{port}"
            deadline = time.monotonic() + 120
            while f"ouvrez {url}" not in log.read_text():
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline
                time.sleep(0.05)
            with httpx.Client(base_url=url, timeout=60, trust_env=False) as client:
                assert client.get(f"/?nom={CANARY}").status_code == 200
                assert client.post("/api/v1/pseudonymise", json={"text": f"Mme {CANARY}"}).status_code == 200
                assert client.post(f"/api/v1/pseudonymise?n={CANARY}", content=CANARY).status_code == 415
                files = {"file": (f"{CANARY}.pdf", b"%PDF-")}
                assert client.post("/api/v1/extract", files=files).status_code == 422
            again = subprocess.run(command, capture_output=True, text=True, timeout=120)
            assert again.returncode == 2
            assert again.stderr.splitlines()[-1].startswith(f"Erreur : Le port {port} est déjà pris")
        finally:
            process.terminate()
            process.wait(30)
    assert CANARY not in log.read_text()
    assert "Traceback" not in log.read_text()


def test_answers_do_not_wait_for_an_acknowledgement() -> None:
    with listen("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP  # asyncio sets TCP_NODELAY on such sockets only
