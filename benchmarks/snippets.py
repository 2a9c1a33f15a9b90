"""Fictitious snippets of one to eight lines (letterheads, notes, tables, signatures), with identifying values marked ``[N:DELORME]``.

``data/snippets/dev.txt``: errors read and mended. ``held-out.txt``: written after the engines were first measured, errors
never read. ``blind.txt``: two hundred more in other hands, written before its author read any rule or list; every second one
(``blind:tune``) sets thresholds and has its errors read, the others (``blind:held``) only ever give figures. ``contacts.txt``: identifiers and contacts
in messy lines; ``records.txt``: a hundred and sixty in eight hands (letterheads, exports, night notes, faxes badly read, laboratories, social
services, overseas), by an author who had read no rule; both halved in the same way. ``training.txt``: written to train the span model;
``calls.txt``: contacts broken, spelled and spoken, and identity papers.
``O`` marks what some annotators would mark and others not (a lone year, an occupation, a feast day, a demonym): counted neither way.
"""

import re
from pathlib import Path

FOLDER = Path(__file__).parent / "data/snippets"
OPTIONAL = ""
LABELS = {
    "N": "Nom", "P": "Prenom", "D": "DateIdentifiante", "B": "DateNaissancePatient", "I": "CodeIdentifiant", "T": "NumeroTelephone",
    "E": "AdresseEmail", "U": "Url", "A": "Adresse", "V": "Ville", "C": "CodePostal", "Y": "Pays", "H": "Etablissement",
    "O": OPTIONAL,
}  # fmt: skip
Entity = tuple[int, int, str]
"""(start, end, category)"""


def read(half: str = "held-out") -> list[tuple[str, list[Entity]]]:
    """Each snippet without its marks, and its entities."""
    found = []
    name, _, part = half.partition(":")
    pieces = (FOLDER / f"{name}.txt").read_text(encoding="utf-8").rstrip("\n").split("\n---\n")
    for marked in pieces[("tune", "held").index(part) :: 2] if part else pieces:
        text, entities, at = "", [], 0
        for match in re.finditer(r"\[([A-Z]):([^\]]+)\]", marked):
            text += marked[at : match.start()]
            entities.append((len(text), len(text) + len(match[2]), LABELS[match[1]]))
            text += match[2]
            at = match.end()
        found.append((text + marked[at:], entities))
    return found
