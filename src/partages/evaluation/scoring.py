"""A gold set and predictions in, one JSON-ready result out: figures, intervals, breakdowns, cost, hashes."""

import hashlib
import json
import platform
import resource
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from partages import __version__
from partages.errors import BadDocument, UsageError
from partages.evaluation.gold import Case, Predictions, read_gold
from partages.evaluation.kinds import EMPTY, Kind, kind_named
from partages.evaluation.robustness import KINDS as ALTERATIONS
from partages.evaluation.robustness import perturb
from partages.evaluation.statistics import DRAWS, LEVEL, Array, bootstrap, difference, gap, mcnemar

FORMAT = "partages-evaluation/1"
SMALLEST_GROUP = 5
"""Documents below which a group is not compared with the others."""
FEW_DOCUMENTS = 30
"""Below, percentile intervals cover less than they say (Efron & Tibshirani 1993, chapter 13)."""
NOTABLE_GAP = 0.05
"""A gap is flagged when it exceeds this and its interval, corrected for the number of groups, excludes 0."""
AGE_BANDS = (0, 1, 5, 10, 18, 30, 40, 50, 65, 80)
"""First year of each of ten age bands."""


@dataclass
class Scored:
    """Rows of counts, one a document, in the order of the gold."""

    ids: list[str] = field(default_factory=list)
    rows: list[Array] = field(default_factory=list)
    traits: list[dict[str, str]] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    failed: int = 0

    def matrix(self) -> Array:
        return np.array(self.rows)


def age_band(age: float) -> str:
    """``80+``, ``65-79``..."""
    bands = [start for start in AGE_BANDS if start <= age]
    start = bands[-1] if bands else 0
    after = [other for other in AGE_BANDS if other > start]
    return f"{start}-{after[0] - 1}" if after else f"{start}+"


def traits(fields: Mapping[str, Any]) -> dict[str, str]:
    """What a document is grouped by, where the gold gives it."""
    found = {
        name: fields[name].strip()
        for name in ("specialty", "sex", "year", "type")
        if isinstance(fields.get(name), str) and fields[name].strip()
    }
    if isinstance(fields.get("year"), int):
        found["year"] = str(fields["year"])
    age = fields.get("age")
    if isinstance(age, int | float) and not isinstance(age, bool) and 0 <= age < 130:
        found["age"] = age_band(age)
    return found


def score(kind: Kind, pairs: Iterable[tuple[Case, Mapping[str, Any]]]) -> Scored:
    """Count every document. A prediction that is an error counts as empty, and is counted apart.

    Raises:
        UsageError: a document of the gold or a prediction cannot be scored; nothing is.
    """
    scored, reason = Scored(), ""
    for case, prediction in pairs:
        if "error" in prediction:
            scored.failed += 1
            reason = reason or str(prediction["error"])
            prediction = EMPTY[kind.name]
        try:
            row = kind.count(case, prediction)
        except BadDocument as error:
            raise UsageError(str(error)) from None
        scored.ids.append(case.id)
        scored.rows.append(row)
        scored.traits.append(traits(case.fields))
        scored.lengths.append(len(case.text))
    if scored.ids and scored.failed == len(scored.ids):
        raise UsageError(f"Tous les documents ont échoué, il n'y a rien à mesurer. Le premier : {reason}")
    if not scored.ids:
        raise UsageError("La référence ne contient aucun document : il n'y a rien à mesurer.")
    return scored


def from_file(gold: Iterable[Case], predictions: Predictions) -> Iterator[tuple[Case, Mapping[str, Any]]]:
    """Each case with its stored prediction; at the end, predictions without a case are refused."""
    seen = []
    for case in gold:
        seen.append(case.id)
        yield case, predictions.get(case.id)
    predictions.require_only(seen)


def from_engine(
    kind: Kind, gold: Iterable[Case], engine: str | None, keep: Path | None = None
) -> Iterator[tuple[Case, Mapping[str, Any]]]:
    """Each case with what the use case says of it now; ``keep`` stores the predictions."""
    from pydantic import ValidationError

    from partages.batch import describe_invalid, options_for, process
    from partages.inputs import Record
    from partages.resources import Resources
    from partages.usecases import all_usecases

    usecase = all_usecases()[kind.name]
    try:
        options = usecase.options.model_validate(kind.options(engine))
    except ValidationError as error:
        raise UsageError(describe_invalid(error)) from None
    # what the gold gives as truth must not reach the engine
    hidden = {"spans", "codes", "conclusion", "annotations", "dp", "das"}
    resources = Resources()
    stored = keep.open("w", encoding="utf-8") if keep else None
    try:
        for case in gold:
            given = {name: value for name, value in case.fields.items() if name not in hidden}
            try:
                options_for(usecase, options, given)
            except BadDocument:
                given = {}
            record = Record(case.id, lambda text=case.text: (text, []), given)  # type: ignore[misc]
            line = process(usecase, record, options, resources).line
            if stored:
                stored.write(line + "\n")
            yield case, json.loads(line)
    finally:
        resources.close()
        if stored:
            stored.close()


def altered(kind: Kind, gold: Iterable[Case], alteration: str) -> Iterator[Case]:
    """The gold as ``alteration`` of ``robustness.KINDS`` makes it, spans carried over."""
    from partages.documents import Span

    for case in gold:
        text, move = perturb(case.text, alteration, case.id)
        fields = dict(case.fields)
        if isinstance(fields.get("spans"), list):
            kind.check(case)
            moved = [move(Span(item["start"], item["end"], item["label"])) for item in fields["spans"]]
            fields["spans"] = [{"start": s.start, "end": s.end, "label": s.label} for s in moved if s]
        yield Case(case.id, text, fields)


def breakdowns(kind: Kind, scored: Scored, seed: int, count: int) -> list[dict[str, Any]]:
    """The first headline by length quartile and by each trait; gaps between groups flagged."""
    matrix, name = scored.matrix(), kind.headlines[0].key
    bounds = np.quantile(scored.lengths, [0.25, 0.5, 0.75])
    quartiles = np.searchsorted(bounds, scored.lengths, "left")
    by: dict[str, list[str]] = {"length": [f"Q{1 + int(q)}" for q in quartiles]}
    for trait in sorted({key for found in scored.traits for key in found}):
        by[trait] = [found.get(trait, "") for found in scored.traits]
    out = []
    for trait, values in by.items():
        groups = sorted(set(values) - {""})
        compared = [g for g in groups if SMALLEST_GROUP <= values.count(g) <= len(values) - SMALLEST_GROUP]
        for group in groups:
            member = np.array([value == group for value in values])
            figure = kind.figures(matrix[member].sum(0))[name]
            entry: dict[str, Any] = {
                "by": trait,
                "group": group,
                "documents": int(member.sum()),
                "figure": name,
                "value": None if np.isnan(figure) else float(figure),
                "gap": None,
                "flagged": False,
            }
            if group in compared:
                level = 1 - (1 - LEVEL) / len(compared)
                found = gap(matrix, member, kind.figures, name, seed, level, count)
                entry["gap"] = found.as_json()
                entry["flagged"] = (
                    found.low is not None
                    and found.high is not None
                    and found.value is not None
                    and (found.low > 0 or found.high < 0)
                    and abs(found.value) > NOTABLE_GAP
                )
            out.append(entry)
    return out


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    files = [path] if path.is_file() else sorted(item for item in path.rglob("*") if item.is_file())
    for file in files:
        if path.is_dir():
            digest.update(str(file.relative_to(path)).encode() + b"\0")
        with file.open("rb") as stream:
            while chunk := stream.read(1 << 20):
                digest.update(chunk)
    return digest.hexdigest()


def summarise(kind: Kind, scored: Scored, seed: int = 0, count: int = DRAWS) -> dict[str, Any]:
    """Figures with intervals, and breakdowns; deterministic for the same rows, in any order of documents."""
    order = sorted(range(len(scored.ids)), key=scored.ids.__getitem__)
    scored = Scored(
        [scored.ids[n] for n in order],
        [scored.rows[n] for n in order],
        [scored.traits[n] for n in order],
        [scored.lengths[n] for n in order],
        scored.failed,
    )
    found = bootstrap(scored.matrix(), kind.figures, seed, count)
    return {
        "documents": len(scored.ids),
        "failed": scored.failed,
        "figures": {name: estimate.as_json() for name, estimate in found.items()},
        "breakdowns": breakdowns(kind, scored, seed, count),
        "draws": count,
        "seed": seed,
        "level": LEVEL,
        "rows": {
            "ids": scored.ids,
            "columns": list(kind.columns),
            "values": [[[int(n), float(row[n])] for n in np.flatnonzero(row)] for row in scored.rows],
        },
    }


def evaluate(
    usecase: str,
    gold: Path,
    *,
    engine: str | None = None,
    predictions: Path | None = None,
    keep: Path | None = None,
    robust: bool = False,
    limit: int | None = None,
    seed: int = 0,
    count: int = DRAWS,
) -> dict[str, Any]:
    """Score an engine, or stored predictions, against a gold set.

    Args:
        keep: where to store the engine's predictions, to score them again later.
        robust: also on altered texts; needs the engine.
        limit: first documents only.

    Raises:
        UsageError: gold or predictions cannot be used; the sentence says where.
    """
    kind = kind_named(usecase)
    started = time.monotonic()

    def cases() -> Iterator[Case]:
        return islice(read_gold(gold), limit)

    if predictions:
        if robust:
            raise UsageError("--robustness relance le moteur : il ne s'emploie pas avec --predictions.")
        stored = Predictions(predictions)
        try:
            scored = score(kind, from_file(cases(), stored))
        finally:
            stored.close()
    else:
        for case in cases():
            try:
                kind.check(case)  # the whole gold, before hours of work
            except BadDocument as error:
                raise UsageError(str(error)) from None
        started = time.monotonic()
        scored = score(kind, from_engine(kind, cases(), engine, keep))
    elapsed = time.monotonic() - started
    result: dict[str, Any] = {
        "format": FORMAT,
        "usecase": usecase,
        "engine": engine or ("predictions" if predictions else "default"),
        **summarise(kind, scored, seed, count),
    }
    if robust:
        whole = result["figures"]
        result["robustness"] = {}
        for alteration in ALTERATIONS:
            found = score(kind, from_engine(kind, altered(kind, cases(), alteration), engine))
            sums = kind.figures(found.matrix().sum(0))
            result["robustness"][alteration] = {
                head.key: {"value": _plain(sums[head.key]), "reference": whole[head.key]["value"]}
                for head in kind.headlines
            }
    result["cost"] = {
        "seconds": round(elapsed, 3),
        "seconds_per_document": round(elapsed / len(scored.ids), 6),
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }
    if len(scored.ids) < FEW_DOCUMENTS:
        result["warnings"] = [
            f"{len(scored.ids)} documents seulement : les intervalles sont trop étroits pour conclure."
        ]
    result["provenance"] = {
        "partages": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "gold_sha256": _digest(gold),
        "predictions_sha256": _digest(predictions) if predictions else None,
    }
    return result


def _plain(value: Array) -> float | None:
    return None if np.isnan(value) else float(value)


def rows_of(result: Mapping[str, Any]) -> tuple[list[str], Array]:
    """Identifiers and rows stored in a result.

    Raises:
        UsageError: not a result, or one without its rows.
    """
    try:
        stored = result["rows"]
        matrix = np.zeros((len(stored["ids"]), len(stored["columns"])))
        for number, pairs in enumerate(stored["values"]):
            for column, value in pairs:
                matrix[number, column] = value
    except (KeyError, TypeError, IndexError):
        raise UsageError(
            "Ce fichier n'est pas un résultat complet de « partages evaluate usecase »."
        ) from None
    return list(stored["ids"]), matrix


def compare(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Paired differences, first minus second, and McNemar's test where a document is right or wrong.

    Raises:
        UsageError: other use cases, other documents, or another gold.
    """
    if first.get("format") != FORMAT or second.get("format") != FORMAT:
        raise UsageError("Ces fichiers ne sont pas des résultats de « partages evaluate usecase ».")
    if first["usecase"] != second["usecase"]:
        raise UsageError("Les deux résultats portent sur deux cas d'usage : ils ne se comparent pas.")
    if first["provenance"]["gold_sha256"] != second["provenance"]["gold_sha256"]:
        raise UsageError("Les deux résultats n'ont pas la même référence : mesurez-les sur le même fichier.")
    kind = kind_named(first["usecase"])
    (ids, ours), (others, theirs) = rows_of(first), rows_of(second)
    if ids != others:
        raise UsageError("Les deux résultats n'ont pas les mêmes documents : mesurez-les sur les mêmes.")
    seed, count = int(first["seed"]), int(first["draws"])
    found = difference(ours, theirs, kind.figures, seed, count)
    out: dict[str, Any] = {
        "format": FORMAT,
        "usecase": kind.name,
        "engines": [first["engine"], second["engine"]],
        "documents": len(ids),
        "differences": {name: estimate.as_json() for name, estimate in found.items()},
        "mcnemar": None,
    }
    if kind.right:
        column = kind.columns.index(kind.right)
        out["mcnemar"] = mcnemar(ours[:, column] > 0, theirs[:, column] > 0)
    return out
