"""A corpus to the Hugging Face Hub: shards, card, Croissant and counts; never what was rejected."""

import time
from pathlib import Path

from partages.errors import MissingPart, PartagesError, UsageError

PUBLISHED = ("README.md", "croissant.json", "corpus.json", "data/*.parquet")
ATTEMPTS, WAIT = 4, 2.0
"""Tries of a publication that fails for a reason that may pass, and seconds before the second, which double each time."""


class HubError(PartagesError):
    """The Hub refused or failed."""

    http_status = 502
    slug = "hub-en-erreur"
    title = "Le Hub n'a pas accepté"


def push(
    folder: Path, repository: str, *, private: bool = True, attempts: int = ATTEMPTS, wait: float = WAIT
) -> str:
    """Publish a whole corpus; returns its address.

    The token and the address of the Hub are those of ``huggingface_hub`` (``hf auth login``, ``HF_TOKEN``, ``HF_ENDPOINT``).
    Files that are already there are not sent again, so a failed publication is taken up by publishing again.

    Raises:
        UsageError: there is no whole corpus in the folder.
        HubError: the Hub refused, or failed each time.
        MissingPart: ``huggingface_hub`` is not installed.
    """
    if not (folder / "README.md").is_file() or not (folder / "corpus.json").is_file():
        raise UsageError(f"« {folder} » n'est pas un corpus fini : construisez-le d'abord.")
    try:
        from huggingface_hub import HfApi
        from huggingface_hub.errors import HfHubHTTPError
    except ImportError:
        raise MissingPart("Publier demande huggingface_hub : pip install 'partages[corpus]'.") from None
    api = HfApi()
    for attempt in range(1, attempts + 1):
        try:
            address = api.create_repo(repository, repo_type="dataset", private=private, exist_ok=True)
            api.upload_folder(
                repo_id=repository, repo_type="dataset", folder_path=folder, allow_patterns=list(PUBLISHED),
                commit_message="Corpus",
            )  # fmt: skip
            return str(address)
        except HfHubHTTPError as error:
            status = error.response.status_code if error.response is not None else 0
            if status in (400, 401, 403, 404, 409, 422) or attempt == attempts:
                raise HubError(_said(status)) from None
        except OSError as error:
            if attempt == attempts:
                raise HubError(
                    f"Le Hub ne répond pas ({type(error).__name__}) : réessayez, le corpus est intact."
                ) from None
        time.sleep(wait * 2 ** (attempt - 1))
    raise AssertionError("unreachable")


def _said(status: int) -> str:
    if status in (401, 403):
        return "Le Hub refuse ce compte : connectez-vous avec « hf auth login », avec un jeton qui permet d'écrire."
    return f"Le Hub n'a pas accepté le corpus (statut {status}) : réessayez, le corpus est intact."
