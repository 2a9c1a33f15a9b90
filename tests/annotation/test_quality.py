"""Annotators of an INCEpTION project; pre-annotation, and what became of it."""

import json
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from partages.annotation import ENTITE_ANONYMISATION
from partages.annotation.corrections import changes
from partages.annotation.inception import is_project, read_project
from partages.annotation.uima import read_cas, write_cas
from partages.cli import cli
from partages.documents import Document, Span
from partages.errors import PartagesError

TEXT = "Madame Claire Dubreuil vit à Nantes depuis 1998."
CLAIRE, DUBREUIL, NANTES = Span(7, 13, "Prenom"), Span(14, 22, "Nom"), Span(29, 35, "Ville")


def cas(*spans: Span, text: str = TEXT) -> str:
    return write_cas(Document("d", text), spans, ENTITE_ANONYMISATION)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Two annotators of two documents, a third of one; one file is zipped, as INCEpTION may do."""
    root = tmp_path / "projet"
    work = {
        "un.txt": {"alice": (CLAIRE, DUBREUIL, NANTES), "bob": (CLAIRE, DUBREUIL), "carole": (DUBREUIL,), "INITIAL_CAS": ()},
        "deux.txt": {"alice": (CLAIRE,), "bob": (CLAIRE,)},
    }  # fmt: skip
    for document, people in work.items():
        folder = root / "annotation" / document
        folder.mkdir(parents=True)
        for who, spans in people.items():
            if who == "carole":
                with zipfile.ZipFile(folder / "carole.zip", "w") as archive:
                    archive.writestr("carole.json", cas(*spans))
            else:
                (folder / f"{who}.json").write_text(cas(*spans), encoding="utf-8")
    return root


def run(*arguments: object) -> dict:
    found = CliRunner().invoke(cli, [*map(str, arguments), "--format", "json"], catch_exceptions=False)
    return json.loads(found.stdout)


def test_a_project_gives_each_annotator(project: Path, tmp_path: Path) -> None:
    assert is_project(project)
    people = read_project(project, ENTITE_ANONYMISATION)
    assert {who: sorted(work) for who, work in people.items()} == {
        "alice": ["deux.txt", "un.txt"], "bob": ["deux.txt", "un.txt"], "carole": ["un.txt"]
    }  # fmt: skip
    archive = tmp_path / "projet.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in project.rglob("*"):
            file.write(path, path.relative_to(project))
    assert read_project(archive, ENTITE_ANONYMISATION) == people


def test_agreement_of_a_project(project: Path, tmp_path: Path) -> None:
    found = run("evaluate", "agreement", project, "--disagreements", tmp_path / "d.json")
    # pairs of document one: 2 of (3+2), 1 of (3+1), 1 of (2+1); of document two: 1 of (1+1)
    assert found["figures"]["entity_f1_exact"]["value"] == pytest.approx(2 * 5 / 14)
    assert found["pairs"]["alice – bob"]["entity_f1_exact"]["value"] == pytest.approx(2 * 3 / 7)
    listed = json.loads((tmp_path / "d.json").read_text())
    assert {(d["label"], tuple(d["by"]), tuple(d["not_by"])) for d in listed} == {
        ("Prenom", ("alice", "bob"), ("carole",)), ("Ville", ("alice",), ("bob", "carole"))
    }  # fmt: skip
    assert "Nantes" not in json.dumps(listed)


def test_changes_by_hand() -> None:
    patient = Span(14, 22, "Nom", {"RolePER": "Patient"})
    before = [CLAIRE, patient, NANTES, Span(43, 47, "DateIdentifiante"), Span(0, 6, "Nom")]
    after = [
        CLAIRE,
        Span(14, 22, "Nom", {"RolePER": "Autre"}),
        Span(29, 47, "Ville"),
        Span(43, 47, "DateNonIdentifiante"),
        Span(23, 26, "Nom"),
    ]
    assert [(c.kind, c.start) for c in changes("d", before, after)] == [
        ("removed", 0), ("kept", 7), ("attributes", 14), ("added", 23), ("moved", 29), ("relabelled", 43)
    ]  # fmt: skip
    assert {c.kind for c in changes("d", before, before)} == {"kept"}


def test_preannotation_goes_out_and_its_corrections_are_measured(tmp_path: Path) -> None:
    source = tmp_path / "texte"
    source.mkdir()
    (source / "a.txt").write_text(
        "Madame Claire Dubreuil, tél. 06 12 34 56 78, est venue le 3 mars 2021.", encoding="utf-8"
    )
    out, corrected = tmp_path / "pre", tmp_path / "corrigé"
    done = CliRunner().invoke(
        cli,
        ["evaluate", "preannotate", str(source), "--engine", "fast", "-o", str(out)],
        catch_exceptions=False,
    )
    assert done.exit_code == 0
    manifest = json.loads((out / "preannotation.json").read_text())
    text, spans = read_cas((out / "a.json").read_text(), ENTITE_ANONYMISATION)
    assert manifest["spans"] == len(spans) > 0
    assert manifest["engine"] == "fast"
    corrected.mkdir()
    (corrected / "a.json").write_text(cas(*spans[1:], text=text), encoding="utf-8")
    found = run("evaluate", "corrections", out, corrected, "-o", tmp_path / "r.json")
    entry = found["annotators"]["corrigé"]
    assert entry["changes"]["removed"] == 1
    assert entry["figures"]["share_corrected"]["value"] == pytest.approx(1 / len(spans))
    assert found["preannotation"]["engine"] == "fast"
    assert "Dubreuil" not in (tmp_path / "r.json").read_text()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["agreement", "un"], "au moins deux annotateurs"),
        (["preannotate", "un", "-o", "un"], "n'est pas vide"),
        (["corrections", "un", "deux"], "n'a pas été pré-annoté"),
    ],
)
def test_what_cannot_be_compared_is_refused(tmp_path: Path, arguments: list[str], says: str) -> None:
    for name, document in (("un", "a"), ("deux", "b")):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{document}.json").write_text(cas(CLAIRE), encoding="utf-8")
    given = [str(tmp_path / item) if (tmp_path / item).exists() else item for item in arguments]
    with pytest.raises(PartagesError, match=says):
        CliRunner().invoke(cli, ["evaluate", *given], catch_exceptions=False)
