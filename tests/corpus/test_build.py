"""A corpus from end to end, on fictitious documents."""

import gzip
import hashlib
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from partages.corpus.commands import corpus
from partages.errors import UsageError
from tests.corpus.fictions import SENTENCES, changed, document, source

QUESTION = "Parmi les réponses suivantes sur la vitamine fictive K9, laquelle est exacte chez le nouveau-né à terme ?"
ENGLISH = "The patient was admitted with a fever and a cough that had lasted for three days, and was treated at home with the drug."


def run(*arguments: str | Path) -> tuple[int, str]:
    """Status, and what was said on both outputs."""
    result = CliRunner().invoke(corpus, [str(one) for one in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


def read(folder: Path) -> list[dict]:  # type: ignore[type-arg]
    return [
        row for path in sorted((folder / "data").glob("*.parquet")) for row in pq.read_table(path).to_pylist()
    ]


def rejected(folder: Path, reason: str) -> list[dict]:  # type: ignore[type-arg]
    rows = []
    for path in folder.glob(f"rejected/*/{reason}.ndjson.gz"):
        with gzip.open(path, "rt", encoding="utf-8") as file:
            rows += [json.loads(line) for line in file]
    return rows


def digest(folder: Path) -> dict[str, str]:
    """Every file of a folder and the digest of its bytes."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*")) if path.is_file()
    }  # fmt: skip


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sources, one for research only, with what must not stay planted in them."""
    folder = tmp_path_factory.mktemp("inputs")
    texts = [document(seed) for seed in range(60)]
    planted = [
        changed(texts[0], 0.1, 1), changed(texts[1], 0.2, 2), texts[2].upper().lower().replace(",", " ,"),
        ENGLISH, "Court.", f"Question. {QUESTION} A. Oui B. Non",
        f"{document(100)} Mme Jeanne Fauvelin, née le 03/04/1951, tél. 06 11 22 33 44, jeanne.fauvelin@exemple.fr, revient. {document(101)}",
    ]  # fmt: skip
    source(folder, "cours", texts + planted)
    source(folder, "recherche", [document(500), changed(texts[3], 0.1, 3), document(501)], commercial=False)
    source(folder, "banc", [QUESTION], kind="question", use="evaluation")
    (folder / "sans-licence").mkdir()
    (folder / "sans-licence" / "x.txt").write_text(document(900), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def commercial(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("out") / "commercial"
    status, said = run("build", "--input", inputs, "--licence", "commercial", "--output", output)
    assert status == 0, said
    assert "sans-licence" in said
    return output


@pytest.fixture(scope="module")
def research(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("out") / "research"
    assert run("build", "--input", inputs, "--licence", "research", "--output", output)[0] == 0
    return output


def test_every_document_has_its_source_and_licence(commercial: Path) -> None:
    rows = read(commercial)
    assert {row["source"] for row in rows} == {"cours"}
    assert {row["licence"] for row in rows} == {"etalab-2.0"}
    assert all(row["id"] and row["text"] and row["words"] and row["kind"] == "lecture" for row in rows)
    assert len({row["id"] for row in rows}) == len(rows)


def test_planted_duplicates_english_questions_and_people_are_out(commercial: Path) -> None:
    texts = [row["text"] for row in read(commercial)]
    assert len(texts) == 61  # the sixty and the one that speaks of a patient, masked
    whole = "\n".join(texts)
    for gone in (
        ENGLISH,
        "vitamine fictive K9",
        "Fauvelin",
        "06 11 22 33 44",
        "jeanne.fauvelin",
        "03/04/1951",
    ):
        assert gone not in whole
    assert document(0) in texts
    assert len(rejected(commercial, "near-duplicate")) == 2
    assert len(rejected(commercial, "exact-duplicate")) == 1
    assert rejected(commercial, "near-duplicate")[0]["detail"].startswith("cours/")
    assert rejected(commercial, "foreign-language")[0]["text"] == ENGLISH
    assert rejected(commercial, "benchmark")[0]["detail"] == "banc"


def test_research_only_text_neither_enters_nor_changes_the_commercial_edition(
    commercial: Path, research: Path, inputs: Path, tmp_path: Path
) -> None:
    source(tmp_path / "in", "cours", [])
    (tmp_path / "in" / "cours" / "cours.jsonl.gz").write_bytes(
        (inputs / "cours" / "cours.jsonl.gz").read_bytes()
    )
    source(tmp_path / "in", "banc", [QUESTION], kind="question", use="evaluation")
    assert (
        run(
            "build",
            "--input",
            tmp_path / "in",
            "--licence",
            "commercial",
            "--output",
            tmp_path / "out",
            "--name",
            "commercial",
        )[0]
        == 0
    )
    assert {row["text"] for row in read(tmp_path / "out")} == {row["text"] for row in read(commercial)}
    every = "\n".join(
        path.read_bytes().decode("latin-1")
        for path in commercial.rglob("*")
        if path.is_file() and path.suffix != ".gz"
    )
    assert document(500)[:80] not in every
    assert not any(row["source"] == "recherche" for row in read(commercial))
    # in the research edition, of a near pair the commercial one stays
    kept = {row["text"]: row for row in read(research)}
    assert document(3) in kept
    assert kept[document(500)]["commercial"] is False
    assert any(row["source"] == "recherche" for row in rejected(research, "near-duplicate"))


@pytest.mark.filterwarnings("ignore")  # what mlcroissant calls warns of its own deprecations
def test_croissant_is_valid_and_reads_the_shards(commercial: Path) -> None:
    import mlcroissant

    described = mlcroissant.Dataset(str(commercial / "croissant.json"))
    assert not described.metadata.ctx.issues.errors
    names = [one.id for one in described.metadata.record_sets]
    first = next(iter(described.records(names[0])))
    assert first[f"{names[0]}/source"] == b"cours"


def test_card_and_page_say_the_same(commercial: Path) -> None:
    facts = json.loads((commercial / "corpus.json").read_text(encoding="utf-8"))
    card = (commercial / "README.md").read_text(encoding="utf-8")
    rows = read(commercial)
    assert facts["corpus"]["all"]["all"]["documents"] == len(rows)
    assert (
        facts["corpus"]["all"]["all"]["words"]
        == sum(row["words"] for row in rows)
        == sum(len(row["text"].split()) for row in rows)
    )
    assert card.startswith("---\n")
    assert "etalab-2.0" in card
    assert "Textes fictifs" in card
    assert "recherche seulement" in card
    status, page = run("inspect", commercial, "--format", "html")
    assert status == 0
    assert "<svg" in page
    assert "<script" not in page
    assert "src=" not in page
    assert ENGLISH.split(",")[0] in page
    assert json.loads(run("inspect", commercial, "--format", "json")[1])["edition"] == "commercial"
    assert "Doublons" in run("inspect", commercial)[1]


def test_every_document_dropped_is_accounted_for(commercial: Path) -> None:
    facts = json.loads((commercial / "corpus.json").read_text(encoding="utf-8"))
    before = None
    for step in (
        "read",
        "normalise",
        "language",
        "quality",
        "personal",
        "duplicates",
        "passages",
        "decontaminate",
        "topics",
    ):
        flow = facts["steps"][step]["sources"]["cours"]
        assert before is None or flow["in"]["documents"] == before
        before = flow["out"]["documents"]
        if step != "normalise":
            gone = sum(one["number"] for one in flow["dropped"]["document"].values())
            assert flow["in"]["documents"] - gone == before
    assert before == len(read(commercial))


def test_what_was_built_is_ready_to_train_on(commercial: Path) -> None:
    rows = pytest.importorskip("partages.training.rows")
    texts = list(rows.documents(rows.Source(commercial)))
    assert len(texts) == len(read(commercial))


def test_two_processes_give_the_same_bytes(inputs: Path, commercial: Path, tmp_path: Path) -> None:
    output = tmp_path / "commercial"
    assert (
        run("build", "--input", inputs, "--licence", "commercial", "--output", output, "--workers", 2)[0] == 0
    )
    assert digest(output) == digest(commercial)


def test_mistakes_are_said_in_one_sentence(inputs: Path, commercial: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Rien ne peut entrer"):
        run(
            "build", "--input", inputs / "sans-licence", "--licence", "commercial", "--output", tmp_path / "a"
        )
    with pytest.raises(UsageError, match="contient déjà un corpus"):
        run("build", "--input", inputs, "--licence", "commercial", "--output", commercial)
    assert (
        run("build", "--input", inputs, "--licence", "commercial", "--output", commercial, "--resume")[0] == 0
    )
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("x")
    with pytest.raises(UsageError, match="pas vide"):
        run("build", "--input", inputs, "--licence", "commercial", "--output", tmp_path / "full")
    with pytest.raises(UsageError, match="est un fichier"):
        run("build", "--input", inputs, "--licence", "commercial", "--output", tmp_path / "full" / "file")
    with pytest.raises(UsageError, match="--tokens 0 : le budget est un nombre de tokens, 1 au moins"):
        run(
            "build", "--input", inputs, "--licence", "commercial", "--output", tmp_path / "t", "--tokens", "0"
        )
    with pytest.raises(UsageError, match="pas un corpus fini"):
        run("inspect", tmp_path)
    (tmp_path / "mix.toml").write_text("[sources]\ncours = -1\n")
    with pytest.raises(UsageError, match="de 0 à 100"):
        run(
            "build",
            "--input",
            inputs,
            "--licence",
            "commercial",
            "--output",
            tmp_path / "b",
            "--mix",
            tmp_path / "mix.toml",
        )


def test_weights_repeat_and_thin_out(inputs: Path, tmp_path: Path) -> None:
    (tmp_path / "mix.toml").write_text("[sources]\ncours = 2\nrecherche = 0\n")
    output = tmp_path / "out"
    assert (
        run(
            "build",
            "--input",
            inputs,
            "--licence",
            "research",
            "--output",
            output,
            "--mix",
            tmp_path / "mix.toml",
        )[0]
        == 0
    )
    rows = read(output)
    assert {row["source"] for row in rows} == {"cours"}
    assert sum(row["id"].endswith("~2") for row in rows) == sum(
        "~" not in row["id"] for row in rows
    ) - _measured(output)


def _measured(folder: Path) -> int:
    """Documents of the splits that are measured on, which are there once."""
    return sum(
        pq.read_table(path).num_rows
        for path in (folder / "data").glob("*.parquet")
        if not path.name.startswith("train")
    )


def test_a_file_cut_short_is_said_counted_and_can_stop(tmp_path: Path) -> None:
    from partages.errors import BadDocument

    folder = source(tmp_path / "in", "cours", [document(seed) for seed in range(40)])
    whole = (folder / "cours.jsonl.gz").read_bytes()
    (folder / "cours.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    status, said = run("build", "--input", folder, "--licence", "commercial", "--output", tmp_path / "a")
    assert status == 1
    assert "coupé avant sa fin" in said
    assert 5 < len(read(tmp_path / "a")) < 35
    assert "coupé avant sa fin" in (tmp_path / "a" / "README.md").read_text(encoding="utf-8")
    with pytest.raises(BadDocument, match="coupé avant sa fin"):
        run(
            "build",
            "--input",
            folder,
            "--licence",
            "commercial",
            "--output",
            tmp_path / "b",
            "--on-damage",
            "stop",
        )
    assert not (tmp_path / "b" / "README.md").exists()


def test_repeated_boilerplate_is_kept_ten_times(tmp_path: Path) -> None:
    notice = " ".join(SENTENCES[-3:])
    texts = [f"{document(seed)}\n{notice}\n{document(seed + 1000, 3)}" for seed in range(25)]
    folder = source(tmp_path / "in", "cours", texts)
    assert run("build", "--input", folder, "--licence", "commercial", "--output", tmp_path / "out")[0] == 0
    rows = read(tmp_path / "out")
    assert len(rows) == 25
    assert sum(notice in row["text"] for row in rows) == 10
    assert len(rejected(tmp_path / "out", "repeated-passage")) == 15


def test_a_whole_text_in_windows_1252_is_read_where_the_sidecar_says_so(tmp_path: Path) -> None:
    folder = source(tmp_path / "in", "cours", [])
    (folder / "cours.jsonl.gz").unlink()
    (folder / "a.txt").write_bytes(document(1).encode("cp1252", "ignore"))
    status, said = run("build", "--input", folder, "--licence", "commercial", "--output", tmp_path / "a")
    assert status == 1
    assert 'encoding = "auto"' in said
    with (folder / "source.toml").open("a", encoding="utf-8") as file:
        file.write('\n[options]\nencoding = "auto"\n')
    assert run("build", "--input", folder, "--licence", "commercial", "--output", tmp_path / "b")[0] == 0
    assert [row["text"] for row in read(tmp_path / "b")] == [
        document(1).encode("cp1252", "ignore").decode("cp1252")
    ]


def test_of_two_records_of_one_source_the_one_free_for_commerce_stays(tmp_path: Path) -> None:
    folder = source(tmp_path / "in", "cours", [])
    rows = [
        {"text": document(1), "licence": "CC-BY-NC-4.0"},
        {"text": changed(document(1), 0.1, 1), "licence": "CC-BY-4.0"},
        {"text": document(2), "licence": "CC-BY-NC-4.0"},
    ]
    with gzip.open(folder / "cours.jsonl.gz", "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    with (folder / "source.toml").open("a", encoding="utf-8") as file:
        file.write('\n[options]\nkeep = ["licence"]\n')
    for edition, licences in (("research", ["CC-BY-4.0", "CC-BY-NC-4.0"]), ("commercial", ["CC-BY-4.0"])):
        assert run("build", "--input", folder, "--licence", edition, "--output", tmp_path / edition)[0] == 0
        assert sorted(row["licence"] for row in read(tmp_path / edition)) == licences


def test_an_index_made_from_data_at_hand_protects_the_corpus_and_the_card_says_of_what(
    tmp_path: Path,
) -> None:
    pytest.importorskip("lm_eval")
    asked = "Chez un adulte imaginaire porteur d'une valve fictive, quel anticoagulant inventé convient le mieux au long cours ?"
    answers = dict(zip("abcde", ("le premier", "le second", "le suivant", "aucun", "tous"), strict=True))
    data = tmp_path / "data" / "frenchmedmcqa"
    data.mkdir(parents=True)
    row = {"id": "1", "question": asked, "answers": answers, "correct_answers": ["a"], "type": "simple"}
    (data / "test.json").write_text(json.dumps([row]), encoding="utf-8")
    index = tmp_path / "essais.npz"
    status, said = run("benchmarks", "--data", tmp_path / "data", "-o", index)
    assert status == 0, said
    assert "frenchmedmcqa : train 2139, validation 310, test 1\n" in said
    assert "mediqal : rien ; manque : test" in said
    with pytest.raises(UsageError, match=r"-o INDEX\.npz"):
        run("benchmarks", "--fetch")
    source(
        tmp_path / "in",
        "cours",
        [document(1), f"{asked} A. Le premier. B. Le second. Réponse A.", document(2)],
    )
    common = ("build", "--input", tmp_path / "in", "--licence", "commercial", "--benchmark", index)
    assert run(*common, "--output", tmp_path / "a")[0] == 0
    assert [row["detail"] for row in rejected(tmp_path / "a", "benchmark")] == ["frenchmedmcqa"]
    assert len(read(tmp_path / "a")) == 2
    card = (tmp_path / "a" / "README.md").read_text(encoding="utf-8")
    lacking = next(line for line in card.split("\n") if line.startswith("**Pas comparé à"))
    assert "mediqal (test)" in lacking
    assert "frenchmedmcqa" not in lacking
    assert "pxcorpus (test 1\u202f726)" in card
    assert run(*common, "--output", tmp_path / "b", "--keep-benchmark", "frenchmedmcqa")[0] == 0
    assert len(read(tmp_path / "b")) == 3
    assert "left in on request**: frenchmedmcqa." in (tmp_path / "b" / "README.md").read_text(
        encoding="utf-8"
    )
    with pytest.raises(UsageError, match="« inconnu » n'est pas un banc d'essai"):
        run(*common, "--output", tmp_path / "c", "--keep-benchmark", "inconnu")
    assert not (tmp_path / "c").exists()
