"""What a gold set is worth before anything is measured on it: every document read, every problem listed.

What is wrong with a document is shown to whoever holds the documents, by identifier, never with its text; only counts
go further. Needs neither a model nor torch.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

from partages.annotation import ENTITE_ANONYMISATION
from partages.annotation.uima import missing_features
from partages.errors import BadDocument, PartagesError, UsageError
from partages.evaluation.gold import MAX_CHARACTERS, Case
from partages.evaluation.kinds import Kind
from partages.evaluation.sampling import balanced, proportional, read_table

OCR = "_ocr"
"""In an identifier: the text comes from optical recognition, as the programme marks it."""


@dataclass
class Checks:
    """Counts, and the problems behind them.

    Attributes:
        counts: documents; ``unreadable``, ``empty``, ``invalid`` (these forbid any measure); ``duplicate_texts``,
            ``duplicate_ids``; ``ocr`` and ``ocr_twins`` (the same document with and without its mark);
            ``layer_missing``, ``features_missing`` of a UIMA CAS; ``not_annotated``; ``attributes`` outside of the programme's lists.
        problems: (identifier, French sentence).
        blocking: how many of the problems forbid a measure.
    """

    counts: Counter[str] = field(default_factory=Counter)
    problems: list[tuple[str, str]] = field(default_factory=list)
    blocking: int = 0
    traits: list[Mapping[str, Any]] = field(default_factory=list)

    def add(self, name: str, kind: str, sentence: str, *, blocks: bool) -> None:
        self.counts[kind] += 1
        self.problems.append((name, sentence))
        self.blocking += blocks


def check_gold(kind: Kind, gold: Path) -> Checks:
    """Read the whole gold set.

    Raises:
        UsageError: there is nothing to read.
    """
    if not gold.exists():
        raise UsageError(f"« {gold} » n'existe pas : vérifiez le chemin du corpus de référence.")
    found = Checks()
    texts: dict[bytes, str] = {}
    names: set[str] = set()
    layers = _layers(gold)
    for name, case in _cases(gold, found):
        found.counts["documents"] += 1
        if name in names:
            found.add(name, "duplicate_ids", "identifiant donné deux fois", blocks=True)
        names.add(name)
        if case is None:
            continue
        if not case.text.strip():
            found.add(name, "empty", "document vide", blocks=True)
            continue
        if name in layers:
            lacking = layers[name]
            if lacking is None:
                nowhere = all(missing is None for missing in layers.values())
                found.add(
                    name,
                    "layer_missing",
                    "la couche EntiteAnonymisation n'est pas dans le fichier",
                    blocks=nowhere,
                )
            elif lacking:
                fatal = ENTITE_ANONYMISATION.label in lacking
                found.add(name, "features_missing", f"la couche n'a pas {', '.join(lacking)}", blocks=fatal)
        digest = hashlib.sha256(" ".join(case.text.split()).encode()).digest()
        if digest in texts:
            found.add(name, "duplicate_texts", f"même texte que « {texts[digest]} »", blocks=False)
        texts.setdefault(digest, name)
        found.counts["ocr"] += OCR in name.lower()
        try:
            truth = kind.check(case)
        except BadDocument as error:
            found.add(name, "invalid", str(error), blocks=True)
            continue
        if not truth:
            found.counts["not_annotated"] += 1
        for sentence in _attributes(case.fields):
            found.add(name, "attributes", sentence, blocks=False)
        found.traits.append(case.fields)
    for name in sorted(names):
        low = name.lower()
        if OCR in low and low.replace(OCR, "") in {other.lower() for other in names}:
            found.add(name, "ocr_twins", "le même document existe aussi sans « _ocr »", blocks=False)
    if not found.counts["documents"]:
        raise UsageError(f"« {gold} » ne contient aucun document : il n'y a rien à mesurer.")
    return found


def _cases(gold: Path, found: Checks) -> Iterator[tuple[str, Case | None]]:
    from partages.inputs import read_records

    for number, record in enumerate(read_records([str(gold)], MAX_CHARACTERS, BytesIO()), 1):
        name = record.id or f"n° {number}"
        try:
            text, _ = record.load()
        except PartagesError as error:
            found.add(name, "unreadable", str(error), blocks=True)
            yield name, None
            continue
        fields = dict(record.fields)
        if "annotations" in fields and "spans" not in fields:
            fields["spans"] = fields.pop("annotations")
        yield name, Case(name, text, fields)


def _layers(gold: Path) -> dict[str, list[str] | None]:
    """For each document in UIMA CAS JSON, what the programme's layer lacks in it."""
    from partages.inputs import list_files

    files = list_files(gold) if gold.is_dir() else [gold]
    return {
        file.relative_to(gold).with_suffix("").as_posix() if gold.is_dir() else file.stem: missing_features(
            file.read_bytes(), ENTITE_ANONYMISATION
        )
        for file in files
        if file.suffix.lower() == ".json"
    }


def _attributes(fields: Mapping[str, Any]) -> Iterator[str]:
    """Attributes of the programme's layer whose value is not in its list."""
    for number, span in enumerate(fields.get("spans") or (), 1):
        given = span.get("attributes") if isinstance(span, dict) else None
        for name, value in (given or {}).items():
            allowed = ENTITE_ANONYMISATION.features.get(name)
            if allowed is not None and value not in allowed:
                yield f"passage {number} : « {name} » n'est pas parmi {', '.join(allowed)}"


@dataclass(frozen=True)
class Representative:
    """How the strata of a gold set compare with what the protocol's sampling would give.

    Attributes:
        distance: half the sum of the differences between shares, 0 to 1 (total variation).
        p: chi-square test that the gold was drawn so; strata expected under 5 are put together.
        is_so: the distance is at most 0.10, or the test does not reject at 1 %.
    """

    distance: float
    p: float
    is_so: bool


def representative(
    found: Sequence[str], table: Path, by: Sequence[str], how: str, stratum: Any
) -> Representative:
    """Compare the strata of a gold set with those of the table that it was drawn from.

    Args:
        found: the stratum of each document of the gold.
        stratum: the stratum of a row of the table.

    Raises:
        UsageError: the table cannot be read, or lacks a column.
    """
    from scipy.stats import chisquare

    rows = read_table(table, by)
    sizes = Counter(stratum(row) for row in rows)
    share = (balanced if how == "balanced" else proportional)(sizes, min(len(found), len(rows)))
    total = sum(share.values()) or 1
    expected = {name: count * len(found) / total for name, count in share.items()}
    if how == "proportional":  # without the rounding of a draw
        expected = {name: size * len(found) / len(rows) for name, size in sizes.items()}
    observed = Counter(found)
    names = sorted(expected.keys() | observed.keys())
    distance = sum(abs(observed[n] - expected.get(n, 0)) for n in names) / (2 * len(found))
    kept = [n for n in names if expected.get(n, 0) >= 5]
    rest = [n for n in names if expected.get(n, 0) < 5]
    seen = [float(observed[n]) for n in kept] + ([float(sum(observed[n] for n in rest))] if rest else [])
    wanted = [expected[n] for n in kept] + ([sum(expected.get(n, 0) for n in rest)] if rest else [])
    if len(wanted) < 2:
        p = 1.0
    elif min(wanted) <= 0:
        p = 0.0 if seen[wanted.index(min(wanted))] else 1.0
    else:
        p = float(chisquare(seen, wanted).pvalue)
    return Representative(distance, p, distance <= 0.10 or p >= 0.01)
