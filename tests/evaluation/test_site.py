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


def test_small_shares_are_masked_and_pooled_as_such(tmp_path: Path) -> None:
    """Two leaks among forty documents: the share would tell them, so it is hidden, and its direction kept."""
    pairs = make_site(tmp_path / "s", 5, 40)
    found = [dict(gold) for gold, _ in pairs]
    for prediction in found[:2]:
        prediction["spans"] = prediction["spans"][:-1]
    (tmp_path / "s" / "found.jsonl").write_text(
        "".join(json.dumps({"id": p["id"], "spans": p["spans"]}) + "\n" for p in found)
    )
    out = site.run(tmp_path / "s" / "study.toml", "S")
    figure = out["evaluations"][0]["figures"]["documents_without_leak"]
    assert figure == {"value": None, "low": None, "high": None, "variance": None, "masked": "few_wrong"}
    value, variance = site._imputed("few_wrong", 40)
    assert value == pytest.approx(1 - 5.5 / 40)
    assert variance == pytest.approx(value * (1 - value) / 40 + 99 / 12 / 1600)


def test_complements_are_not_small_cells_either() -> None:
    assert site._shown(95, 100) is None  # five documents are not from optical recognition
    assert site._shown(3, 100) is None
    assert (site._shown(0, 100), site._shown(100, 100), site._shown(40, 100)) == (0, 100, 40)


def test_a_second_table_does_not_tell_the_first() -> None:
    assert site.told_by_difference({"a": 30, "b": 40}, [{"a": 30, "b": 37}]) == {"b"}
    shown = site.suppress({"a": 30, "b": 40, "c": 50}, known=frozenset({"b"}))
    assert shown == {"a": None, "b": None, "c": 50}


GOOD = {"text": "Madame Claire Dubreuil vit ici.", "spans": [{"start": 14, "end": 22, "label": "Nom"}]}


def test_gold_checks_list_every_problem(tmp_path: Path) -> None:
    records = [
        {"id": "bon", **GOOD},
        {"id": "double", **GOOD},
        {"id": "note_ocr", **GOOD, "text": GOOD["text"] + " Oui."},
        {"id": "note", **GOOD, "text": GOOD["text"] + " Non."},
        {"id": "vide", "text": "  ", "spans": []},
        {"id": "dehors", **GOOD, "spans": [{"start": 14, "end": 99, "label": "Nom"}]},
        {"id": "inconnu", **GOOD, "text": GOOD["text"] + " Si.", "spans": [{"start": 14, "end": 22, "label": "PER"}]},
        {"id": "rien", "text": "Rien à signaler.", "spans": []},
        {"id": "role", **GOOD, "text": GOOD["text"] + " Ah.",
         "spans": [{"start": 14, "end": 22, "label": "Nom", "attributes": {"RolePER": "Voisin"}}]},
    ]  # fmt: skip
    (tmp_path / "gold.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records) + "pas du JSON\n")
    (tmp_path / "study.toml").write_text(
        PROTOCOL.replace('predictions = "found.jsonl"', 'engine = "fast"'), encoding="utf-8"
    )
    found = CliRunner().invoke(
        cli,
        ["site", "check", "--protocol", str(tmp_path / "study.toml"), "--format", "json"],
        catch_exceptions=False,
    )
    assert found.exit_code == 1
    entry = json.loads(found.stdout)["evaluations"][0]
    counts = entry["counts"]
    expected = {
        "documents": 10,
        "duplicate_texts": 2,
        "ocr": 1,
        "ocr_twins": 1,
        "empty": 1,
        "invalid": 2,
        "unreadable": 1,
        "not_annotated": 1,
        "attributes": 1,
    }
    assert {name: counts[name] for name in expected} == expected
    assert entry["blocking"] == 4
    problems = {problem["id"]: problem["problem"] for problem in entry["problems"]}
    assert "même texte que « bon »" in problems["double"]
    assert "RolePER" in problems["role"]
    assert "Dubreuil" not in found.stdout
    with pytest.raises(UsageError, match="4 problèmes"):
        site.run(tmp_path / "study.toml", "S")


def test_gold_in_cas_is_checked(tmp_path: Path) -> None:
    from partages.annotation import ENTITE_ANONYMISATION
    from partages.annotation.uima import write_cas
    from partages.documents import Document, Span
    from partages.evaluation.gold_checks import check_gold
    from partages.evaluation.kinds import kind_named

    folder = tmp_path / "cas"
    folder.mkdir()
    spans = [Span(14, 22, "Nom", {"RolePER": "Patient"})]
    good = write_cas(Document("a", GOOD["text"]), spans, ENTITE_ANONYMISATION)
    (folder / "a.json").write_text(good, encoding="utf-8")
    (folder / "b.json").write_text(good.replace("Patient", "Voisin").replace("ici", "là."), encoding="utf-8")
    (folder / "c.json").write_text(good[: len(good) // 2], encoding="utf-8")
    (folder / "d.json").write_text(
        good.replace("EntiteAnonymisation", "AutreCouche").replace("ici", "oui"), encoding="utf-8"
    )
    (folder / "e.json").write_text(
        good.replace("Categorie", "Rubrique").replace("ici", "non"), encoding="utf-8"
    )
    found = check_gold(kind_named("pseudonymise"), folder)
    names = ("unreadable", "attributes", "layer_missing", "features_missing")
    assert [found.counts[name] for name in names] == [1, 1, 1, 1]
    assert found.blocking == 2  # the file cut short, and the one whose layer has no category
    for name in "abce":
        (folder / f"{name}.json").unlink()
    alone = check_gold(kind_named("pseudonymise"), folder)
    assert alone.blocking == 1  # no file has the layer


def test_a_gold_drawn_otherwise_than_the_protocol_says_is_flagged(tmp_path: Path) -> None:
    chance = random.Random(3)
    rows = [(chance.choice("FM"), chance.randint(2020, 2023), chance.randint(0, 99)) for _ in range(2000)]
    (tmp_path / "t.csv").write_text(
        "id;sex;year;age\n" + "".join(f"d{n};{s};{y};{a}\n" for n, (s, y, a) in enumerate(rows))
    )
    protocol = (
        PROTOCOL.replace('strata = ["year", "sex", "age"]', 'strata = ["sex", "year"]')
        + '[sampling]\ntable = "t.csv"\n'
    )
    (tmp_path / "study.toml").write_text(protocol, encoding="utf-8")

    def drawn(kept: list[tuple[str, int, int]]) -> dict:
        gold = [
            {"id": f"g{n}", **GOOD, "text": f"{GOOD['text']} {n}", "sex": s, "year": y, "age": a}
            for n, (s, y, a) in enumerate(kept)
        ]
        (tmp_path / "gold.jsonl").write_text("".join(json.dumps(g) + "\n" for g in gold))
        (tmp_path / "found.jsonl").write_text(
            "".join(json.dumps({"id": g["id"], "spans": g["spans"]}) + "\n" for g in gold)
        )
        return site.run(tmp_path / "study.toml", "S")["evaluations"][0]["sampling"]

    fair = drawn(chance.sample(rows, 200))
    assert fair["representative"]
    skewed = drawn([row for row in rows if row[0] == "F" and row[1] > 2021][:200])
    assert not skewed["representative"]
    assert skewed["distance"] > 0.5


def test_classes_of_a_protocol_are_declared(tmp_path: Path) -> None:
    gold = [
        {"id": f"d{n}", "text": f"Texte {n}.", "label": "Stable" if n % 2 else "Morvan"} for n in range(30)
    ]
    (tmp_path / "gold.jsonl").write_text("".join(json.dumps(g) + "\n" for g in gold))
    (tmp_path / "found.jsonl").write_text(
        "".join(json.dumps({"id": g["id"], "label": g["label"]}) + "\n" for g in gold)
    )
    study = tmp_path / "study.toml"
    study.write_text(PROTOCOL.replace('"pseudonymise"', '"classify"'), encoding="utf-8")
    with pytest.raises(UsageError, match="doit déclarer"):
        site.run(study, "S")
    study.write_text(
        PROTOCOL.replace('"pseudonymise"', '"classify"\nlabels = ["Stable", "Autre"]'), encoding="utf-8"
    )
    with pytest.raises(UsageError, match="15 problèmes"):
        site.run(study, "S")


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(11, 40), st.booleans())
def test_nothing_of_the_documents_leaves_whatever_they_hold(seed: int, documents: int, merged: bool) -> None:
    """Fuzz: secrets in every field of the gold and of the predictions; the files that leave hold none of them."""
    import tempfile

    from partages.evaluation.page import merged_page, site_page

    chance = random.Random(seed)
    secrets: list[str] = []

    def secret() -> str:
        secrets.append("".join(chance.choices("bcdfghjklmnpqrstvwxz", k=9)))
        return secrets[-1]

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        gold, found = [], []
        for _ in range(documents):
            text = " ".join(secret() for _ in range(8))
            spans = [
                {"start": 10 * n, "end": 10 * n + 9, "label": "Nom", "attributes": {"RolePER": secret()}}
                for n in range(4)
            ]
            record = {
                "id": secret() + chance.choice(["", "_ocr"]), "text": text, "spans": spans, "specialty": secret(), "type": secret(),
                "sex": chance.choice(["F", "M", secret()]), "year": chance.choice([2021, secret()]), "age": chance.choice([40, secret()]), secret(): secret(),
            }  # fmt: skip
            gold.append(record)
            wrong = (
                {"error": secret()}
                if chance.random() < 0.2 and found
                else {"spans": spans[: chance.randint(0, 4)], "note": secret()}
            )
            found.append({"id": record["id"], **wrong})
        (folder / "gold.jsonl").write_text("".join(json.dumps(g) + "\n" for g in gold))
        (folder / "found.jsonl").write_text("".join(json.dumps(p) + "\n" for p in found))
        (folder / "study.toml").write_text(PROTOCOL.replace("draws = 300", "draws = 100"), encoding="utf-8")
        site.new_key(folder / "k")
        results = {x: site.sign(site.run(folder / "study.toml", x), folder / "k") for x in ("A", "B")}
        outgoing = json.dumps(results) + site_page(results["A"])
        if merged:
            outgoing += json.dumps(whole := site.merge(results)) + merged_page(whole)
    outgoing = outgoing.lower()
    assert not [word for word in secrets if word in outgoing]
    for entry in results["A"]["evaluations"]:
        counts = [*entry["strata"].values(), *entry["checks"].values(), entry["failed"]]
        assert not [count for count in counts if count is not None and 0 < count < 11]


def test_twenty_sites_of_classes_pool_to_all_documents(tmp_path: Path) -> None:
    """Shares of documents too: some sites mask theirs, and the pooled figure still agrees within 0.02."""
    labels, chance = ["Complete", "Partial", "Stable", "Progressive"], random.Random(21)
    protocol = PROTOCOL.replace(
        '"pseudonymise"', '"classify"\nlabels = ["Complete", "Partial", "Stable", "Progressive"]'
    )
    files, everything = {}, []
    for number in range(20):
        folder = tmp_path / f"s{number}"
        folder.mkdir()
        gold = [
            {"id": f"{number}-{n}", "text": "x", "label": chance.choice(labels)}
            for n in range(chance.randint(40, 110))
        ]
        found = [
            {"id": g["id"], "label": g["label"] if chance.random() < 0.85 else chance.choice(labels)}
            for g in gold
        ]
        everything += zip(gold, found, strict=True)
        for name, records in (("gold", gold), ("found", found)):
            (folder / f"{name}.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records))
        (folder / "study.toml").write_text(protocol, encoding="utf-8")
        site.new_key(folder / "k")
        files[folder.name] = site.sign(site.run(folder / "study.toml", folder.name), folder / "k")
    merged = site.merge(files)["evaluations"][0]["figures"]
    (tmp_path / "g.jsonl").write_text("".join(json.dumps(g) + "\n" for g, _ in everything))
    (tmp_path / "p.jsonl").write_text("".join(json.dumps(p) + "\n" for _, p in everything))
    together = evaluate("classify", tmp_path / "g.jsonl", predictions=tmp_path / "p.jsonl", count=100)[
        "figures"
    ]
    assert merged["accuracy"]["masked_sites"] >= 3
    for name in ("accuracy", "f1_micro", "f1_macro"):
        assert merged[name]["pooled"]["value"] == pytest.approx(together[name]["value"], abs=0.02), name
