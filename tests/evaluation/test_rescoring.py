"""What is stored is enough to score again, by code that shares nothing with ours, to six decimals."""

import json
import math
import random
from collections import Counter
from pathlib import Path

import pytest

from partages.evaluation.scoring import evaluate, rows_of

DOCUMENTS = 25
LABELS = ("Nom", "Ville", "DateNonIdentifiante")


def write(path: Path, records: list[dict]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def spans_of(chance: random.Random) -> list[dict]:
    cuts = sorted(chance.sample(range(100), 2 * chance.randint(0, 6)))
    return [
        {"start": a, "end": b, "label": chance.choice(LABELS)}
        for a, b in zip(cuts[::2], cuts[1::2], strict=True)
    ]


def test_spans(tmp_path: Path) -> None:
    chance = random.Random(11)
    gold = [{"id": f"d{n}", "text": "mot " * 30, "spans": spans_of(chance)} for n in range(DOCUMENTS)]
    found = [
        {
            "id": g["id"],
            "spans": spans_of(chance) if chance.random() < 0.3 else g["spans"][: chance.randint(0, 6)],
        }
        for g in gold
    ]
    result = evaluate(
        "pseudonymise",
        write(tmp_path / "g.jsonl", gold),
        predictions=write(tmp_path / "p.jsonl", found),
        count=100,
    )
    figures = {key: entry["value"] for key, entry in json.loads(json.dumps(result))["figures"].items()}
    truth, given, right = Counter(), Counter(), Counter()
    masked = hidden = shared = covered = to_cover = sealed = 0
    for g, p in zip(gold, found, strict=True):
        sides = [{(s["start"], s["end"], s["label"]) for s in side["spans"]} for side in (g, p)]
        for label in LABELS:
            one, other = ({s for s in side if s[2] == label} for side in sides)
            truth[label] += len(one)
            given[label] += len(other)
            right[label] += len(one & other)
        true_mask, mask = (
            {c for s in side if s[2] != "DateNonIdentifiante" for c in range(s[0], s[1])} for side in sides
        )
        masked += len(mask)
        hidden += len(true_mask)
        shared += len(mask & true_mask)
        names = [s for s in sides[0] if s[2] != "DateNonIdentifiante"]
        whole = [s for s in names if set(range(s[0], s[1])) <= mask]
        covered += len(whole)
        to_cover += len(names)
        sealed += whole == names
    expected = {
        "exact_precision": right.total() / given.total(),
        "exact_recall": right.total() / truth.total(),
        "exact_f1_micro": 2 * right.total() / (truth.total() + given.total()),
        "exact_f1_macro": sum(2 * right[x] / (truth[x] + given[x]) for x in LABELS) / len(LABELS),
        "full_coverage_recall": covered / to_cover,
        "character_precision": shared / masked,
        "character_recall": shared / hidden,
        "documents_without_leak": sealed / DOCUMENTS,
    }
    for name, value in expected.items():
        assert figures[name] == pytest.approx(value, abs=1e-6), name


def test_codes(tmp_path: Path) -> None:
    chance = random.Random(12)
    pool = ["J189", "I10", "E119", "I500", "K800", "N390", "A419", "R509"]
    gold = [
        {"id": f"d{n}", "text": "Séjour.", "codes": chance.sample(pool, chance.randint(1, 3))}
        for n in range(DOCUMENTS)
    ]
    found = [
        {
            "id": g["id"],
            "codes": [{"code": c, "score": round(chance.random(), 3)} for c in chance.sample(pool, 5)],
        }
        for g in gold
    ]
    result = evaluate(
        "code", write(tmp_path / "g.jsonl", gold), predictions=write(tmp_path / "p.jsonl", found), count=100
    )
    ranks, right, total, squares, scores = [], 0, 0, 0.0, []
    for g, p in zip(gold, found, strict=True):
        listed = [item["code"] for item in p["codes"]]
        ranks.append(min((listed.index(c) + 1 for c in g["codes"] if c in listed), default=math.inf))
        right += len(set(listed) & set(g["codes"]))
        total += len(listed) + len(g["codes"])
        scores += [(item["score"], item["code"] in g["codes"]) for item in p["codes"]]
    squares = sum((score - truth) ** 2 for score, truth in scores)
    bins = [[pair for pair in scores if n / 10 <= pair[0] < (n + 1) / 10] for n in range(10)]
    error = sum(abs(sum(s for s, _ in pairs) - sum(t for _, t in pairs)) for pairs in bins) / len(scores)
    expected = {
        "hits@1": sum(rank <= 1 for rank in ranks) / DOCUMENTS,
        "hits@3": sum(rank <= 3 for rank in ranks) / DOCUMENTS,
        "mrr": sum(1 / rank for rank in ranks) / DOCUMENTS,
        "f1_micro": 2 * right / total,
        "brier": squares / len(scores),
        "calibration_error": error,
    }
    for name, value in expected.items():
        assert result["figures"][name]["value"] == pytest.approx(value, abs=1e-6), name


def test_classes_agree_with_scikit_learn(tmp_path: Path) -> None:
    from sklearn.metrics import accuracy_score, f1_score

    chance = random.Random(13)
    pool = ["CompleteResponse", "PartialResponse", "StableDisease", "ProgressiveDisease"]
    truth = [chance.choice(pool) for _ in range(60)]
    given = [label if chance.random() < 0.6 else chance.choice(pool) for label in truth]
    gold = [{"id": f"d{n}", "text": "x", "label": label} for n, label in enumerate(truth)]
    found = [{"id": f"d{n}", "label": label} for n, label in enumerate(given)]
    figures = evaluate(
        "classify",
        write(tmp_path / "g.jsonl", gold),
        predictions=write(tmp_path / "p.jsonl", found),
        count=100,
    )["figures"]
    assert figures["accuracy"]["value"] == pytest.approx(accuracy_score(truth, given))
    assert figures["f1_macro"]["value"] == pytest.approx(f1_score(truth, given, average="macro"))
    assert figures["f1_micro"]["value"] == pytest.approx(f1_score(truth, given, average="micro"))


def test_stored_rows_give_the_figures_again(tmp_path: Path) -> None:
    from partages.evaluation.kinds import kind_of

    gold = [
        {"id": f"d{n}", "text": "x", "triples": [{"subject": "a", "relation": "b", "object": str(n % 3)}]}
        for n in range(9)
    ]
    found = [{"id": f"d{n}", "triples": gold[n % 4]["triples"]} for n in range(9)]
    result = evaluate(
        "triples",
        write(tmp_path / "g.jsonl", gold),
        predictions=write(tmp_path / "p.jsonl", found),
        count=100,
    )
    stored = json.loads(json.dumps(result))
    ids, matrix = rows_of(stored)
    assert ids == sorted(ids)
    again = kind_of(stored).figures(matrix.sum(0))
    for name, entry in stored["figures"].items():
        if entry["value"] is not None:
            assert float(again[name]) == pytest.approx(entry["value"], abs=1e-6), name


def test_memory_does_not_hold_texts(tmp_path: Path) -> None:
    import tracemalloc

    def peak(documents: int) -> float:
        for name, text in (("g", "mot " * 500), ("p", None)):
            with (tmp_path / f"{name}.jsonl").open("w") as file:
                for n in range(documents):
                    file.write(
                        json.dumps(
                            {
                                "id": f"d{n}",
                                "spans": [{"start": 0, "end": 3, "label": "Nom"}],
                                **({"text": text} if text else {}),
                            }
                        )
                        + "\n"
                    )
        tracemalloc.start()
        evaluate("pseudonymise", tmp_path / "g.jsonl", predictions=tmp_path / "p.jsonl", count=100)
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(100)  # what is imported on first use
    few, many = peak(500), peak(2000)
    # 2,000 characters a document go in; what is kept of one is under 2 kB
    assert (many - few) / 1500 < 2000
