"""What is measured for each use case: how its gold and predictions are read, counted, and figured."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from partages.errors import BadDocument, UsageError
from partages.evaluation import effort, ranking, spans, texts
from partages.evaluation.gold import Case, read_spans, same_text
from partages.evaluation.statistics import Array, ratio

SECONDS = ("seconds_from_nothing", "seconds_from_draft")


@dataclass(frozen=True, slots=True)
class Headline:
    """A figure shown first: its key and its French name."""

    key: str
    name: str


class Kind(Protocol):
    """One use case's measure. ``right`` is the column of a document wholly right, or None."""

    name: str
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
        """Options of the use case for this engine."""


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
    right = "sealed"
    headlines = (
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

    def __init__(self) -> None:
        from partages.usecases.pseudonymise.schema import FRENCH_NAMES, KEPT_AS_IS

        self.labels = tuple(FRENCH_NAMES)
        self.unmasked = frozenset(str(label) for label in KEPT_AS_IS)
        self.columns = (*spans.columns(self.labels), *SECONDS)

    def check(self, case: Case) -> Any:
        return read_spans(case.fields.get("spans"), case.text, self.labels, f"Référence, « {case.id} »")

    def count(self, case: Case, prediction: Mapping[str, Any]) -> Array:
        where = f"Prédictions, « {case.id} »"
        gold = self.check(case)
        found = read_spans(prediction.get("spans"), case.text, self.labels, where)
        same_text(case.text, prediction.get("text"), found, where)
        row = spans.count(gold, found, self.labels, self.unmasked)
        return np.concatenate([row, effort.spans(gold, found)])

    def figures(self, sums: Array) -> dict[str, Array]:
        found = spans.figures(sums[..., :-2], self.labels, self.unmasked)
        return _with_effort(found, sums, sums[..., self.columns.index("documents")])

    def options(self, engine: str | None) -> dict[str, Any]:
        return {"rendering": "spans", **({"engine": engine} if engine else {})}


class Code:
    """CU2: ranked CIM-10 codes."""

    name = "code"
    right = "hits@1"
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
    columns = (*texts.COLUMNS, *SECONDS)
    headlines = (
        Headline("rouge_l", "ROUGE-L"),
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


KINDS: dict[str, type[Any]] = {kind.name: kind for kind in (Pseudonymise, Code, Conclude)}
EMPTY: dict[str, dict[str, Any]] = {
    "pseudonymise": {"spans": []},
    "code": {"codes": []},
    "conclude": {"conclusion": ""},
}
"""What a document that failed counts as."""


def kind_named(name: str) -> Kind:
    """The measure of a use case, by its name among ``KINDS``."""
    kind: Kind = KINDS[name]()
    return kind
