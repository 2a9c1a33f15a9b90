"""The site kit: nothing leaks, small cells are gone, signatures hold, pooled figures agree with all the data."""

import json
import random
import string
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from partages.cli import cli
from partages.errors import UsageError
from partages.evaluation import sampling, site
from partages.evaluation.scoring import evaluate

TOLERANCE = 0.01
"""Pooled by random effects against all documents together, 20 sites of 40 to 120 documents."""
PROTOCOL = """
title = "Étude fictive"
version = "1"
strata = ["year", "sex", "age"]
draws = 300
[[evaluations]]
usecase = "pseudonymise"
gold = "gold.jsonl"
predictions = "found.jsonl"
"""


def invoke(*arguments: object) -> str:
    found = CliRunner().invoke(cli, [*map(str, arguments)], catch_exceptions=False)
    assert found.exit_code == 0, found.output
    return found.stdout


def word(chance: random.Random) -> str:
    return "".join(chance.choices(string.ascii_lowercase, k=8))


def make_site(folder: Path, seed: int, documents: int) -> list[tuple[dict, dict]]:
    """Fictitious texts of random words, with missed and false spans."""
    folder.mkdir()
    chance = random.Random(seed)
    pairs = []
    for number in range(documents):
        words = [word(chance) for _ in range(30)]
        text = " ".join(words)
        spans = [
            {"start": 9 * n, "end": 9 * n + 8, "label": chance.choice(["Nom", "Ville"])}
            for n in range(0, 30, 3)
        ]
        found = [s for s in spans if chance.random() < 0.9]
        if chance.random() < 0.3:
            found.append({"start": 9, "end": 17, "label": "Nom"})
        gold = {
            "id": f"{word(chance)}-{seed}-{number}", "text": text, "spans": spans, "year": str(chance.choice([2021, 2022])),
            "sex": chance.choice(["F", "M", word(chance)]), "age": chance.randint(0, 99), "specialty": word(chance),
        }  # fmt: skip
        pairs.append((gold, {"id": gold["id"], "text": text, "spans": found}))
    (folder / "gold.jsonl").write_text("".join(json.dumps(g) + "\n" for g, _ in pairs))
    (folder / "found.jsonl").write_text("".join(json.dumps(p) + "\n" for _, p in pairs))
    (folder / "study.toml").write_text(PROTOCOL, encoding="utf-8")
    return pairs


def run_site(folder: Path, name: str) -> dict:
    key = folder / "site.key"
    public = invoke("site", "key", key).strip()
    invoke(
        "site", "run", "--protocol", folder / "study.toml", "--site", name, "--key", key,
        "-o", folder / "out.json", "--report", folder / "out.html",
    )  # fmt: skip
    return {"public": public, **json.loads((folder / "out.json").read_text(encoding="utf-8"))}


def test_twenty_sites_pool_to_the_figures_of_all_documents(tmp_path: Path) -> None:
    chance, everything, files, keys = random.Random(7), [], [], []
    for number in range(20):
        folder = tmp_path / f"site{number}"
        everything += make_site(folder, number, chance.randint(40, 120))
        keys.append(run_site(folder, f"S{number}")["public"])
        files.append(folder / "out.json")
    (tmp_path / "keys.txt").write_text("\n".join(keys))
    invoke(
        "site",
        "merge",
        *files,
        "--keys",
        tmp_path / "keys.txt",
        "-o",
        tmp_path / "m.json",
        "--report",
        tmp_path / "m.html",
    )
    merged = json.loads((tmp_path / "m.json").read_text())["evaluations"][0]
    (tmp_path / "g.jsonl").write_text("".join(json.dumps(g) + "\n" for g, _ in everything))
    (tmp_path / "p.jsonl").write_text("".join(json.dumps(p) + "\n" for _, p in everything))
    together = evaluate("pseudonymise", tmp_path / "g.jsonl", predictions=tmp_path / "p.jsonl", count=300)
    assert merged["documents"] == together["documents"]
    for name, figure in merged["figures"].items():
        if name in ("documents_without_leak", "share_of_time_saved"):
            continue  # they vary more from site to site: see below
        assert figure["pooled"]["value"] == pytest.approx(
            together["figures"][name]["value"], abs=TOLERANCE
        ), name
        assert len(figure["sites"]) == 20
    for name in ("documents_without_leak", "share_of_time_saved"):
        pooled = merged["figures"][name]["pooled"]
        assert pooled["low"] <= together["figures"][name]["value"] <= pooled["high"], name
    assert (tmp_path / "m.html").read_text(encoding="utf-8").count("<svg") == len(merged["figures"])


@pytest.mark.parametrize("seed", range(100, 108))
def test_no_word_of_the_gold_leaves(tmp_path: Path, seed: int) -> None:
    pairs = make_site(tmp_path / "s", seed, 11 + seed % 5 * 9)
    run_site(tmp_path / "s", "SITE")
    for name in ("out.json", "out.html"):
        outgoing = (tmp_path / "s" / name).read_text(encoding="utf-8").lower()
        for gold, _ in pairs:
            for secret in (
                *gold["text"].split(),
                gold["id"],
                gold["specialty"],
                *([gold["sex"]] if len(gold["sex"]) > 1 else []),
            ):
                assert secret not in outgoing


def test_too_few_documents_give_no_file(tmp_path: Path) -> None:
    make_site(tmp_path / "s", 1, 10)
    with pytest.raises(UsageError, match="10 documents"):
        site.run(tmp_path / "s" / "study.toml", "S")


def test_a_measure_nobody_knows_is_refused(tmp_path: Path) -> None:
    make_site(tmp_path / "s", 1, 15)
    study = tmp_path / "s" / "study.toml"
    study.write_text(PROTOCOL.replace("draws = 300", 'draws = 300\nmetrics = ["f1"]'), encoding="utf-8")
    with pytest.raises(UsageError, match="mesure inconnue"):
        site.run(study, "S")


@settings(max_examples=300, deadline=None)
@given(
    st.dictionaries(st.text(string.ascii_letters, min_size=1, max_size=3), st.integers(0, 60), max_size=12)
)
def test_a_suppressed_cell_cannot_be_deduced(cells: dict[str, int]) -> None:
    shown = site.suppress(cells)
    hidden = [cells[name] for name, count in shown.items() if count is None]
    assert all(count == 0 or count >= 11 for count in shown.values() if count is not None)
    if hidden and len(hidden) < len(cells):
        assert len(hidden) >= 2
        assert sum(hidden) >= 11


def test_strata_hold_values_of_closed_lists_only() -> None:
    assert (
        site.stratum({"year": "2021", "sex": "F", "age": "65-79"}, ("year", "sex", "age"))
        == "2021 x F x 65-79"
    )
    assert (
        site.stratum({"year": "Dupont", "sex": "Morvan"}, ("year", "sex", "age"))
        == "inconnu x inconnu x inconnu"
    )


def test_a_changed_figure_another_key_and_a_site_twice_are_refused(tmp_path: Path) -> None:
    results = {}
    for name in "AB":
        make_site(tmp_path / name, ord(name), 15)
        results[name] = run_site(tmp_path / name, name)
    keys = frozenset(result.pop("public") for result in results.values())
    site.merge(results, keys)
    with pytest.raises(UsageError, match="pas dans la liste"):
        site.merge(results, frozenset())
    with pytest.raises(UsageError, match="deux fois"):
        site.merge({"A": results["A"], "copie": results["A"]}, keys)
    results["A"]["evaluations"][0]["documents"] += 1
    with pytest.raises(UsageError, match="le fichier a changé"):
        site.merge(results, keys)


def test_water_filling_and_proportions_by_hand() -> None:
    sizes = {"a": 2, "b": 10, "c": 100}
    assert sampling.balanced(sizes, 20) == {"a": 2, "b": 9, "c": 9}
    assert sampling.balanced(sizes, 30) == {"a": 2, "b": 10, "c": 18}
    assert sampling.proportional(sizes, 56) == {"a": 1, "b": 5, "c": 50}
    assert sampling.balanced(sizes, 500) == sizes


def test_sample_command_repeats_itself(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text(
        "id,year,sex,age\n" + "".join(f"d{n},202{n % 3},{'FM'[n % 2]},65-79\n" for n in range(60))
    )
    first = invoke("site", "sample", table, "--size", 12, "--how", "balanced", "--seed", 4)
    assert first == invoke("site", "sample", table, "--size", 12, "--how", "balanced", "--seed", 4)
    chosen = [line.split(",")[1:3] for line in first.splitlines()[1:]]
    assert all(chosen.count([year, sex]) == 2 for year in ("2020", "2021", "2022") for sex in "FM")
