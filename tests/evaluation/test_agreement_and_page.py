"""Agreement by hand and against reference implementations; the page holds what it must, and no network."""

import json
import random
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from partages.cli import cli
from partages.documents import Span
from partages.evaluation import agreement
from partages.evaluation.kinds import kind_named
from partages.evaluation.page import page
from partages.evaluation.scoring import evaluate


def test_kappa_by_hand_and_as_scikit_learn() -> None:
    # 20 items, 15 agreed; chance 0.5 * 0.55 + 0.5 * 0.45
    one, other = "y" * 10 + "n" * 10, "y" * 8 + "nn" + "y" * 3 + "n" * 7
    assert agreement.cohen(one, other) == pytest.approx((0.75 - 0.5) / 0.5)
    from sklearn.metrics import cohen_kappa_score

    chance = random.Random(0)
    for _ in range(20):
        a, b = (chance.choices("xyz", k=30) for _ in range(2))
        assert agreement.cohen(a, b) == pytest.approx(cohen_kappa_score(a, b))


def test_alpha_as_krippendorff() -> None:
    import krippendorff

    chance = random.Random(0)
    for _ in range(20):
        units = [[chance.choice([0, 1, 2, None]) for _ in range(3)] for _ in range(25)]
        data = np.array([[np.nan if v is None else v for v in unit] for unit in units]).T
        expected = krippendorff.alpha(reliability_data=data, level_of_measurement="nominal")
        assert agreement.krippendorff_alpha(units) == pytest.approx(expected)


def test_two_annotators_by_hand() -> None:
    texts = {"a": "abcdefghij", "b": "abcdefghij"}
    one = {"a": [Span(0, 4, "Nom")], "b": [Span(0, 2, "Nom"), Span(5, 8, "Ville")]}
    other = {"a": [Span(0, 3, "Nom")], "b": [Span(0, 2, "Nom")]}
    found = agreement.agreement(texts, one, other)
    assert found["entity_f1_exact"].value == pytest.approx(2 * 1 / 5)
    assert found["entity_f1_overlap"].value == pytest.approx(2 * 2 / 5)
    # characters: 16 of 20 agree; chance (11 * 15 + 6 * 5 + 3 * 0) / 400
    assert found["cohen_kappa"].value == pytest.approx((0.8 - 195 / 400) / (1 - 195 / 400))
    listed = agreement.disagreements({"A": one, "B": other})
    assert [(d["id"], d["by"], d["not_by"]) for d in listed] == [
        ("a", ["B"], ["A"]),
        ("a", ["A"], ["B"]),
        ("b", ["A"], ["B"]),
    ]
    same = agreement.agreement(texts, one, one)
    assert {estimate.value for estimate in same.values()} == {1.0}


def test_three_annotators_agree_as_krippendorff_says() -> None:
    import krippendorff

    chance = random.Random(4)
    texts = {f"d{n}": "x" * 20 for n in range(6)}
    people = {
        who: {
            name: [Span(5 * n, 5 * n + chance.randint(1, 5), chance.choice(["Nom", "Ville"])) for n in range(4) if chance.random() < 0.7]
            for name in texts
            if who != "C" or name != "d0"  # one did not open a document
        }
        for who in "ABC"
    }  # fmt: skip
    data = []
    for side in people.values():
        row: list[float] = []
        for name in texts:
            painted = [0.0] * 20 if name in side else [np.nan] * 20
            for span in side.get(name, ()):
                painted[span.start : span.end] = [1.0 if span.label == "Nom" else 2.0] * (
                    span.end - span.start
                )
            row += painted
        data.append(row)
    expected = krippendorff.alpha(reliability_data=np.array(data), level_of_measurement="nominal")
    found = agreement.agreement_of(texts, people)
    assert found["krippendorff_alpha"].value == pytest.approx(expected)
    assert found["krippendorff_alpha"].low < expected < found["krippendorff_alpha"].high
    pairs = [agreement.agreement(texts, people["A"], people["B"])]
    assert 0 <= pairs[0]["entity_f1_exact"].value <= pairs[0]["entity_f1_overlap"].value <= 1


@pytest.fixture
def files(tmp_path: Path) -> Path:
    spans = [{"start": 7, "end": 13, "label": "Nom"}]
    with (tmp_path / "g.jsonl").open("w") as gold, (tmp_path / "p.jsonl").open("w") as found:
        for n in range(40):
            gold.write(
                json.dumps(
                    {"id": f"d{n}", "text": "Madame Morvan va bien.", "sex": "FM"[n % 2], "spans": spans}
                )
                + "\n"
            )
            found.write(json.dumps({"id": f"d{n}", "spans": spans if n % 4 else []}) + "\n")
    return tmp_path


def test_the_page_holds_every_headline_and_no_network_nor_text(files: Path) -> None:
    result = evaluate("pseudonymise", files / "g.jsonl", predictions=files / "p.jsonl", count=200)
    html = page([result, {**result, "engine": "<b>autre</b>"}])
    for head in kind_named("pseudonymise").headlines:
        assert head.name in html
    assert html.count("<svg") == 3  # the leaderboard, and each run
    assert "75,0" in html
    assert "http://" not in html
    assert "https://" not in html
    assert "<script" not in html
    assert "<b>autre" not in html
    assert "Morvan" not in html


def test_agreement_command(files: Path) -> None:
    found = CliRunner().invoke(
        cli, ["evaluate", "agreement", str(files / "g.jsonl"), str(files / "g.jsonl"), "--format", "json"]
    )
    assert json.loads(found.output)["figures"]["cohen_kappa"]["value"] == 1


def test_the_leaderboard_of_several_runs(files: Path, tmp_path: Path) -> None:
    lines = (files / "p.jsonl").read_text().splitlines()
    worse = [json.dumps({**json.loads(line), "spans": []}) for line in lines]
    (files / "q.jsonl").write_text("\n".join(worse) + "\n")
    for name in "pq":
        found = CliRunner().invoke(
            cli,
            ["evaluate", "usecase", "pseudonymise", "--gold", str(files / "g.jsonl"), "--predictions",
             str(files / f"{name}.jsonl"), "--draws", "100", "-o", str(tmp_path / f"moteur-{name}.json")],
            catch_exceptions=False,
        )  # fmt: skip
        assert found.exit_code == 0
    CliRunner().invoke(
        cli,
        ["evaluate", "report", str(tmp_path / "moteur-q.json"), str(tmp_path / "moteur-p.json"), "-o", str(tmp_path / "c.html")],
        catch_exceptions=False,
    )  # fmt: skip
    html = (tmp_path / "c.html").read_text(encoding="utf-8")
    ranking = html[: html.index("Moteur moteur-")]
    assert ranking.index("moteur-p") < ranking.index("moteur-q")
    assert "Classement" in html


def test_errors_are_shown_when_asked_and_only_then(files: Path) -> None:
    shown = evaluate("pseudonymise", files / "g.jsonl", predictions=files / "p.jsonl", count=100, examples=3)
    assert [example["id"] for example in shown["examples"]] == ["d0", "d4", "d8"]
    assert shown["examples"][0]["errors"] == [
        {"error": "manqué", "label": "Nom", "before": "Madame ", "text": "Morvan", "after": " va bien."}
    ]
    html = page([shown])
    assert "Madame [Morvan] va bien." in html
    assert "ne doit pas sortir" in html
    kept_in = evaluate("pseudonymise", files / "g.jsonl", predictions=files / "p.jsonl", count=100)
    assert "examples" not in kept_in
    assert "Morvan" not in json.dumps(kept_in)
