"""Data sets of the Hugging Face Hub, through ``datasets``: files or a configuration, streamed or not."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from partages.corpus.download import SourceUnavailable
from partages.corpus.sources import Source
from partages.errors import MissingPart

BUILDERS = {"parquet": "parquet", "csv": "csv", "tsv": "csv", "json": "json", "jsonl": "json", "txt": "text"}


def rows(source: Source, streaming: bool = False) -> Iterator[tuple[str, dict[str, Any]]]:
    """The rows of a source, each with the name of its part.

    ``repo``, and: ``files`` (globs in the repository at ``revision``), or ``config`` and ``split``.
    The data set is brought once into the cache of the Hub, where each task of a build reads it, offline too;
    ``streaming`` brings nothing, and reads the network.
    Loading scripts are not run: data sets that have one are read from their files.

    Raises:
        MissingPart: ``datasets`` is absent.
        SourceUnavailable: offline and not in its cache, unknown, access to be asked for, or it failed.
    """
    try:
        import datasets  # type: ignore[import-untyped, unused-ignore]
        from huggingface_hub import constants, snapshot_download
        from huggingface_hub.errors import GatedRepoError, HfHubHTTPError
        from huggingface_hub.utils.tqdm import disable_progress_bars
    except ImportError:
        raise MissingPart("Lire le Hub demande datasets : pip install 'partages[corpus]'.") from None
    if not sys.stderr.isatty():
        datasets.disable_progress_bars()
        disable_progress_bars()
    options = source.options
    repo, revision = options["repo"], options.get("revision", "main")
    parts: list[tuple[str, dict[str, Any]]] = []
    for file in options.get("files", ()):
        plain = file.removesuffix(".gz")
        suffix = plain.rsplit(".", 1)[-1]
        extra = {"sep": "\t"} if suffix == "tsv" else {}
        place = plain.removesuffix(f".{suffix}").replace("*", "").strip("/") or suffix
        parts.append((place, {"path": BUILDERS[suffix], "data_files": file, "split": "train", **extra}))
    if not parts:
        splits = options.get("split", "train")
        for split in [splits] if isinstance(splits, str) else splits:
            given = {"path": repo, "name": options.get("config"), "split": split}
            parts.append((split, {**given, "revision": options.get("revision")}))
    for place, arguments in parts:
        try:
            if (file := arguments.get("data_files")) and streaming:
                arguments["data_files"] = f"hf://datasets/{repo}@{revision.replace('/', '%2F')}/{file}"
            elif file:
                folder = Path(
                    snapshot_download(repo, repo_type="dataset", revision=revision, allow_patterns=file)
                )
                arguments["data_files"] = [str(path) for path in sorted(folder.glob(file))]
            # files at hand are streamed too: nothing is copied, memory stays flat
            for row in datasets.load_dataset(**arguments, streaming=streaming or bool(file)):
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
