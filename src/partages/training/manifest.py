"""What each step leaves beside its result: from what, with what, how, how long."""

import hashlib
import importlib.metadata
import json
import os
import platform
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from partages.errors import OutputError, UsageError

NAME = "manifest.json"
_LIBRARIES = (
    "partages",
    "torch",
    "transformers",
    "peft",
    "tokenizers",
    "numpy",
    "accelerate",
    "mergekit",
    "codecarbon",
)


def sha256(path: Path) -> str:
    """Of a file, in hexadecimal.

    Raises:
        UsageError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UsageError(f"« {path} » ne peut pas être lu ({error.strerror}).") from None


def surroundings() -> dict[str, Any]:
    """Versions of what decides a result, and the machine's kind."""
    return {
        "versions": dict(_versions()),
        "code": code_version(),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
    }


def _versions() -> Iterator[tuple[str, str]]:
    for name in _LIBRARIES:
        try:
            yield name, importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue


def code_version() -> str:
    """SHA-256 of the sources that train, so that a change between two releases shows."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def write_manifest(folder: Path, step: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Write ``manifest.json`` of a step into its folder, whole or not at all; return what was written.

    Raises:
        OutputError: it cannot be written.
    """
    manifest = {"step": step, **facts, **surroundings()}
    partial = folder / (NAME + ".partial")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        partial.write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        partial.replace(folder / NAME)
    except OSError as error:
        raise OutputError(f"« {folder} » ne peut pas être écrit ({error.strerror}).") from None
    return manifest


def read_manifest(folder: Path, step: str) -> dict[str, Any]:
    """The manifest that a step left.

    Args:
        folder: of the step.
        step: ``prepare``, ``pretrain``, ``instruct`` or ``merge``.

    Raises:
        UsageError: there is none, or it is of another step.
    """
    try:
        found = json.loads((folder / NAME).read_bytes())
    except (OSError, ValueError):
        found = None
    if not isinstance(found, dict) or found.get("step") != step:
        raise UsageError(
            f"« {folder} » n'est pas un dossier fini de « partages train {step} » : lancez cette commande d'abord."
        )
    return found
