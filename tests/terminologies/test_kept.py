"""Arrays kept in a file: whole or absent."""

import os
from pathlib import Path

import numpy as np
import pytest

from partages.terminologies import kept

ARRAYS = {"a": np.arange(5, dtype=np.int32), "b": np.array([0.5, 1.5], dtype=np.float32)}


def test_what_is_kept_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "new" / "index"
    assert kept.write(path, ARRAYS)
    back = kept.read(path)
    assert back is not None
    assert all(np.array_equal(back[name], ARRAYS[name]) for name in ARRAYS)
    assert [file.name for file in path.parent.iterdir()] == ["index"]


def test_no_file_is_nothing(tmp_path: Path) -> None:
    assert kept.read(tmp_path / "index") is None


@pytest.mark.parametrize("damage", ["cut", "altered", "emptied", "foreign"])
def test_a_damaged_file_is_nothing(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "index"
    kept.write(path, ARRAYS)
    content = path.read_bytes()
    damaged = {
        "cut": content[:-10],
        "altered": content[:-1] + bytes([content[-1] ^ 1]),
        "emptied": b"",
        "foreign": b"\x00" * 500,
    }[damage]
    path.write_bytes(damaged)
    assert kept.read(path) is None


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    assert not kept.write(blocked / "index", ARRAYS)


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_read_only_folder_is_no_error(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert not kept.write(tmp_path / "index", ARRAYS)
