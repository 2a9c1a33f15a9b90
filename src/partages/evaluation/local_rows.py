"""Rows of the benchmarks from files at hand, in the schema of their public data sets.

A folder may hold, for any task, ``TASK.jsonl`` (its test split) or ``TASK/{train,validation,test}.jsonl``, or the
corpora as they are published: ``frenchmedmcqa/*.json``, ``morfitt/*.tsv``, ``mantra_gsc/`` and
``frasimed/`` in brat, ``corpus/pxcorpus.txt``, ``corpus/quaero.txt.gz``. A single file is taken for the data of
the tasks asked for.
"""

import csv
import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from partages.errors import UsageError

Rows = list[dict[str, Any]]
SPLITS = {"train": "train", "dev": "validation", "validation": "validation", "test": "test"}
_MANTRA = {"mantra_emea": "EMEA", "mantra_medline": "Medline", "mantra_patents": "Patent"}
_GROUP = re.compile(r'"([A-Z]{4})"\s*$')


def splits_for(task: str, path: Path) -> dict[str, Rows] | None:
    """Rows by split, or None where the folder holds nothing for this task.

    Raises:
        UsageError: the path does not exist, or a file is not what its name says.
    """
    if not path.exists():
        raise UsageError(f"« {path} » n'existe pas : vérifiez le chemin des données.")
    if path.is_file():
        return {_split(path): _read(path)}
    for name in (task, task.removesuffix("_greedy")):  # the same questions, answered in writing
        if (alone := path / f"{name}.jsonl").is_file():
            return {"test": _read(alone)}
    folder, suffix = path / task.removesuffix("_greedy"), ".jsonl"
    if task.startswith("frenchmedmcqa"):
        folder, suffix = path / "frenchmedmcqa", ".json"
    elif task.startswith("morfitt"):
        folder, suffix = path / "morfitt", ".tsv"
    if folder.is_dir():
        files = sorted(file for file in folder.glob(f"*{suffix}") if file.stem in SPLITS)
        return {SPLITS[file.stem]: _read(file) for file in files} or None
    if task in _MANTRA:
        units = sorted((path / "mantra_gsc").glob(f"{_MANTRA[task]}*/*.txt"))
    elif task == "frasimed_diseases":
        units = sorted((path / "frasimed" / "DISTEMIST-FRASIMED").glob("*.txt"))
    else:
        lines = {"pxcorpus_perplexity": "pxcorpus.txt", "quaero_perplexity": "quaero.txt.gz"}.get(task)
        file = path / "corpus" / lines if lines else None
        return (
            {"test": [{"text": line, "entities": []} for line in _lines(file)]}
            if file and file.is_file()
            else None
        )
    return {"test": [_brat(unit) for unit in units]} if units else None


def _split(path: Path) -> str:
    return SPLITS.get(path.stem, "test")


def _lines(path: Path) -> Iterator[str]:
    with (
        gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8")
    ) as stream:
        yield from (line.strip() for line in stream if line.strip())


def _read(path: Path) -> Rows:
    try:
        if path.suffix == ".tsv":
            with path.open(encoding="utf-8", newline="") as stream:
                rows: Any = list(csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE))
        elif path.suffix == ".json":
            rows = json.loads(path.read_bytes())
        else:
            rows = [json.loads(line) for line in _lines(path)]
    except OSError as error:
        raise UsageError(f"« {path} » ne peut pas être lu ({error.strerror}).") from None
    except (ValueError, csv.Error, RecursionError):
        rows = None
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise UsageError(
            f"« {path} » ne contient pas de lignes de données : .jsonl, .json (liste d'objets) ou .tsv."
        )
    return rows


def _brat(text: Path) -> dict[str, Any]:
    """A text and its mentions, in order, each place once; Mantra gives the semantic group in a note."""
    places: dict[str, tuple[int, str, str]] = {}
    for line in text.with_suffix(".ann").read_text(encoding="utf-8").splitlines():
        fields = line.split("\t")
        if line.startswith("T") and len(fields) > 2:
            label, start = fields[1].split()[:2]
            places[fields[0]] = int(start), label, fields[2]
        elif line.startswith("#") and (group := _GROUP.search(line)):
            target = fields[1].split()[-1]
            if target in places:
                places[target] = places[target][0], group[1], places[target][2]
    found = sorted(set(places.values()))
    return {
        "text": text.read_text(encoding="utf-8").strip(),
        "entities": [{"label": label, "text": mention} for _, label, mention in found],
    }
