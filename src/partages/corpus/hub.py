"""Data sets of the Hugging Face Hub, through ``datasets``: files or a configuration, streamed or not."""

from collections.abc import Iterator
from typing import Any

from partages.corpus.download import SourceUnavailable
from partages.corpus.sources import Source
from partages.errors import MissingPart

BUILDERS = {"parquet": "parquet", "csv": "csv", "tsv": "csv", "json": "json", "jsonl": "json", "txt": "text"}


def rows(source: Source, streaming: bool | None = None) -> Iterator[tuple[str, dict[str, Any]]]:
    """The rows of a source, each with the name of its part.

    ``repo``, and: ``files`` (globs in the repository at ``revision``), or ``config`` and ``split``.
    ``streaming`` is by default what the source says, else so where the network is allowed.
    Loading scripts are not run: data sets that have one are read from their files.

    Raises:
        MissingPart: ``datasets`` is absent.
        SourceUnavailable: offline and not in its cache, unknown, access to be asked for, or it failed.
    """
    try:
        import datasets  # type: ignore[import-untyped, unused-ignore]
        from huggingface_hub import constants
        from huggingface_hub.errors import GatedRepoError, HfHubHTTPError
    except ImportError:
        raise MissingPart("Lire le Hub demande datasets : pip install 'partages[corpus]'.") from None
    options = source.options
    repo = options["repo"]
    if streaming is None:
        streaming = bool(options.get("streaming", not constants.HF_HUB_OFFLINE))
    where = f"hf://datasets/{repo}@{options.get('revision', 'main').replace('/', '%2F')}"
    parts: list[tuple[str, dict[str, Any]]] = []
    if files := options.get("files"):
        for file in files:
            plain = file.removesuffix(".gz")
            suffix = plain.rsplit(".", 1)[-1]
            extra = {"sep": "\t"} if suffix == "tsv" else {}
            parts.append(
                (
                    plain.removesuffix(f".{suffix}").rstrip("*").strip("/") or suffix,
                    {"path": BUILDERS[suffix], "data_files": f"{where}/{file}", "split": "train", **extra},
                )
            )
    else:
        splits = options.get("split", "train")
        for split in [splits] if isinstance(splits, str) else splits:
            given = {"path": repo, "name": options.get("config"), "split": split}
            parts.append((split, {**given, "revision": options.get("revision")}))
    for place, arguments in parts:
        try:
            for row in datasets.load_dataset(**arguments, streaming=streaming):
                yield place, dict(row)
        except GatedRepoError:
            raise SourceUnavailable(
                f"Le Hub demande d'accepter les conditions de « {repo} », puis « hf auth login »."
            ) from None
        except HfHubHTTPError as error:
            status = getattr(error.response, "status_code", None)
            raise SourceUnavailable(f"Le Hub refuse « {repo} » (code {status}).") from None
        except Exception as error:  # datasets wraps a dozen types of its parts, and of the network's
            offline = constants.HF_HUB_OFFLINE
            raise SourceUnavailable(
                f"« {repo} » n'est pas dans le cache, et HF_HUB_OFFLINE interdit le réseau : "
                "ôtez-le, ou apportez les fichiers et donnez leur dossier."
                if offline
                else f"« {repo} » n'a pas pu être lu sur le Hub ({type(error).__name__}) : recommencez, "
                "ou prenez ses fichiers et donnez leur dossier."
            ) from None
