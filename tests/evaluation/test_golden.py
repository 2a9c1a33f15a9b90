"""Golden cases worked out by hand, as data: each document, and three documents together; and laws that all must obey."""

import json
import random
from pathlib import Path

import numpy as np
import pytest

from partages.evaluation.gold import Case
from partages.evaluation.kinds import KINDS, kind_named
from partages.evaluation.scoring import evaluate

FILES = sorted((Path(__file__).parent / "golden").glob("*.json"))
CASES = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in FILES}


def value(written: str | None) -> float:
    """``2/3``, ``3.22/15.15``, ``1``; None is not defined."""
    if written is None:
        return float("nan")
    top, _, bottom = written.partition("/")
    return float(top) / float(bottom or 1)


def row(kind, document: dict, name: str = "d"):
    fields = dict(document["gold"])
    return kind.count(Case(name, fields.pop("text"), fields), document["predicted"])


def test_every_use_case_has_golden_cases_for_each_of_its_figures() -> None:
    assert CASES.keys() == KINDS.keys()
    for name, case in CASES.items():
        kind = kind_named(name, case["labels"])
        figures = {key for key in kind.figures(np.zeros(len(kind.columns))) if ":" not in key}
        written = case["together"].keys() | {"embedding_similarity"}  # no hand computes that one
        assert figures <= written, figures - written


@pytest.mark.parametrize(("name", "number"), [(name, n) for name, case in CASES.items() for n in range(3)])
def test_a_document_by_hand(name: str, number: int) -> None:
    case = CASES[name]
    kind = kind_named(name, case["labels"])
    document = case["documents"][number]
    found = kind.figures(row(kind, document))
    for key, expected in document["expected"].items():
        assert float(found[key]) == pytest.approx(value(expected), abs=1e-6, nan_ok=True), (
            key,
            document["why"],
        )


@pytest.mark.parametrize("name", CASES)
def test_three_documents_by_hand(name: str) -> None:
    case = CASES[name]
    kind = kind_named(name, case["labels"])
    found = kind.figures(np.sum([row(kind, document) for document in case["documents"]], axis=0))
    for key, expected in case["together"].items():
        assert float(found[key]) == pytest.approx(value(expected), abs=1e-6, nan_ok=True), key


PERFECT = {
    "spans": "spans",
    "codes": "codes",
    "conclusion": "conclusion",
    "triples": "triples",
    "label": "labels",
    "labels": "labels",
}
NOT_SCORES = {
    "seconds_saved",
    "share_of_time_saved",
    "length_ratio",
    "calibration_error",
    "brier",
    "empty",
    "embedding_similarity",
}


def as_predicted(gold: dict) -> dict:
    out = {}
    for key, name in PERFECT.items():
        if key in gold:
            out[name] = [gold[key]] if key == "label" else gold[key]
    return out


@pytest.mark.parametrize("name", CASES)
def test_a_perfect_prediction_scores_one(name: str) -> None:
    case = CASES[name]
    kind = kind_named(name, case["labels"])
    rows = [row(kind, {"gold": d["gold"], "predicted": as_predicted(d["gold"])}) for d in case["documents"]]
    found = {k: v for k, v in kind.figures(np.sum(rows, axis=0)).items() if k not in NOT_SCORES}
    defined = {key: float(v) for key, v in found.items() if not np.isnan(v)}
    assert set(defined.values()) == {1.0} or name in ("code", "conclude"), defined
    if name == "code":  # documents have one code each, given alone
        assert all(v == 1 for v in defined.values()), defined
    if name == "conclude":
        below = {key for key, v in defined.items() if v < 1}
        assert below <= {"supported_sentences"}, below


def worse(name: str, predicted: dict) -> dict:
    """The same prediction with one more error."""
    if "spans" in predicted:
        label = "Nom" if name == "pseudonymise" else "Site"
        return {"spans": [*predicted["spans"], {"start": 200, "end": 204, "label": label}]}
    if name == "code":
        return {"codes": ["Z999", *predicted["codes"]]}
    if name == "triples":
        wrong = {"subject": "a", "relation": "b", "object": "c", "polarity": "Absent"}
        return {"triples": [*predicted["triples"], wrong]}
    if name == "classify":
        return {
            "labels": [
                *predicted["labels"],
                next(x for x in CASES[name]["labels"] if x not in predicted["labels"]),
            ]
        }
    return {"conclusion": predicted["conclusion"] + " Insuline 40 unités."}


@pytest.mark.parametrize("name", CASES)
def test_an_added_error_never_raises_a_score(name: str) -> None:
    case = CASES[name]
    kind = kind_named(name, case["labels"])
    for document in case["documents"]:
        gold = {**document["gold"], "text": document["gold"]["text"].ljust(300, ".")}
        right = as_predicted(gold)
        before = kind.figures(row(kind, {"gold": gold, "predicted": right}))
        after = kind.figures(row(kind, {"gold": gold, "predicted": worse(name, right)}))
        for key in before.keys() - NOT_SCORES:
            assert np.isnan(before[key]) or np.isnan(after[key]) or after[key] <= before[key] + 1e-9, key


@pytest.mark.parametrize("name", CASES)
def test_order_of_documents_and_of_lines_changes_nothing(name: str, tmp_path: Path) -> None:
    case, chance = CASES[name], random.Random(2)
    documents = [(f"d{n}", case["documents"][n % 3]) for n in range(9)]
    results = []
    for turn in range(2):
        gold = [json.dumps({"id": i, **d["gold"]}) for i, d in documents]
        found = [json.dumps({"id": i, **d["predicted"]}) for i, d in documents]
        if turn:
            chance.shuffle(gold)
            chance.shuffle(found)
        (tmp_path / "g.jsonl").write_text("\n".join(gold))
        (tmp_path / "p.jsonl").write_text("\n".join(found))
        labels = case["labels"] if name in ("spans", "classify") else ()
        results.append(
            evaluate(name, tmp_path / "g.jsonl", predictions=tmp_path / "p.jsonl", count=100, labels=labels)
        )
    assert results[0]["figures"] == results[1]["figures"]
    assert results[0]["rows"] == results[1]["rows"]
