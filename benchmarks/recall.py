"""Recall by category on the held-out reports, for the risk estimate of ``--report``; only counts come out.

    python benchmarks/recall.py          # prints, and writes data/rappel.json of the use case

Run it again whenever an engine changes.
"""

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.reports import read_reports

from partages import __version__
from partages.documents import Span
from partages.usecases.pseudonymise.engine import detect
from partages.usecases.pseudonymise.report import suspects
from partages.usecases.pseudonymise.scanner import scan
from partages.usecases.pseudonymise.schema import KEPT_AS_IS, Categorie

OUTPUT = Path(__file__).parents[1] / "src/partages/usecases/pseudonymise/data/rappel.json"


def measure(find: Callable[[str], list[Span]]) -> dict[str, object]:
    """Entities found (every character masked) and present, by category; suspects that are missed ones."""
    labels = {str(label): [0, 0] for label in Categorie}
    shown = missed = 0
    for document, annotation in read_reports("held-out"):
        spans = find(document.text)
        covered = {at for span in spans for at in range(span.start, span.end)}
        open_entities: set[int] = set()
        for entity in annotation.spans:
            whole = all(
                at in covered for at in range(entity.start, entity.end) if not document.text[at].isspace()
            )
            labels[entity.label][0] += whole
            labels[entity.label][1] += 1
            if not whole and entity.label not in KEPT_AS_IS:
                open_entities.update(range(entity.start, entity.end))
        for start, _ in suspects(document.text, [(span.start, span.end) for span in spans]):
            shown += 1
            missed += start in open_entities
    return {
        "labels": {name: counts for name, counts in labels.items() if counts[1]},
        "suspects": [missed, shown],
    }


def main() -> None:
    count = len(read_reports("held-out"))
    table = {
        "bed": f"{count} comptes rendus fictifs écrits et annotés à la main, tenus à l'écart des réglages "
        "(benchmarks/data/reports, numéros 045 et suivants)",
        "date": datetime.now(UTC).strftime("%d/%m/%Y"),
        "version": __version__,
        "documents": count,
        "engines": {
            "full": measure(detect),
            "rules": measure(lambda text: detect(text, statistical=False)),
            "fast": measure(scan),
        },
    }
    OUTPUT.write_text(json.dumps(table, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    for engine, figures in table["engines"].items():  # type: ignore[attr-defined]
        print(engine, json.dumps(figures, ensure_ascii=False))


if __name__ == "__main__":
    main()
