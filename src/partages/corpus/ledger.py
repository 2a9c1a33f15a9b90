"""What every step took in, gave out and dropped, and why: counts, and the dropped texts themselves.

A ledger belongs to one step and one task. Its counts go to ``counts/STEP/RANK.json``, what was dropped to
``rejected/STEP/REASON/RANK.ndjson.gz``; the same input gives the same bytes.
"""

import gzip
import json
from collections import Counter, defaultdict
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

Unit = Literal["document", "paragraph"]
LONGEST = 4000
"""Characters kept of a dropped text."""


def write_json(path: Path, value: Any) -> None:
    """Whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_text(
        json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True) + "\n", encoding="utf-8"
    )
    partial.replace(path)


class Ledger:
    """Used as a context manager; written when left without an error."""

    def __init__(self, folder: Path, step: str, rank: int) -> None:
        self._folder, self.step, self._rank = folder, step, rank
        self._flows: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
        self._files: dict[str, gzip.GzipFile] = {}
        self.facts: Counter[str] = Counter()
        self.damages: list[dict[str, str]] = []

    def __enter__(self) -> "Ledger":
        return self

    def _add(self, source: str, flow: str, what: str, words: int) -> None:
        held = self._flows[source][flow]
        held[what] += 1
        held["words"] += words

    def came(self, source: str, words: int) -> None:
        """A document came in."""
        self._add(source, "in", "documents", words)

    def went(self, source: str, words: int) -> None:
        """A document went out, maybe shorter than it came."""
        self._add(source, "out", "documents", words)

    def drop(
        self,
        reason: str,
        *,
        unit: Unit,
        text: str,
        words: int,
        metadata: dict[str, Any],
        identifier: str,
        detail: str = "",
    ) -> None:
        """A document or a paragraph is left out, and kept to be read."""
        self._add(metadata["source"], f"{unit}:{reason}", "number", words)
        row = {
            "id": identifier, "source": metadata["source"], "licence": metadata["licence"], "kind": metadata["kind"],
            "step": self.step, "reason": reason, "unit": unit, "words": words, "detail": detail, "text": text[:LONGEST],
        }  # fmt: skip
        self._file(reason).write(json.dumps(row, ensure_ascii=False).encode() + b"\n")

    def count(self, source: str, reason: str, words: int) -> None:
        """A document is left out and its text is not kept: its licence forbids it here."""
        self._add(source, f"document:{reason}", "number", words)

    def _file(self, reason: str) -> gzip.GzipFile:
        if reason not in self._files:
            path = self._folder / "rejected" / self.step / reason / f"{self._rank:05d}.ndjson.gz"
            path.parent.mkdir(parents=True, exist_ok=True)
            self._files[reason] = gzip.GzipFile(path, "wb", compresslevel=4, mtime=0)
        return self._files[reason]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in self._files.values():
            file.close()
        if kind is None:
            write_json(
                self._folder / "counts" / self.step / f"{self._rank:05d}.json",
                {"flows": self._flows, "facts": self.facts, "damages": self.damages},
            )
