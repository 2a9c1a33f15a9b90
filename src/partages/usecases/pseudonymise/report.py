"""The report of a batch for a data-protection officer: what was found, how sure, what to read first.

Nothing in it comes from the text of a document but counts. The residual risk is an estimate, made
from a measure: for each category, the recall of the engine on annotated reports that nobody
tuned it on (``data/rappel.json``, written by ``benchmarks/recall.py``). If n entities of a category
were found and the recall is r, n(1 - r)/r were missed (each entity found stands for 1/r present).
The interval is that of r (Wilson, 95 %), and holds only for texts like those reports.
"""

import hashlib
import heapq
import json
import math
import platform
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from partages import __version__
from partages.documents import Document
from partages.usecases.pseudonymise.schema import (
    FRENCH_NAMES,
    KEPT_AS_IS,
    Categorie,
    Options,
    PseudonymiseResult,
)

SUFFIXES = (".html", ".json")
RANKED = 200
"""Documents listed for a human look, at most."""
UNSURE = 0.6
"""Score under which a span is counted as unsure."""
LONG_ENOUGH = 400
"""Characters of a report in which finding nothing at all is suspect."""
ROLES = ("RolePER", "RoleLOC", "RoleNUM")
PACKAGES = ("partages", "edsnlp", "pyahocorasick", "python-crfsuite", "rapidfuzz")
RESIDUE_WEIGHT = 1.0
"""Expected missed entities for a value that was found and is still readable: it is one."""

_CAPITALISED = re.compile(r"\b[A-ZÀ-ÖØ-Þ][^\W\d_]{2,30}\b")
_DIGITS = re.compile(r"(?<![\d.,])\d(?:[ .\-/]?\d){5,20}(?![\d]|[.,]\d)")


@cache
def measured() -> dict[str, Any]:
    """The measure behind the estimate: where, when, and for each engine ``{label: [found, present]}``."""
    from partages.usecases.pseudonymise.gazetteers import DATA

    table: dict[str, Any] = json.loads((DATA / "rappel.json").read_text())
    return table


def suspects(text: str, places: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Where the text that is left holds what looks like a name or a long number.

    A capitalised word that no dictionary holds, or six digits and more. ``benchmarks/recall.py`` measures
    which share of them are missed entities (about two in five when it was written): they rank documents.
    """
    from partages.usecases.pseudonymise.gazetteers import is_medical, is_word

    found: list[tuple[int, int]] = []
    at = 0
    judged: dict[str, bool] = {}
    for start, end in [*places, (len(text), len(text))]:
        for match in _CAPITALISED.finditer(text, at, start):
            word = match[0]
            if word not in judged:
                judged[word] = not (is_word(word) or is_medical(word))
            if judged[word]:
                found.append(match.span())
        found += [match.span() for match in _DIGITS.finditer(text, at, start)]
        at = end
    return found


def facts(document: Document, result: PseudonymiseResult, options: Options) -> dict[str, Any]:
    """What the report needs of one document: numbers, and no text of it."""
    from partages.documents import Span
    from partages.text import fold
    from partages.usecases.pseudonymise.residues import count_residues

    spans = [Span(s.start, s.end, s.label, s.attributes, s.score) for s in result.spans]
    groups: dict[str, list[float]] = {}
    for span in spans:
        role = next((span.attributes[name] for name in ROLES if name in span.attributes), "")
        entry = groups.setdefault(f"{span.label}|{role}", [0, 0, 0.0, 0])
        entry[0] += 1
        if span.score is not None:
            entry[1] += 1
            entry[2] += span.score
            entry[3] += span.score < UNSURE
    names = {
        part
        for span in spans
        if span.label in (Categorie.NOM, Categorie.PRENOM)
        for part in fold(document.quote(span)).split()
        if len(part) > 3
    }
    identifier = set(re.findall(r"[^\W\d_]+", fold(document.id)))
    masked = [span for span in spans if span.label not in KEPT_AS_IS]
    return {
        "id": document.id,
        "named": bool(names & identifier),
        "characters": len(document.text),
        "masked": sum(len(span) for span in masked),
        "groups": groups,
        "residues": 0 if options.rendering == "spans" else count_residues(document, masked, result.text),
        "suspects": len(suspects(result.text, result.places)),
        "engine": "corrected" if options.spans is not None or options.corrected else options.engine,
        "rendering": options.rendering,
        "known": options.known is not None,
        "key": bool(options.key.get_secret_value()),
    }


def wilson(found: int, present: int) -> tuple[float, float]:
    """95 % interval of a proportion (Wilson, J Am Stat Assoc 1927;22:209-12)."""
    if not present:
        return 0.0, 1.0
    z, p = 1.96, found / present
    centre = (p + z * z / (2 * present)) / (1 + z * z / present)
    half = z * math.sqrt(p * (1 - p) / present + z * z / (4 * present * present)) / (1 + z * z / present)
    return max(0.0, centre - half), min(1.0, centre + half)


@cache
def _missed_per_found(engine: str, label: str) -> tuple[float, float, float]:
    """Expected missed entities for one found: estimate, low, high; zero where a person corrected."""
    if engine == "corrected" or label in KEPT_AS_IS:
        return 0.0, 0.0, 0.0
    engines = measured()["engines"]
    table = engines.get(engine, engines["fast"])  # not measured: as the weakest
    found, present = table["labels"].get(label, (0, 0))
    if present < SMALLEST:  # too few to say: all categories together
        found, present = map(sum, zip(*table["labels"].values(), strict=True))
    low, high = (max(bound, LEAST) for bound in wilson(found, present))
    rate = max((found + 0.5) / (present + 1), LEAST)
    return (1 - rate) / rate, (1 - high) / high, (1 - low) / low


def _suspects_share(engine: str) -> float:
    """The share of what looks like a name or a number, and was left, that is a missed entity."""
    engines = measured()["engines"]
    if engine == "corrected":
        return 0.0
    missed, shown = engines.get(engine, engines["fast"])["suspects"]
    return float(missed / max(shown, 1))


LEAST = 0.1
"""Recall under which what was found says nothing of what was missed."""
SMALLEST = 15
"""Entities of a category under which its own recall is not used."""


@dataclass
class Summary:
    """Counts over a batch; documents do not stay in memory, but the first to read."""

    documents: int = 0
    failed: int = 0
    characters: int = 0
    masked: int = 0
    nothing_found: int = 0
    named_ids: int = 0
    residues: int = 0
    groups: Counter[tuple[str, str]] = field(default_factory=Counter)
    scored: Counter[str] = field(default_factory=Counter)
    scores: Counter[str] = field(default_factory=Counter)
    unsure: Counter[str] = field(default_factory=Counter)
    settings: Counter[str] = field(default_factory=Counter)
    missed: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])
    at_risk: float = 0.0
    first: list[tuple[float, int, dict[str, Any]]] = field(default_factory=list)
    errors: list[dict[str, str]] = field(default_factory=list)

    def add(self, fact: dict[str, Any]) -> None:
        """Count one document in."""
        self.documents += 1
        if "error" in fact:
            self.failed += 1
            if len(self.errors) < RANKED:
                self.errors.append({"id": str(fact["id"]), "error": str(fact["error"])})
            return
        self.characters += fact["characters"]
        self.masked += fact["masked"]
        self.named_ids += fact["named"]
        self.residues += fact["residues"]
        known = "patient connu" if fact["known"] else "sans patient connu"
        key = "avec clé" if fact["key"] else "sans clé"
        self.settings[f"{fact['engine']}, {fact['rendering']}, {known}, {key}"] += 1
        total, missed = 0, [0.0, 0.0, 0.0]
        unsure = 0
        for name, (count, scored, score, doubtful) in fact["groups"].items():
            label, _, role = name.partition("|")
            self.groups[label, role] += count
            self.scored[label] += scored
            self.scores[label] += score
            self.unsure[label] += doubtful
            total, unsure = total + count, unsure + doubtful
            for index, rate in enumerate(_missed_per_found(fact["engine"], label)):
                missed[index] += count * rate
        nothing = not total and fact["characters"] >= LONG_ENOUGH and fact["engine"] != "corrected"
        self.nothing_found += nothing
        for index in range(3):
            self.missed[index] += missed[index] + RESIDUE_WEIGHT * fact["residues"]
        share = _suspects_share(fact["engine"])
        likely = fact["suspects"] * share
        priority = missed[0] + RESIDUE_WEIGHT * fact["residues"] + likely + nothing
        self.at_risk += 1 - math.exp(-(missed[0] + RESIDUE_WEIGHT * fact["residues"]))
        entry = {
            "id": f"document n° {self.documents}" if fact["named"] else fact["id"],
            "rank": self.documents,
            "priority": round(priority, 2),
            "entities": total,
            "unsure": unsure,
            "residues": fact["residues"],
            "suspects": fact["suspects"],
            "reasons": _reasons(fact, unsure, nothing=nothing),
        }
        item = priority, -self.documents, entry
        if len(self.first) < RANKED:
            heapq.heappush(self.first, item)
        else:
            heapq.heappushpop(self.first, item)


def _reasons(fact: dict[str, Any], unsure: int, *, nothing: bool) -> list[str]:
    reasons = []
    if fact["residues"]:
        reasons.append(f"valeurs trouvées encore lisibles : {fact['residues']}")
    if nothing:
        reasons.append("rien trouvé dans un texte long")
    if fact["suspects"]:
        reasons.append(f"mots ou numéros laissés qui pourraient identifier : {fact['suspects']}")
    if unsure:
        reasons.append(f"passages peu sûrs : {unsure}")
    if fact["named"]:
        reasons.append("l'identifiant du document contient un nom (masqué ici)")
    return reasons


def summarise(all_facts: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The report as data, what ``.json`` holds."""
    summary = Summary()
    for fact in all_facts:
        summary.add(fact)
    processed = summary.documents - summary.failed
    labels: dict[str, dict[str, Any]] = {}
    for label in Categorie:
        roles = {
            role or "sans rôle": n for (name, role), n in sorted(summary.groups.items()) if name == label
        }
        if roles:
            scored = summary.scored[label]
            labels[label] = {
                "found": sum(roles.values()),
                "roles": roles,
                "mean_score": round(summary.scores[label] / scored, 3) if scored else None,
                "unsure": summary.unsure[label],
                "kept_in_text": label in KEPT_AS_IS,
            }
    table = measured()
    return {
        "title": "Rapport de pseudonymisation",
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "documents": {
            "received": summary.documents,
            "processed": processed,
            "failed": summary.failed,
            "nothing_found": summary.nothing_found,
            "identifier_holds_a_name": summary.named_ids,
            "characters": summary.characters,
            "masked_characters": summary.masked,
        },
        "settings": dict(summary.settings),
        "categories": labels,
        "risk": {
            "expected_missed": round(summary.missed[0], 1),
            "interval_95": [round(summary.missed[1], 1), round(summary.missed[2], 1)],
            "per_document": round(summary.missed[0] / processed, 2) if processed else None,
            "documents_with_a_miss": round(summary.at_risk / processed, 3) if processed else None,
            "residues": summary.residues,
            "method": METHOD,
            "measured_on": {name: table[name] for name in ("bed", "date", "version", "documents")},
            "recall": {
                engine: {label: [*counts] for label, counts in table["engines"][engine]["labels"].items()}
                for engine in table["engines"]
                if any(setting.startswith(engine) for setting in summary.settings)
            },
        },
        "first_to_read": [
            entry for _, _, entry in sorted(summary.first, key=lambda item: item[:2], reverse=True)
        ],
        "errors": summary.errors,
        "tools": {"python": platform.python_version(), "system": platform.system(), **_versions()},
    }


METHOD = (
    "Pour chaque catégorie, le rappel r du moteur a été mesuré sur des comptes rendus fictifs annotés à la main, qui "
    "n'ont pas servi à le régler ; une entité n'y compte comme trouvée que si tous ses caractères sont masqués. n entités "
    "trouvées laissent attendre n(1-r)/r entités manquées ; l'intervalle est celui de r (Wilson, 95 %). S'y ajoutent "
    "les valeurs trouvées qui restent lisibles après remplacement. La part de documents touchés suppose des omissions "
    "indépendantes (Poisson). Sur des textes très différents de ces comptes rendus, l'estimation ne vaut pas : "
    "relisez un échantillon. Une catégorie mesurée sur moins de 15 entités prend le rappel de l'ensemble. "
    "Un rappel inférieur à 0,1 compte pour 0,1, et une catégorie dont rien n'est trouvé n'entre pas dans l'estimation. "
    "Les passages corrigés par une personne sont tenus pour complets."
)


def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = __version__ if name == "partages" else version(name)
        except PackageNotFoundError:
            found[name] = "absent"
    found["données et modèle du moteur (SHA-256)"] = _data_digest()
    return found


def _data_digest() -> str:
    """A digest of lexicons, model and measure: two reports with the same one come from the same engine."""
    from partages.usecases.pseudonymise.gazetteers import DATA

    digest = hashlib.sha256()
    for path in sorted(Path(str(DATA)).iterdir()):
        if path.is_file():
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def write(all_facts: Iterable[dict[str, Any]], paths: Sequence[Path]) -> None:
    """The report, at each path: ``.html`` to read and sign, ``.json`` for a program."""
    from partages.usecases.pseudonymise.report_page import page

    data = summarise(all_facts)
    for path in paths:
        if path.suffix.lower() == ".json":
            path.write_text(json.dumps(data, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        else:
            path.write_text(page(data, FRENCH_NAMES), encoding="utf-8")
