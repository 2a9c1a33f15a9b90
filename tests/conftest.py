"""Tests run sealed: no network but the loopback, a temporary home, the environment restored."""

import os
import socket
from pathlib import Path

import pytest

SHARED = Path(__file__).parents[2] / "shared" / "data"
_connect = socket.socket.connect


def _only_loopback(self: socket.socket, address: object) -> None:
    if (
        self.family != socket.AF_UNIX
        and isinstance(address, tuple)
        and address[0] not in ("127.0.0.1", "::1", "localhost")
    ):
        raise AssertionError(f"a test tried to reach {address[0]}")
    _connect(self, address)  # type: ignore[arg-type]


@pytest.fixture(scope="session", autouse=True)
def sealed(tmp_path_factory: pytest.TempPathFactory) -> None:
    """One cache for the whole run, nothing read from or written to the user's own."""
    for name in [name for name in os.environ if name.startswith("PARTAGES_")]:
        del os.environ[name]
    os.environ["PARTAGES_CACHE"] = os.environ.get("TEST_CACHE") or str(tmp_path_factory.mktemp("cache"))
    os.environ["HF_HUB_OFFLINE"] = "1"
    socket.socket.connect = _only_loopback  # type: ignore[method-assign, assignment]


@pytest.fixture(scope="session")
def shared() -> Path:
    """The public corpora, where they are at hand."""
    if not SHARED.is_dir():
        pytest.skip(f"SKIPPED LOUDLY: the public corpora are not in {SHARED}")
    return SHARED
