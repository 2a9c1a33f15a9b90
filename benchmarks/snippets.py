"""Pseudonymisation of short snippets that no rule, template or model was made from.

    python benchmarks/snippets.py [dev|held-out]

Reads ``data/snippets/held-out.txt`` (or ``dev.txt``, whose errors were read and mended): fictitious snippets separated by ``---``, one to six lines each (letterheads, notes,
tables, signatures), where ``[N:DELORME]`` marks an identifying value. They were written after the engines were first
measured, in the same project but without its rules in view, and their errors are not to be read. Prints for both engines
recall of entities whose every character is masked, by kind, and precision of masked characters, with bootstrap
intervals over snippets (1,000 draws, 95 %).
"""

import random
import re
import sys
from collections import Counter
from pathlib import Path

from partages.usecases.pseudonymise.engine import detect

FOLDER = Path(__file__).parent / "data/snippets"
LABELS = {
    "N": "Nom", "P": "Prenom", "D": "DateIdentifiante", "B": "DateNaissancePatient", "I": "CodeIdentifiant", "T": "NumeroTelephone",
    "E": "AdresseEmail", "U": "Url", "A": "Adresse", "V": "Ville", "C": "CodePostal", "Y": "Pays", "H": "Etablissement",
}  # fmt: skip
KINDS = {
    "Nom": "names", "Prenom": "first names", "DateIdentifiante": "dates", "DateNaissancePatient": "dates", "CodeIdentifiant": "identifiers",
    "NumeroTelephone": "contacts", "AdresseEmail": "contacts", "Url": "contacts", "Adresse": "places", "Ville": "places",
    "CodePostal": "places", "Pays": "places", "Etablissement": "hospitals",
}  # fmt: skip
Entity = tuple[int, int, str]
"""(start, end, category)"""


def read(half: str = "held-out") -> list[tuple[str, list[Entity]]]:
    """Each snippet without its marks, and its entities."""
    found = []
    for marked in (FOLDER / f"{half}.txt").read_text(encoding="utf-8").rstrip("\n").split("\n---\n"):
        text, entities, at = "", [], 0
        for match in re.finditer(r"\[([A-Z]):([^\]]+)\]", marked):
            text += marked[at : match.start()]
            entities.append((len(text), len(text) + len(match[2]), LABELS[match[1]]))
            text += match[2]
            at = match.end()
        found.append((text + marked[at:], entities))
    return found


def measure(statistical: bool, half: str) -> list[tuple[Counter[str], Counter[str], int, int]]:
    """For each snippet: entities found by kind, entities by kind, characters rightly masked, characters masked."""
    rows = []
    for text, entities in read(half):
        masked = {i for span in detect(text, statistical=statistical) for i in range(span.start, span.end)}
        right = {i for start, end, _ in entities for i in range(start, end)}
        found = Counter(
            KINDS[label] for start, end, label in entities if masked.issuperset(range(start, end))
        )
        rows.append(
            (found, Counter(KINDS[label] for _, _, label in entities), len(masked & right), len(masked))
        )
    return rows


def main() -> None:
    half = sys.argv[1] if len(sys.argv) > 1 else "held-out"
    for name, statistical in (("full", True), ("fast", False)):
        rows = measure(statistical, half)
        draw = random.Random(0)
        draws = [draw.choices(rows, k=len(rows)) for _ in range(1000)]
        for label, at in (("recall", 0), ("character precision", 2)):

            def ratio(sample: list[tuple[Counter[str], Counter[str], int, int]], at: int = at) -> float:
                if at == 2:
                    return sum(r[2] for r in sample) / max(1, sum(r[3] for r in sample))
                return sum(r[0].total() for r in sample) / max(1, sum(r[1].total() for r in sample))

            values = sorted(ratio(sample) for sample in draws)
            print(f"{name} {label}: {ratio(rows):.3f} [{values[25]:.3f}, {values[974]:.3f}]")
        found, known = Counter[str](), Counter[str]()
        for row in rows:
            found += row[0]
            known += row[1]
        print("  " + ", ".join(f"{kind} {found[kind]}/{known[kind]}" for kind in known))


if __name__ == "__main__":
    main()
