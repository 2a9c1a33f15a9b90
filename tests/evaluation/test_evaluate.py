"""``partages evaluate usecase`` and ``compare``, from files to figures."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from partages.cli import cli
from partages.errors import PartagesError

TEXT = "Madame Claire Dubreuil vit à Nantes."
GOLD = {
    "id": "a",
    "text": TEXT,
    "spans": [
        {"start": 7, "end": 13, "label": "Prenom"},
        {"start": 14, "end": 22, "label": "Nom"},
        {"start": 29, "end": 35, "label": "Ville"},
    ],
}


def lines(path: Path, *records: dict) -> Path:
    path.write_text(
        "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), encoding="utf-8"
    )
    return path


def run(*arguments: object) -> dict:
    found = CliRunner().invoke(cli, ["evaluate", *map(str, arguments), "--format", "json"])
    if found.exception and not isinstance(found.exception, SystemExit):
        raise found.exception
    return json.loads(found.output)


def refused(tmp_path: Path, gold: list[dict], predictions: list[dict]) -> str:
    with pytest.raises(PartagesError) as caught:
        run(
            "usecase", "pseudonymise", "--gold", lines(tmp_path / "g.jsonl", *gold),
            "--predictions", lines(tmp_path / "p.jsonl", *predictions),
        )  # fmt: skip
    assert "Dubreuil" not in str(caught.value)
    assert "Nantes" not in str(caught.value)
    return str(caught.value)


def test_stored_predictions_score_as_by_hand(tmp_path: Path) -> None:
    second = {"id": "b", "text": "Rien ici.", "spans": []}
    gold = lines(tmp_path / "g.jsonl", GOLD, second)
    found = lines(tmp_path / "p.jsonl", {"id": "b", "spans": []}, {"id": "a", "spans": GOLD["spans"][:2]})
    result = run("usecase", "pseudonymise", "--gold", gold, "--predictions", found)
    assert result["figures"]["exact_recall"]["value"] == pytest.approx(2 / 3)
    assert result["figures"]["documents_without_leak"]["value"] == 0.5
    assert result["documents"] == 2


def test_order_of_files_does_not_change_a_figure(tmp_path: Path) -> None:
    records = [{**GOLD, "id": f"d{n}"} for n in range(12)]
    found = [{"id": f"d{n}", "spans": GOLD["spans"][: n % 4]} for n in range(12)]
    first = run(
        "usecase", "pseudonymise", "--gold", lines(tmp_path / "g.jsonl", *records),
        "--predictions", lines(tmp_path / "p.jsonl", *found),
    )  # fmt: skip
    second = run(
        "usecase", "pseudonymise", "--gold", lines(tmp_path / "h.jsonl", *records[::-1]),
        "--predictions", lines(tmp_path / "q.jsonl", *found[5:], *found[:5]),
    )  # fmt: skip
    assert first["figures"] == second["figures"]


def test_an_engine_runs_and_its_stored_predictions_score_the_same_to_six_decimals(tmp_path: Path) -> None:
    gold = lines(tmp_path / "g.jsonl", GOLD, {**GOLD, "id": "b", "text": TEXT.replace("Nantes", "Nnates")})
    kept, stored = tmp_path / "p.jsonl", tmp_path / "a.json"
    first = run("usecase", "pseudonymise", "--gold", gold, "--engine", "fast", "--keep", kept, "-o", stored)
    again = run("usecase", "pseudonymise", "--gold", gold, "--predictions", kept, "-o", tmp_path / "b.json")
    for name, figure in first["figures"].items():
        assert again["figures"][name] == pytest.approx(figure, abs=1e-6), name
    # and an independent count from the same file
    right = predicted = 0
    for line in kept.read_text(encoding="utf-8").splitlines():
        spans = {(s["start"], s["end"], s["label"]) for s in json.loads(line)["spans"]}
        right += len(spans & {(s["start"], s["end"], s["label"]) for s in GOLD["spans"]})
        predicted += len(spans)
    assert first["figures"]["exact_f1_micro"]["value"] == pytest.approx(2 * right / (6 + predicted), abs=1e-6)
    difference = run("compare", stored, tmp_path / "b.json")
    assert difference["differences"]["exact_f1_micro"] == {"value": 0, "low": 0, "high": 0}
    assert difference["mcnemar"]["p"] == 1


def test_codes_and_conclusions(tmp_path: Path) -> None:
    gold = lines(
        tmp_path / "g.jsonl",
        {"id": "a", "text": "Pneumonie.", "dp": ["J18.9", "J181"], "das": ["I10"]},
        {"id": "b", "text": "HTA.", "codes": ["I10"]},
    )
    found = lines(
        tmp_path / "p.jsonl",
        {"id": "a", "codes": [{"code": "J181", "score": 0.9}, {"code": "I10", "score": 0.5}]},
        {"id": "b", "codes": ["E119", "I10"]},
    )
    figures = run("usecase", "code", "--gold", gold, "--predictions", found)["figures"]
    assert figures["accuracy_exact"]["value"] == 0.5
    assert figures["mrr"]["value"] == 0.75
    assert figures["f1_micro"]["value"] == pytest.approx(2 * 3 / (3 + 4))
    report = "Pneumonie du lobe moyen. Amoxicilline 7 jours."
    gold = lines(tmp_path / "g.jsonl", {"id": "a", "text": report, "conclusion": "Pneumonie du lobe moyen."})
    found = lines(tmp_path / "p.jsonl", {"id": "a", "conclusion": "Pneumonie du lobe moyen."})
    figures = run("usecase", "conclude", "--gold", gold, "--predictions", found)["figures"]
    assert figures["rouge_l"] == {"value": 1, "low": None, "high": None}
    assert figures["supported_sentences"]["value"] == 1


def test_a_failed_document_counts_as_empty_and_is_counted(tmp_path: Path) -> None:
    gold = lines(tmp_path / "g.jsonl", GOLD, {**GOLD, "id": "b"})
    failed = {"id": "a", "error": "Document refusé."}
    found = lines(tmp_path / "p.jsonl", failed, {"id": "b", "spans": GOLD["spans"]})
    result = run("usecase", "pseudonymise", "--gold", gold, "--predictions", found)
    assert result["failed"] == 1
    assert result["figures"]["exact_recall"]["value"] == 0.5
    with pytest.raises(PartagesError, match=r"Tous les documents ont échoué.*refusé"):
        run(
            "usecase", "pseudonymise", "--gold", lines(tmp_path / "g.jsonl", GOLD),
            "--predictions", lines(tmp_path / "p.jsonl", failed),
        )  # fmt: skip


def test_a_gap_between_groups_is_flagged(tmp_path: Path) -> None:
    records = [{**GOLD, "id": f"{sex}{n}", "sex": sex} for sex in "FM" for n in range(20)]
    found = [
        {"id": r["id"], "spans": GOLD["spans"] if r["sex"] == "F" else GOLD["spans"][:1]} for r in records
    ]
    result = run(
        "usecase", "pseudonymise", "--gold", lines(tmp_path / "g.jsonl", *records),
        "--predictions", lines(tmp_path / "p.jsonl", *found),
    )  # fmt: skip
    flagged = {(e["by"], e["group"]): e["gap"]["value"] for e in result["breakdowns"] if e["flagged"]}
    assert flagged[("sex", "M")] == pytest.approx(-2 / 3)


def test_age_bands_are_told_in_the_order_of_ages(tmp_path: Path) -> None:
    records = [{**GOLD, "id": str(age), "age": age} for age in (84, 44, 7, 0)]
    result = run(
        "usecase", "pseudonymise", "--gold", lines(tmp_path / "g.jsonl", *records),
        "--predictions", lines(tmp_path / "p.jsonl", *({"id": r["id"], "spans": r["spans"]} for r in records)),
    )  # fmt: skip
    groups = [entry["group"] for entry in result["breakdowns"] if entry["by"] == "age"]
    assert groups == ["0-0", "5-9", "40-49", "80+"]


def test_rendered_predictions_are_followed_piece_by_piece(tmp_path: Path) -> None:
    rendered = {"id": "a", "text": "Madame [Prénom] [Nom] vit à [Ville].", "spans": GOLD["spans"]}
    result = run(
        "usecase", "pseudonymise", "--gold", lines(tmp_path / "g.jsonl", GOLD),
        "--predictions", lines(tmp_path / "p.jsonl", rendered),
    )  # fmt: skip
    assert result["figures"]["exact_f1_micro"]["value"] == 1


@pytest.mark.parametrize(
    ("predictions", "says"),
    [
        ([], "Aucune prédiction pour le document « a »"),
        ([{"id": "a", "spans": []}, {"id": "z", "spans": []}], "« z »"),
        ([{"id": "a", "spans": []}, {"id": "a", "spans": []}], "deux fois"),
        ([{"id": "a", "text": TEXT.replace("vit", "vis"), "spans": []}], "caractère 25"),
        ([{"id": "a", "spans": [{"start": 30, "end": 99, "label": "Nom"}]}], "[30, 99) sort du texte"),
        ([{"id": "a", "spans": [{"start": 1, "end": 5, "label": "PER"}]}], "catégorie inconnue"),
        ([{"id": "a", "spans": [{"start": 1, "end": 5, "label": "Nom"}, {"start": 4, "end": 9, "label": "Nom"}]}],
         "[1, 5) et [4, 9) se chevauchent"),
        ([{"id": "a"}], "il manque « spans »"),
    ],
)  # fmt: skip
def test_predictions_that_do_not_match_are_refused(
    tmp_path: Path, predictions: list[dict], says: str
) -> None:
    assert says in refused(tmp_path, [GOLD], predictions)


@pytest.mark.parametrize(
    ("gold", "says"),
    [
        ([], "aucun document"),
        ([GOLD, GOLD], "deux fois"),
        ([{**GOLD, "text": "  "}], "vide"),
        ([{**GOLD, "spans": [{"start": 3, "end": 3, "label": "Nom"}]}], "sort du texte"),
        ([{"id": "a", "text": TEXT}], "il manque « spans »"),
    ],
)
def test_gold_that_cannot_be_used_is_refused(tmp_path: Path, gold: list[dict], says: str) -> None:
    assert says in refused(tmp_path, gold, [{"id": "a", "spans": []}])


def test_brat_and_cas_gold(tmp_path: Path) -> None:
    from partages.annotation import ENTITE_ANONYMISATION
    from partages.annotation.brat import write_brat
    from partages.annotation.uima import write_cas
    from partages.documents import Document, Span

    spans = [Span(s["start"], s["end"], s["label"]) for s in GOLD["spans"]]
    (tmp_path / "brat").mkdir()
    (tmp_path / "brat" / "a.txt").write_text(TEXT, encoding="utf-8")
    (tmp_path / "brat" / "a.ann").write_text(write_brat(Document("a", TEXT), spans), encoding="utf-8")
    (tmp_path / "cas").mkdir()
    (tmp_path / "cas" / "a.json").write_text(write_cas(Document("a", TEXT), spans, ENTITE_ANONYMISATION))
    for folder in ("brat", "cas"):
        result = run("usecase", "pseudonymise", "--gold", tmp_path / folder, "--engine", "fast")
        assert result["documents"] == 1
        assert result["figures"]["exact_recall"]["value"] is not None


@pytest.mark.parametrize(
    ("usecase", "fields"),
    [("code", {"codes": ["I10"]}), ("pseudonymise", {"spans": []}), ("conclude", {"conclusion": "x"})],
)
def test_an_unknown_engine_is_refused(tmp_path: Path, usecase: str, fields: dict) -> None:
    gold = lines(tmp_path / "g.jsonl", {"id": "a", "text": "HTA.", **fields})
    with pytest.raises(PartagesError):
        run("usecase", usecase, "--gold", gold, "--engine", "inconnu")


def test_the_comparison_page_shows_differences(tmp_path: Path) -> None:
    gold = lines(tmp_path / "g.jsonl", *({**GOLD, "id": f"d{n}"} for n in range(12)))
    for name, kept in (("a", 3), ("b", 2)):
        found = lines(
            tmp_path / "p.jsonl", *({"id": f"d{n}", "spans": GOLD["spans"][:kept]} for n in range(12))
        )
        run(
            "usecase", "pseudonymise", "--gold", gold, "--predictions", found, "-o", tmp_path / f"{name}.json"
        )
    result = run("compare", tmp_path / "a.json", tmp_path / "b.json", "--report", tmp_path / "c.html")
    assert result["differences"]["full_coverage_recall"]["value"] == pytest.approx(1 / 3)
    assert result["mcnemar"] == {"only_first": 12, "only_second": 0, "p": pytest.approx(2 / 2**12)}
    html = (tmp_path / "c.html").read_text(encoding="utf-8")
    assert "33,3" in html
    assert "p = 0,0005." in html


def test_cost_counts_time_memory_energy_and_what_a_model_wrote(tmp_path: Path) -> None:
    from collections import Counter

    from partages.evaluation.scoring import _Counted
    from partages.models.generator import Prompt, ScriptedGenerator

    pytest.importorskip("codecarbon")
    gold = lines(tmp_path / "g.jsonl", GOLD)
    cost = run("usecase", "pseudonymise", "--gold", gold, "--engine", "fast")["cost"]
    assert cost["seconds"] > 0
    assert cost["peak_memory_mb"] > 10
    assert cost["energy_wh"] > 0
    assert "codecarbon" in cost["energy_method"]
    assert cost["tokens_written"] == 0
    assert (
        run("usecase", "pseudonymise", "--gold", gold, "--engine", "fast", "--no-energy")["cost"]["energy_wh"]
        is None
    )
    written: Counter[str] = Counter()
    counted = _Counted(ScriptedGenerator(["a\nb\nc"]), written)
    assert "".join(counted.stream(Prompt("s", "u", "c"), max_tokens=9)) == "a\nb\nc"
    assert written == {"requests": 1, "tokens": 3}


def test_robustness_and_more_labels(tmp_path: Path) -> None:
    gold = lines(tmp_path / "g.jsonl", GOLD, {**GOLD, "id": "b"})
    found = run("usecase", "pseudonymise", "--gold", gold, "--engine", "fast", "--robustness", "--no-energy")
    assert found["robustness"].keys() == {"capitals", "no_accents", "ocr", "typing"}
    classes = lines(tmp_path / "c.jsonl", {"id": "a", "text": "x", "label": "Stable"})
    given = lines(tmp_path / "p.jsonl", {"id": "a", "label": "Progression"})
    with pytest.raises(PartagesError, match="étiquette inconnue"):
        run("usecase", "classify", "--gold", classes, "--predictions", given)
    figures = run(
        "usecase", "classify", "--gold", classes, "--predictions", given, "--labels", "Progression"
    )["figures"]
    assert figures["f1_macro"]["value"] == 0


@pytest.mark.parametrize("usecase", ["spans", "triples", "classify"])
def test_what_has_no_engine_says_so(tmp_path: Path, usecase: str) -> None:
    gold = lines(tmp_path / "g.jsonl", {**GOLD, "label": "a", "triples": []})
    with pytest.raises(PartagesError, match="--predictions"):
        run("usecase", usecase, "--gold", gold)
