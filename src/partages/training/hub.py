"""Pushing a model to the Hub: only what the audit lets through, with the licence of its base."""

import importlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from partages.errors import MissingPart, OutputError, UsageError


def check_audit(audited: Mapping[str, Any], trained: str) -> None:
    """Refuse a model that gives back what it read.

    Args:
        audited: manifest of ``audit``.
        trained: SHA-256 of what the run to publish learnt (``trained.pt``).

    Raises:
        UsageError: a threshold is passed, or the audit is of another run.
    """
    if audited["trained_sha256"] != trained:
        raise UsageError(
            "Cet examen est celui d'un autre entraînement : relancez « partages train audit » sur celui-ci."
        )
    passed = audited["passed_thresholds"]
    if passed:
        raise UsageError(
            "Ce modèle rend trop de ce qu'il a lu ("
            + ", ".join(passed)
            + ") : il n'est pas publié. Entraînez moins "
            "longtemps, retirez les doublons des textes, ou fusionnez plus faiblement."
        )


def push(folder: Path, repository: str, endpoint: str | None, private: bool) -> str:
    """Send a folder to a repository of models, made if needed; return its address.

    The token is the one of ``huggingface_hub`` (``HF_TOKEN``, or ``hf auth login``).

    Raises:
        UsageError: the folder has no model, or the repository's name is wrong.
        OutputError: the Hub refuses, or cannot be reached.
    """
    if not any(folder.glob("*.gguf")) and not any(folder.glob("*.safetensors")):
        raise UsageError(
            f"« {folder} » n'a pas de modèle à pousser (.gguf ou .safetensors) : exportez-le d'abord."
        )
    try:
        from huggingface_hub import HfApi
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError
        from huggingface_hub.utils.tqdm import disable_progress_bars
    except ImportError:
        raise MissingPart(
            "Pousser un modèle demande huggingface_hub : pip install 'partages[train]'."
        ) from None
    disable_progress_bars()
    api = HfApi(endpoint=endpoint)
    try:
        api.create_repo(repository, private=private, exist_ok=True)
        api.upload_folder(
            repo_id=repository, folder_path=folder, commit_message="Model, card and measures",
            ignore_patterns=["*.partial", "checkpoint.pt", "work/*"],
        )  # fmt: skip
    except HFValidationError:
        raise UsageError(f"« {repository} » n'est pas un nom de dépôt : écrivez organisation/nom.") from None
    except HfHubHTTPError as error:
        status = error.response.status_code
        reason = "jeton absent ou refusé" if status in (401, 403) else f"statut {status}"
        raise OutputError(f"Le dépôt « {repository} » a été refusé ({reason}) : voyez HF_TOKEN.") from None
    except _unreachable():
        raise OutputError(
            f"Le Hub ne répond pas ({endpoint or 'huggingface.co'}) : réessayez plus tard."
        ) from None
    return f"{(endpoint or 'https://huggingface.co').rstrip('/')}/{repository}"


def _unreachable() -> tuple[type[Exception], ...]:
    """Errors of the client that the installed ``huggingface_hub`` speaks through."""
    found: list[type[Exception]] = [OSError]
    for name in ("httpx2", "httpx"):
        with suppress(ImportError, AttributeError):
            found.append(importlib.import_module(name).HTTPError)
    return tuple(found)
