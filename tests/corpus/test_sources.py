"""Sources: the catalogue, what a folder holds, files of all forms, whole and damaged."""

import gzip
import json
import random
from pathlib import Path

import pytest
from click.testing import CliRunner

from partages.corpus.commands import corpus
from partages.corpus.licences import licence_named, licences
from partages.corpus.sources import (
    Damage,
    DamagedSource,
    Record,
    Source,
    catalogue,
    read,
    source_from,
    sources_in,
)
from partages.errors import PartagesError, UsageError

FIELDS = {
    "name": "essai", "title": "Essai", "publisher": "Nous", "home": "ici", "licence": "CC-BY-4.0", "commercial": True,
    "attribution": "Nous, CC BY 4.0", "language": "fr", "kind": "case", "use": "pre-training", "reader": "folder",
}  # fmt: skip
SENTENCES = [
    f"Patient n° {number} : glycémie ≥ {number / 10} g/L, µ = {number} µg/kg." for number in range(2000)
]


def source(**changed: object) -> Source:
    return source_from({**FIELDS, **changed}, "essai")


def told(given: Source, *paths: Path) -> tuple[list[Record], list[Damage]]:
    damages: list[Damage] = []
    return list(read(given, paths, damaged=damages.append)), damages


def test_every_source_has_a_licence_that_agrees_with_its_commercial_use() -> None:
    for one in catalogue().values():
        assert licences()[one.licence].commercial or not one.commercial, one.name
        assert one.attribution
        assert one.home.startswith("https://"), one.name


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"licence": "inconnue"}, "licence inconnue"),
        ({"licence": ""}, "il manque licence"),
        ({"licence": "CC-BY-NC-4.0"}, "ne permet pas l'usage commercial"),
        ({"kind": "roman"}, "kind"),
        ({"commercial": "oui"}, "commercial"),
        ({"couleur": "bleu"}, "champ inconnu, couleur"),
    ],
)
def test_a_source_that_says_too_little_or_wrong_is_refused(changed: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        source(**changed)


@pytest.mark.parametrize(
    ("written", "identifier"),
    [
        ("http://creativecommons.org/licenses/by/", "CC-BY-4.0"),
        ("https://creativecommons.org/licenses/by-nc-sa/3.0/", "CC-BY-NC-SA-3.0"),
        ("http://creativecommons.org/licenses/by-nd/4.0/", None),
        ("http://creativecommons.org/licenses/by-nc-nd/", None),
        ("Licence Ouverte / Open Licence version 2.0", "etalab-2.0"),
        ("cc by 4.0", "CC-BY-4.0"),
        ("cc-by-4.0", "CC-BY-4.0"),
        ("info:eu-repo/semantics/OpenAccess", None),
        ("tous droits réservés", None),
        ("", None),
        ("LicenseRef-per-document", None),
    ],
)
def test_a_licence_is_recognised_as_publishers_write_it(written: str, identifier: str | None) -> None:
    found = licence_named(written)
    assert (found.id if found else None) == identifier


def test_lines_plain_and_compressed(tmp_path: Path) -> None:
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress("\n".join(SENTENCES[:3]).encode()))
    (tmp_path / "b.txt").write_text("un\r\n\r\ndeux\n", encoding="utf-8")
    records, damages = told(source(options={"format": "lines"}), tmp_path / "a.txt.gz", tmp_path / "b.txt")
    assert [one.text for one in records] == [*SENTENCES[:3], "un", "deux"]
    assert [one.id for one in records][-2:] == ["essai/b/1", "essai/b/3"]
    assert not damages


def test_a_gzip_cut_short_gives_what_precedes_and_says_so(tmp_path: Path) -> None:
    data = gzip.compress("\n".join(SENTENCES).encode())
    cut, whole = tmp_path / "cut.txt.gz", tmp_path / "whole.txt.gz"
    cut.write_bytes(data[: len(data) // 2])
    whole.write_bytes(data)
    records, damages = told(source(), cut, whole)
    first = [one.text for one in records if one.id.startswith("essai/cut/")]
    assert 0 < len(first) < len(SENTENCES)
    assert first == SENTENCES[: len(first)], "a line cut in two is not a line"
    assert len(records) - len(first) == len(SENTENCES), "the next file is read all the same"
    assert [(one.slug, one.lost) for one in damages] == [("truncated", "rest")]
    with pytest.raises(DamagedSource, match="coupé"):
        list(read(source(), [cut]))


def test_a_corrupt_gzip_is_told_and_never_crashes(tmp_path: Path) -> None:
    data = gzip.compress("\n".join(SENTENCES).encode())
    dice = random.Random(0)
    for trial in range(40):
        spoiled = bytearray(data)
        spoiled[dice.randrange(len(spoiled) - 8)] ^= 1 << dice.randrange(8)
        path = tmp_path / f"{trial}.txt.gz"
        path.write_bytes(spoiled)
        records, damages = told(source(), path)
        if [one.text for one in records] != SENTENCES:
            assert damages, f"a byte changed, the text too, and nothing was said (trial {trial})"
    (tmp_path / "no.txt.gz").write_bytes(b"not gzip at all")
    assert [one.slug for one in told(source(), tmp_path / "no.txt.gz")[1]] == ["corrupt"]


def test_a_line_in_another_encoding_is_left_and_counted(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"un\n" + "été".encode("cp1252") + b"\ntrois\n")
    records, damages = told(source(options={"format": "lines"}), tmp_path / "a.txt")
    assert [one.text for one in records] == ["un", "trois"]
    assert [(one.slug, one.lost) for one in damages] == [("encoding", "record")]
    assert "ligne 2" in damages[0].reason


def test_a_line_without_end_is_left_and_what_follows_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("partages.corpus.readers.MAX_LINE", 1000)
    (tmp_path / "a.txt.gz").write_bytes(
        gzip.compress(b"un\n" + b"x" * 5500 + b"\ntrois\n" + b"y" * 999 + b"\n")
    )
    records, damages = told(source(), tmp_path / "a.txt.gz")
    assert [one.text for one in records] == ["un", "trois", "y" * 999]
    assert [one.slug for one in damages] == ["row"]


def test_json_lines_tables_and_their_bad_rows(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "un", "n": 1}\npas du JSON\n{"autre": 2}\n{"text": "deux"}\n')
    records, damages = told(source(options={"keep": ["n"]}), tmp_path / "a.jsonl")
    assert [(one.text, one.metadata) for one in records] == [("un", {"n": 1}), ("deux", {})]
    assert [one.slug for one in damages] == ["row", "row"]
    (tmp_path / "b.csv").write_text('titre;corps\nA;"un ""mot"""\nB\nC;trois\n')
    records, damages = told(source(options={"text": ["titre", "corps"]}), tmp_path / "b.csv")
    assert [one.text for one in records] == ['A\n\nun "mot"', "C\n\ntrois"]
    assert len(damages) == 1


def test_parquet_whole_and_cut(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    import pyarrow.parquet as parquet

    parquet.write_table(pyarrow.table({"text": SENTENCES, "id": list(range(2000))}), tmp_path / "a.parquet")
    records, damages = told(source(options={"id": "id"}), tmp_path / "a.parquet")
    assert [one.text for one in records] == SENTENCES
    assert (records[7].id, records[7].metadata) == ("essai/a/8", {"published_id": "7"})
    data = (tmp_path / "a.parquet").read_bytes()
    (tmp_path / "b.parquet").write_bytes(data[: len(data) // 2])
    records, damages = told(source(), tmp_path / "b.parquet")
    assert [one.slug for one in damages] == ["corrupt"]


def test_questions_carry_their_choices_and_answers(tmp_path: Path) -> None:
    question = {
        "id": "q1",
        "question": "Laquelle ?",
        "answers": {"a": "Un", "b": "Deux"},
        "correct_answers": ["b"],
    }
    (tmp_path / "q.json").write_text(json.dumps([question]))
    records, _ = told(source(options={"questions": True, "id": "id"}), tmp_path / "q.json")
    assert records == [
        Record("essai/q/1", "Laquelle ?\nA. Un\nB. Deux\nRéponse : Deux", {"published_id": "q1"})
    ]
    (tmp_path / "cut.json").write_text(json.dumps([question])[:-5])
    assert [one.slug for one in told(source(options={"questions": True}), tmp_path / "cut.json")[1]] == [
        "corrupt"
    ]


@pytest.mark.parametrize(
    "documents",
    [
        [{"type": "CRH", "header": "Haut", "text": "Un."}, {"type": "CRO", "header": "", "text": "Deux."}],
        {"type": ["CRH", "CRO"], "header": ["Haut", ""], "text": ["Un.", "Deux."]},
    ],
)
def test_cases_of_several_documents_are_one_text(tmp_path: Path, documents: object) -> None:
    (tmp_path / "c.jsonl").write_text(
        json.dumps({"id": "c1", "specialty": "urologie", "documents": documents})
    )
    records, damages = told(
        source(options={"documents": "documents", "keep": ["specialty"]}), tmp_path / "c.jsonl"
    )
    assert records == [
        Record("essai/c/1", "Haut\nUn.\n\nDeux.", {"specialty": "urologie", "published_id": "c1"})
    ]
    assert not damages


def test_what_has_no_known_licence_is_refused_and_a_sidecar_admits_it(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "mine.txt").write_text("Un texte.")
    (tmp_path / "README.md").write_text("Notes.")
    (tmp_path / "cerimes.txt.gz").write_bytes(gzip.compress(b"Un cours.\n"))
    listing = sources_in(tmp_path)
    assert [one.source.name for one in listing.inputs] == ["cerimes"]
    assert [one.location for one in listing.refused] == ["sub/mine.txt"]
    assert "licence" in listing.refused[0].reason
    done = CliRunner().invoke(
        corpus,
        ["add", str(tmp_path / "sub"), "--name", "mien", "--title", "Mien", "--publisher", "Moi", "--home", "ici",
         "--licence", "cc by-nc 4.0", "--attribution", "Moi", "--kind", "case"],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    listing = sources_in(tmp_path)
    assert not listing.refused
    mine = next(one for one in listing.inputs if one.source.name == "mien")
    assert not mine.source.commercial
    assert [one.text for one in read(mine.source, mine.paths)] == ["Un texte."]


def test_a_full_name_goes_before_a_pattern(tmp_path: Path) -> None:
    (tmp_path / "frasimed").mkdir()
    (tmp_path / "frasimed" / "wmt_18_medline.txt").write_text("Résumé.")
    (tmp_path / "frasimed" / "cas1.txt").write_text("Cas.")
    found = {one.source.name: [path.name for path in one.paths] for one in sources_in(tmp_path).inputs}
    assert found == {"frasimed": ["cas1.txt"], "wmt18-medline": ["wmt_18_medline.txt"]}


@pytest.mark.parametrize("form", ["jsonl", "parquet", "csv"])
def test_rows_may_say_their_own_source_and_licence(tmp_path: Path, form: str) -> None:
    rows = [
        {"text": "Texte libre.", "source": "Atelier", "licence": "CC-BY-4.0"},
        {
            "text": "Texte de recherche.",
            "source": "Autre",
            "licence": "https://creativecommons.org/licenses/by-nc/4.0/",
        },
        {"text": "Texte sans licence.", "source": "Perdu", "licence": ""},
        {"text": "Question d'épreuve.", "source": "mediqal", "licence": "CC-BY-4.0"},
        {"text": "Résumé.", "source": "wmt18-medline", "licence": "CC-BY-4.0"},
    ]
    path = tmp_path / f"lignes.{form}"
    if form == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif form == "csv":
        path.write_text("text;source;licence\n" + "".join(";".join(row.values()) + "\n" for row in rows))
    else:
        pyarrow = pytest.importorskip("pyarrow")
        import pyarrow.parquet as parquet

        parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    listing = sources_in(tmp_path)
    found = {one.source.name: one for one in listing.inputs}
    assert {
        name: (one.source.licence, one.source.commercial, one.source.use) for name, one in found.items()
    } == {
        "atelier": ("CC-BY-4.0", True, "pre-training"),
        "autre": ("CC-BY-NC-4.0", False, "pre-training"),
        "mediqal": ("CC-BY-4.0", True, "evaluation"),
        "wmt18-medline-cc-by-4.0": ("CC-BY-4.0", False, "pre-training"),
    }
    assert [one.text for one in read(found["atelier"].source, found["atelier"].paths)] == ["Texte libre."]
    assert len(listing.refused) == 1
    assert "Perdu" in listing.refused[0].reason


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--licence", "gratuit"], "Licence inconnue"),
        (["--licence", "CC-BY-4.0", "--name", ""], "Il manque --name"),
        (["--licence", "CC-BY-4.0", "--name", "anses"], "déjà dans le catalogue"),
        (["--licence", "CC-BY-4.0", "--name", "Pas bon"], "nom de source"),
    ],
)
def test_add_refuses_in_one_sentence(tmp_path: Path, options: list[str], said: str) -> None:
    base = [
        "add",
        str(tmp_path),
        "--name",
        "x",
        "--title",
        "X",
        "--publisher",
        "Y",
        "--home",
        "z",
        "--attribution",
        "w",
        "--kind",
        "case",
    ]
    failed = CliRunner().invoke(corpus, [*base, *options])
    assert isinstance(failed.exception, PartagesError)
    assert said in str(failed.exception)
    assert not list(tmp_path.iterdir())


DESCRIBED = ["--name", "x", "--title", "X", "--publisher", "Y", "--home", "https://exemple.invalid", "--attribution", "w", "--kind", "case"]  # fmt: skip


def test_add_describes_a_source_to_read_at_its_home(tmp_path: Path) -> None:
    target = tmp_path / "x.toml"
    more = [
        "--reader",
        "hub",
        "--option",
        "repo=org/jeu",
        "--option",
        "files=data/*.parquet",
        "--text",
        "corps",
    ]
    done = CliRunner().invoke(corpus, ["add", str(target), "--licence", "CC-BY-4.0", *DESCRIBED, *more])
    assert done.exit_code == 0, done.output
    (given,) = sources_in(target).inputs
    assert (given.source.reader, given.paths) == ("hub", ())
    assert given.source.options == {"repo": "org/jeu", "files": ["data/*.parquet"], "text": "corps"}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ([], "--reader"),
        (["--reader", "hub"], "--option repo="),
        (["--reader", "oai", "--option", "url"], "CLÉ=VALEUR"),
    ],
)
def test_a_described_source_needs_to_say_where(tmp_path: Path, more: list[str], said: str) -> None:
    failed = CliRunner().invoke(
        corpus, ["add", str(tmp_path / "x.toml"), "--licence", "MIT", *DESCRIBED, *more]
    )
    assert said in str(failed.exception)
    assert not list(tmp_path.iterdir())


def test_a_broken_sidecar_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Un texte.")
    (tmp_path / "source.toml").write_text("name = ")
    with pytest.raises(UsageError, match="TOML"):
        sources_in(tmp_path)
    (tmp_path / "source.toml").write_text('name = "nulle-part"')
    with pytest.raises(UsageError, match="catalogue"):
        sources_in(tmp_path)
    everything = "\n".join(
        f"{key} = {json.dumps(value)}" for key, value in {**FIELDS, "name": "wmt18-medline"}.items()
    )
    (tmp_path / "source.toml").write_text(everything)
    with pytest.raises(UsageError, match="nommez autrement"):
        sources_in(tmp_path)
    (tmp_path / "source.toml").write_text('name = "cerimes"')
    assert sources_in(tmp_path / "a.txt").inputs[0].source.name == "cerimes"


def test_sources_lists_the_catalogue_as_json_lines() -> None:
    done = CliRunner().invoke(corpus, ["sources", "--format", "jsonl"])
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["name"] for row in rows] == list(catalogue())
    commerce = CliRunner().invoke(corpus, ["sources", "--format", "json", "--commercial"])
    names = {row["name"] for row in json.loads(commerce.stdout)}
    assert "wmt18-medline" not in names
    assert "cerimes" in names


@pytest.mark.shared
def test_everything_in_the_shared_folder_is_recognised_and_read(shared: Path) -> None:
    listing = sources_in(shared)
    assert not listing.refused
    counts = {}
    for one in listing.inputs:
        records = list(read(one.source, one.paths, root=one.root))
        assert len({record.id for record in records}) == len(records), one.source.name
        counts[one.source.name] = len(records)
    assert counts == {
        "anses": 2542, "cerimes": 22, "cnedimts": 2103, "ecdc": 2556, "frasimed": 1630, "frenchmedmcqa": 2171,
        "frenchmedmcqa-eval": 312, "mantra-gsc": 250, "morfitt": 1514, "morfitt-eval": 1022, "pxcorpus": counts["pxcorpus"],
        "qualiscope": 323, "quaero": 2536, "wikipedia": 327, "wmt18-medline": 49,
    }  # fmt: skip
