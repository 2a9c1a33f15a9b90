"""What ``make`` says when something is missing: one sentence, in French, and a status."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def install(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """The installation script, run in an empty folder."""
    shutil.copy(ROOT / "constraints.txt", folder)
    return subprocess.run(
        ["sh", str(ROOT / "scripts/install.sh"), ".venv", "."],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


def tool(folder: Path, name: str, script: str) -> str:
    """A program of that name which runs a shell script; returns its path."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("python", "said"),
    [
        ("absent-python", "Python manque"),
        ('case "$2" in *version_info*) exit 1;; esac', "Python 3.11 ou plus récent"),
        ('case "$2" in *ensurepip*) exit 1;; esac', "apt install python3-venv"),
        ('case "$2" in *import*) exit 0;; esac; exit 1', "n'a pas pu être créé"),
    ],
)
def test_a_python_that_does_not_do_is_said(python: str, said: str, tmp_path: Path) -> None:
    done = install(tmp_path, PYTHON=python if python == "absent-python" else tool(tmp_path, "python", python))
    assert done.returncode == 1
    assert said in done.stderr
    assert done.stderr.count("Erreur : ") == 1
    assert not (tmp_path / ".venv").exists()


def test_a_full_disk_is_said_before_anything_is_written(tmp_path: Path) -> None:
    tool(tmp_path, "df", "printf 'Filesystem 1024-blocks Used Available\\n/dev/x 9 9 1200000 1%% /\\n'")
    done = install(tmp_path, PATH=f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert done.returncode == 1
    assert "il faut 4 Go libres sur ce disque" in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_a_package_that_cannot_be_had_is_said(tmp_path: Path) -> None:
    done = install(tmp_path)  # an empty folder: there is no package to install
    assert done.returncode == 1
    assert "un paquet n'a pas pu être installé" in done.stderr
