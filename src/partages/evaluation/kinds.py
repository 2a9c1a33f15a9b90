"""What is measured for each use case: how its gold and predictions are read, counted, and figured."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from partages.documents import Span
from partages.errors import BadDocument, UsageError
from partages.evaluation import classes, effort, ranking, spans, texts, triples
from partages.evaluation.gold import Case, read_spans, same_text
from partages.evaluation.statistics import Array, ratio

SECONDS = ("seconds_from_nothing", "seconds_from_draft")


@dataclass(frozen=True, slots=True)
class Headline:
    """A figure shown first: its key and its French name."""

    key: str
    name: str


class Kind(Protocol):
    """One use case's measure.

    Attributes:
        right: the column of a document wholly right, or None.
        labels: the categories that rows count apart; empty where they are fixed.
        shares: figures that are a share of documents, each with the column that counts them.
    """

    name: str
    labels: tuple[str, ...]
    shares: Mapping[str, str]
    columns: tuple[str, ...]
    headlines: tuple[Headline, ...]
    right: str | None

    def check(self, case: Case) -> Any:
        """What is true of the document; raises BadDocument."""

    def count(self, case: Case, prediction: Mapping[str, Any]) -> Array:
        """The row of one document; raises BadDocument."""

    def figures(self, sums: Array) -> dict[str, Array]:
        """Figures from sums of rows."""

    def options(self, engine: str | None) -> dict[str, Any]:
        """Options of the use case for this engine; raises UsageError where nothing runs it here."""

    def errors(self, case: Case, prediction: Mapping[str, Any]) -> list[dict[str, str]]:
        """What is wrong in a prediction, with text: for whoever may read the documents."""


def _with_effort(found: Mapping[str, Array], sums: Array, documents: Array) -> dict[str, Array]:
    before, after = sums[..., -2], sums[..., -1]
    return {
        **found,
        "seconds_saved": ratio(before - after, documents),
        "share_of_time_saved": ratio(before - after, before),
    }


class Pseudonymise:
    """CU1: identifying spans."""

    name = "pseudonymise"
    right: str | None = "sealed"
    headlines: tuple[Headline, ...] = (
        Headline("full_coverage_recall", "Rappel, couverture complète"),
        Headline("exact_f1_micro", "F1 micro, exact"),
        Headline("exact_f1_macro", "F1 macro, exact"),
        Headline("overlap_f1_micro", "F1 micro, chevauchement"),
        Headline("overlap_f1_macro", "F1 macro, chevauchement"),
        Headline("exact_precision", "Précision, exact"),
        Headline("exact_recall", "Rappel, exact"),
        Headline("character_precision", "Précision par caractère"),
        Headline("character_recall", "Rappel par caractère"),
        Headline("documents_without_leak", "Documents sans fuite"),
        Headline("share_of_time_saved", "Part du temps de correction gagnée"),
    )

    shares: Mapping[str, str] = {"documents_without_leak": "sealed", "documents_perfect": "perfect"}

    def __init__(self) -> None:
        from partages.usecases.pseudonymise.schema import FRENCH_NAMES, KEPT_AS_IS

        self.labels = tuple(FRENCH_NAMES)
        self.unmasked = frozenset(str(label) for label in KEPT_AS_IS)
        self.columns = (*spans.columns(self.labels), *SECONDS)

    def check(self, case: Case) -> Any:
        return self._read(case.fields, case, f"Référence, « {case.id} »")

    def _read(self, fields: Mapping[str, Any], case: Case, where: str) -> list[Span]:
        return read_spans(fields.get("spans"), case.text, self.labels, where)

    def count(self, case: Case, prediction: Mapping[str, Any]) -> Array:
        where = f"Prédictions, « {case.id} »"
        gold = self.check(case)
        found = self._read(prediction, case, where)
        masked = [span for span in found if span.label not in self.unmasked]
        same_text(case.text, prediction.get("text"), masked, where)
        row = spans.count(gold, found, self.labels, self.unmasked)
        return np.concatenate([row, effort.spans(gold, found)])

    def figures(self, sums: Array) -> dict[str, Array]:
        found = spans.figures(sums[..., :-2], self.labels, self.unmasked)
        return _with_effort(found, sums, sums[..., self.columns.index("documents")])

    def options(self, engine: str | None) -> dict[str, Any]:
        return {"rendering": "spans", **({"engine": engine} if engine else {})}

    def errors(self, case: Case, prediction: Mapping[str, Any]) -> list[dict[str, str]]:
        found = self._read(prediction, case, "")
        return span_errors(case.text, self.check(case), found)


CONTEXT = 40
"""Characters shown on each side of an error."""


def span_errors(text: str, gold: Sequence[Span], predicted: Sequence[Span]) -> list[dict[str, str]]:
    """Spans of one side only, in order, in their context."""
    sides = [{(span.start, span.end, span.label) for span in side} for side in (gold, predicted)]
    out = []
    for start, end, label in sorted(sides[0] ^ sides[1]):
        out.append(
            {
                "error": "manqué" if (start, end, label) in sides[0] else "en trop",
                "label": label,
                "before": text[max(0, start - CONTEXT) : start],
                "text": text[start:end],
                "after": text[end : end + CONTEXT],
            }
        )
    return out


class Spans(Pseudonymise):
    """Any spans: entities, biomarkers, evidence. Labels are those of the gold and those declared.

    Attributes:
        nested: spans may overlap, as mentions inside others do.
    """

    name = "spans"
    right: str | None = "perfect"
    headlines: tuple[Headline, ...] = (
        Headline("exact_f1_micro", "F1 micro, exact"),
        Headline("exact_f1_macro", "F1 macro, exact"),
        Headline("overlap_f1_micro", "F1 micro, chevauchement"),
        Headline("exact_precision", "Précision, exact"),
        Headline("exact_recall", "Rappel, exact"),
        Headline("character_precision", "Précision par caractère"),
        Headline("character_recall", "Rappel par caractère"),
        Headline("share_of_time_saved", "Part du temps d'annotation gagnée"),
    )
    shares: Mapping[str, str] = {"documents_perfect": "perfect"}

    def __init__(self, labels: Sequence[str], *, nested: bool = False) -> None:
        self.labels = tuple(labels)
        self.unmasked = frozenset()
        self.columns = (*spans.columns(self.labels), *SECONDS)
        self.nested = nested

    def _read(self, fields: Mapping[str, Any], case: Case, where: str) -> list[Span]:
        remedy = " (--nested accepte les passages imbriqués)"
        return read_spans(
            fields.get("spans"), case.text, self.labels, where, nested=self.nested, remedy=remedy
        )

    def figures(self, sums: Array) -> dict[str, Array]:
        return {k: v for k, v in super().figures(sums).items() if k != "documents_without_leak"}

    def options(self, engine: str | None) -> dict[str, Any]:  # noqa: ARG002
        raise _no_engine(self.name)


def _no_engine(name: str) -> UsageError:
    return UsageError(f"Aucun moteur ne produit « {name} » ici : donnez --predictions, des lignes JSON.")


class Code:
    """CU2: ranked CIM-10 codes."""

    name = "code"
    right = "hits@1"
    labels: tuple[str, ...] = ()
    shares: Mapping[str, str] = {
        "accuracy_exact": "hits@1",
        "accuracy_three_characters": "first_three",
        **{f"hits@{k}": f"hits@{k}" for k in ranking.RANKS},
    }
    columns = (*ranking.COLUMNS, *SECONDS)
    headlines = (
        Headline("accuracy_exact", "Exactitude, code entier"),
        Headline("accuracy_three_characters", "Exactitude, trois caractères"),
        Headline("hits@5", "Bon code parmi 5"),
        Headline("hits@10", "Bon code parmi 10"),
        Headline("mrr", "Rang réciproque moyen"),
        Headline("f1_micro", "F1 micro, tous les codes"),
        Headline("f1_micro_three_characters", "F1 micro, trois caractères"),
        Headline("calibration_error", "Erreur de calibration"),
        Headline("share_of_time_saved", "Part du temps de codage gagnée"),
    )

    def check(self, case: Case) -> tuple[list[str], list[str], list[str]]:
        targets = _codes(case.fields.get("dp"), case.id)
        allowed = _codes(case.fields.get("allowed"), case.id)
        gold = _codes(case.fields.get("codes"), case.id)
        if not gold:
            # several principal diagnoses are alternatives: only one is asked for
            gold = targets[:1] + _codes(case.fields.get("das"), case.id)
            allowed += targets[1:]
        if not gold:
            raise BadDocument(f"Référence, « {case.id} » : il manque « codes », ou « dp » et « das ».")
        return targets or gold, gold, allowed

    def count(self, case: Case, prediction: Mapping[str, Any]) -> Array:
        targets, gold, allowed = self.check(case)
        given = prediction.get("codes")
        if not isinstance(given, list):
            raise BadDocument(f"Prédictions, « {case.id} » : il manque « codes », la liste des codes.")
        ranked: dict[str, float | None] = {}
        for item in given:
            score = item.get("score") if isinstance(item, dict) else None
            if score is not None and not (isinstance(score, int | float) and 0 <= score <= 1):
                raise BadDocument(f"Prédictions, « {case.id} » : un score n'est pas entre 0 et 1.")
            name = item.get("code") if isinstance(item, dict) else item
            ranked.setdefault(_codes([name], case.id, "Prédictions")[0], score)
        found = next((code for code in ranked if code in targets), None)
        if found and found not in gold:  # another of the accepted principal diagnoses
            gold = [found, *(code for code in gold if code != targets[0])]
        row = ranking.count(targets, gold, list(ranked), list(ranked.values()), allowed)
        return np.concatenate([row, effort.codes(gold, list(ranked))])

    def figures(self, sums: Array) -> dict[str, Array]:
        return _with_effort(ranking.figures(sums[..., :-2]), sums, sums[..., 0])

    def options(self, engine: str | None) -> dict[str, Any]:
        if engine not in (None, "stay", "passage"):
            raise UsageError("Moteurs de « code » : stay (un séjour) ou passage (une seule mention).")
        return {"passage": True} if engine == "passage" else {}

    def errors(self, case: Case, prediction: Mapping[str, Any]) -> list[dict[str, str]]:
        targets, gold, _ = self.check(case)
        given = [item.get("code") if isinstance(item, dict) else item for item in prediction["codes"]]
        ranked = _codes([code for code in given if code], case.id)
        if ranked and ranked[0] in targets and set(gold) <= set(ranked):
            return []
        return [{"error": "codes", "expected": ", ".join(gold), "given": ", ".join(ranked[:5])}]


def _codes(given: Any, name: str, side: str = "Référence") -> list[str]:
    from partages.terminologies.cim10 import normalise

    given = [given] if isinstance(given, str) else given
    if given is None:
        return []
    if not isinstance(given, list) or not all(isinstance(code, str) and code.strip() for code in given):
        raise BadDocument(f"{side}, « {name} » : un code n'est pas une chaîne de caractères.")
    return list(dict.fromkeys(normalise(code) for code in given))


class Conclude:
    """CU3: conclusions."""

    name = "conclude"
    right = None
    labels: tuple[str, ...] = ()
    shares: Mapping[str, str] = {"empty": "empty"}
    columns = (*texts.COLUMNS, *SECONDS)
    headlines = (
        Headline("rouge_l", "ROUGE-L"),
        Headline("embedding_similarity", "Proximité des plongements"),
        Headline("supported_sentences", "Phrases appuyées par le compte rendu"),
        Headline("numbers_precision", "Chiffres, précision"),
        Headline("numbers_recall", "Chiffres, rappel"),
        Headline("drugs_precision", "Médicaments, précision"),
        Headline("drugs_recall", "Médicaments, rappel"),
        Headline("diagnoses_precision", "Diagnostics, précision"),
        Headline("diagnoses_recall", "Diagnostics, rappel"),
        Headline("share_of_time_saved", "Part du temps de rédaction gagnée"),
    )

    def check(self, case: Case) -> str:
        gold = case.fields.get("conclusion")
        if not isinstance(gold, str) or not gold.strip():
            raise BadDocument(f"Référence, « {case.id} » : il manque « conclusion ».")
        return gold

    def count(self, case: Case, prediction: Mapping[str, Any]) -> Array:
        gold, found = self.check(case), prediction.get("conclusion")
        if not isinstance(found, str):
            raise BadDocument(f"Prédictions, « {case.id} » : il manque « conclusion ».")
        row = texts.count(case.text, gold, found)
        return np.concatenate([row, effort.text(gold, found)])

    def figures(self, sums: Array) -> dict[str, Array]:
        return _with_effort(texts.figures(sums[..., :-2]), sums, sums[..., 0])

    def options(self, engine: str | None) -> dict[str, Any]:
        return {"engine": engine} if engine else {}

    def errors(self, case: Case, prediction: Mapping[str, Any]) -> list[dict[str, str]]:
        from partages.usecases.conclude.checking import check

        given = prediction.get("conclusion", "")
        checked = check(given, case.text) if given.strip() else []
        return [{"error": "phrase non appuyée", "text": s.text} for s in checked if not s.supported]


class Classify:
    """A label, or several, for a whole document. Labels are those of the gold and those declared."""

    name = "classify"
    right = "exact"
    headlines = (
        Headline("f1_macro", "F1 macro"),
        Headline("f1_micro", "F1 micro"),
        Headline("accuracy", "Exactitude, toutes les étiquettes"),
        Headline("precision", "Précision"),
        Headline("recall", "Rappel"),
    )
    shares: Mapping[str, str] = {"accuracy": "exact"}

    def __init__(self, labels: Sequence[str]) -> None:
        self.labels = tuple(labels)
        self.columns = classes.columns(self.labels)

    def check(self, case: Case) -> frozenset[str]:
        return self._read(case.fields, case.id, "Référence")

    def _read(self, fields: Mapping[str, Any], name: str, side: str) -> frozenset[str]:
        given = labels_of(fields)
        if given is None:
            raise BadDocument(f"{side}, « {name} » : il manque « label », ou « labels », une liste.")
        if not given <= set(self.labels):
            raise BadDocument(
                f"{side}, « {name} » : étiquette inconnue ; étiquettes : {', '.join(self.labels)} "
                "(--labels en déclare d'autres)."
            )
        return given

    def count(self, case: Case, prediction: Mapping[str, Any]) -> Array:
        found = self._read(prediction, case.id, "Prédictions")
        return classes.count(self.check(case), found, self.labels)

    def figures(self, sums: Array) -> dict[str, Array]:
        return dict(classes.figures(sums, self.labels))

    def options(self, engine: str | None) -> dict[str, Any]:  # noqa: ARG002
        raise _no_engine(self.name)

    def errors(self, case: Case, prediction: Mapping[str, Any]) -> list[dict[str, str]]:
        gold, found = self.check(case), self._read(prediction, case.id, "")
        if gold == found:
            return []
        sides = (", ".join(sorted(side)) for side in (gold, found))
        return [dict(zip(("error", "expected", "given"), ("étiquettes", *sides), strict=True))]


def labels_of(fields: Mapping[str, Any]) -> frozenset[str] | None:
    """The labels of a JSON line: ``label``, a string, or ``labels``, a list; None when there is neither."""
    given = fields.get("labels", fields.get("label"))
    given = [given] if isinstance(given, str) else given
    if not isinstance(given, list) or not all(isinstance(label, str) and label.strip() for label in given):
        return None
    return frozenset(label.strip() for label in given)


class Triples:
    """Relations with their polarity: (bacterium, resistant to, drug), absent or present."""

    name = "triples"
    right = "exact"
    labels: tuple[str, ...] = ()
    columns = triples.COLUMNS
    headlines = (
        Headline("f1_micro", "F1 micro, polarité comprise"),
        Headline("precision", "Précision"),
        Headline("recall", "Rappel"),
        Headline("f1_without_polarity", "F1 micro, sans la polarité"),
        Headline("polarity_accuracy", "Polarité juste, triplets trouvés"),
    )
    shares: Mapping[str, str] = {"documents_exact": "exact"}

    def check(self, case: Case) -> frozenset[triples.Triple]:
        return self._read(case.fields, case.id, "Référence")

    def _read(self, fields: Mapping[str, Any], name: str, side: str) -> frozenset[triples.Triple]:
        given = fields.get("triples")
        if not isinstance(given, list):
            raise BadDocument(f"{side}, « {name} » : il manque « triples », une liste.")
        found = [triples.read(item) for item in given]
        if None in found:
            raise BadDocument(
                f"{side}, « {name} », triplet {found.index(None) + 1} : il faut « subject », « relation », « object » "
                f"et « polarity » parmi {', '.join(triples.POLARITIES)}."
            )
        return frozenset(item for item in found if item)

    def count(self, case: Case, prediction: Mapping[str, Any]) -> Array:
        return triples.count(self.check(case), self._read(prediction, case.id, "Prédictions"))

    def figures(self, sums: Array) -> dict[str, Array]:
        return dict(triples.figures(sums))

    def options(self, engine: str | None) -> dict[str, Any]:  # noqa: ARG002
        raise _no_engine(self.name)

    def errors(self, case: Case, prediction: Mapping[str, Any]) -> list[dict[str, str]]:
        gold, found = self.check(case), self._read(prediction, case.id, "")
        return [
            {"error": "manqué" if triple in gold else "en trop", "text": " | ".join(triple)}
            for triple in sorted(gold ^ found)
        ]


KINDS: dict[str, type[Any]] = {
    kind.name: kind for kind in (Pseudonymise, Code, Conclude, Spans, Triples, Classify)
}
REWRITES = frozenset({"pseudonymise"})
"""Kinds whose predictions may hold the text with its spans replaced."""
LABELLED = frozenset({"spans", "classify"})
"""Kinds whose labels come from the gold."""
EMPTY: dict[str, dict[str, Any]] = {
    "pseudonymise": {"spans": []},
    "code": {"codes": []},
    "conclude": {"conclusion": ""},
    "spans": {"spans": []},
    "triples": {"triples": []},
    "classify": {"labels": []},
}
"""What a document that failed counts as."""


def kind_named(name: str, labels: Sequence[str] = ()) -> Kind:
    """The measure of a use case, by its name among ``KINDS``.

    Args:
        labels: of the kinds that have none of their own (``LABELLED``).

    Raises:
        UsageError: it is none of them.
    """
    if name not in KINDS:
        raise UsageError(f"« {str(name)[:40]} » n'est pas un cas d'usage qui se mesure : {', '.join(KINDS)}.")
    kind: Kind = KINDS[name](labels) if name in LABELLED else KINDS[name]()
    return kind


def kind_of(result: Mapping[str, Any]) -> Kind:
    """The measure that made a result."""
    return kind_named(result["usecase"], result.get("labels") or ())


def labels_in(name: str, cases: Iterable[Case]) -> set[str]:
    """Labels that a gold set holds, of the kinds whose labels come from it."""
    found: set[str] = set()
    for case in cases:
        if name == "classify":
            found |= labels_of(case.fields) or set()
        elif isinstance(given := case.fields.get("spans"), list):
            found |= {
                item["label"]
                for item in given
                if isinstance(item, dict) and isinstance(item.get("label"), str)
            }
    return found
