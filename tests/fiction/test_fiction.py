"""Fictitious cases: drawn, written, checked, reviewed, exported; each check seen to fail."""

import io
import json
from datetime import date
from pathlib import Path

import docx
import pytest
from click.testing import CliRunner

from partages.errors import BadDocument, PartagesError, UsageError
from partages.fiction.case import Case, Coded, exported, parse_case, read_case, write_case
from partages.fiction.checks import Finding, check, check_together, passes
from partages.fiction.commands import fiction
from partages.fiction.draft import draft
from partages.fiction.export import export
from partages.fiction.identities import is_nobodys
from partages.fiction.review import review
from partages.fiction.sampler import figures, read_reasons, sample, shares, shipped_reasons
from partages.fiction.sheet import as_docx, as_text, from_docx, write_texts
from partages.fiction.templates import templates
from partages.models.generator import ScriptedGenerator
from partages.terminologies.cim10 import MCO, load
from tests.fiction.conftest import gallstones, told

DAY = date(2026, 1, 2)


def changed(case: Case, kind: str, old: str, new: str) -> Case:
    text = case.document(kind).text
    assert old in text
    return write_texts(case, {kind: text.replace(old, new)}, case.author)


def errors(findings: list[Finding]) -> set[str]:
    return {one.check for one in findings if one.level == "error"}


# --- scenarios


def test_the_draw_meets_the_public_figures() -> None:
    reasons = shipped_reasons()
    weights = shares(reasons)
    stays = sum(weight for weight, one in zip(weights, reasons, strict=True) if one.discipline)
    without = (
        sum(w for w, one in zip(weights, reasons, strict=True) if one.discipline and not one.nights) / stays
    )
    assert without == pytest.approx(figures()["stays_without_night"]["value"], abs=1e-6)
    wanted = figures()["disciplines"]["value"]
    for name, count in wanted.items():
        share = sum(w for w, one in zip(weights, reasons, strict=True) if one.discipline == name) / stays
        assert share == pytest.approx(count / sum(wanted.values()), abs=1e-3), name
    drawn = sample(1500, 5)
    surgical = sum(case.documents[0].type == "CRO" or "chirurgie" in case.specialty for case in drawn)
    assert surgical > 200


def test_every_figure_says_its_source_or_that_it_is_ours() -> None:
    for name, one in figures().items():
        assert one["source"], name
        assert one["approximation"] or one["url"].startswith("https://"), name


def test_every_drawn_case_is_possible() -> None:
    nomenclature = load()
    for case in sample(400, 11):
        scenario, setting = case.scenario, case.setting
        assert nomenclature[scenario.primary_diagnosis[0].code].type is MCO.FREE
        assert setting.discharge_date >= setting.admission_date
        assert (setting.discharge_date - setting.admission_date).days == setting.length_of_stay.value
        age = (setting.admission_date - setting.birth_date).days / 365.25
        if scenario.age.unit == "ans":
            assert scenario.age.value <= age < scenario.age.value + 1, case.local_id
        else:
            assert scenario.age.value - 0.1 <= age * 12 <= scenario.age.value + 1.1
        if scenario.primary_diagnosis[0].code[0] == "O":
            assert scenario.sex == "F"
            assert scenario.age.value < 50
        if scenario.primary_diagnosis[0].code in ("N40", "C61"):
            assert scenario.sex == "M"
        assert is_nobodys(scenario.name.split()[-1].title())
        assert scenario.name in case.documents[0].header


def test_the_same_seed_gives_the_same_cases_and_more_adds_to_them() -> None:
    assert sample(5, 2) == sample(8, 2)[:5]
    assert [one.id for one in sample(5, 2)] != [one.id for one in sample(5, 3)]
    assert len({one.id for one in sample(300, 2)}) == 300


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("cardiologie\tx\tK80\t\t\t\t1\t1\t2\t0\t0\t0\tCRH", "ne se code pas"),
        ("cardiologie\tx\tW0199\t\t\t\t1\t1\t2\t0\t0\t0\tCRH", "ne se code pas"),
        ("cardiologie\tx\tI10\t\t\t\t1\t1\t2\t0\t0\t0\tZZZ", "document inconnu"),
        ("cardiologie\tx\tZZZ\t\t\t\t1\t1\t2\t0\t0\t0\tCRH", "pas un code"),
        ("cardiologie\tx\tI10", "13 colonnes"),
        ("# rien", "aucune ligne"),
    ],
)
def test_a_table_of_reasons_that_is_wrong_is_refused(line: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        read_reasons(line)


# --- writing


def test_the_sheet_says_the_scenario_and_every_section(drawn: Case) -> None:
    text = as_text(drawn)
    for wanted in (drawn.scenario.name, "HMFC004", "K800", drawn.setting.hospital, "Cholécystectomie"):
        assert wanted in text
    for document in drawn.documents:
        assert all(title in text for title, _ in templates()[document.type].sections)


def test_a_sheet_written_in_word_comes_back(drawn: Case) -> None:
    sheet = docx.Document(io.BytesIO(as_docx(drawn)))
    assert from_docx(drawn, as_docx(drawn), "vide.docx") == {}, "hints and headings are not text"
    for at, paragraph in enumerate(sheet.paragraphs):
        if paragraph.text == "Motif d'hospitalisation":
            sheet.paragraphs[at + 2].text = "Douleur de l'hypochondre droit.\nFièvre."
        if paragraph.text == "Conclusion" and paragraph.style.name == "Heading 2":
            sheet.paragraphs[at + 2].text = "Suites simples."
    stream = io.BytesIO()
    sheet.save(stream)
    texts = from_docx(drawn, stream.getvalue(), "a.docx")
    assert texts == {
        "CRH": "Motif d'hospitalisation\nDouleur de l'hypochondre droit.\nFièvre.\n\nConclusion\nSuites simples.",
        "CRO": "Conclusion\nSuites simples.",
    }
    again = write_texts(drawn, texts, "A1")
    assert from_docx(again, as_docx(again), "b.docx") == texts, "what is written stays in its place"
    other = sample(1, 99)[0]
    with pytest.raises(BadDocument, match="n'est pas la fiche"):
        from_docx(other, stream.getvalue(), "a.docx")
    with pytest.raises(BadDocument, match="lisible"):
        from_docx(drawn, b"PK\x03\x04rien", "c.docx")


# --- checks: each passes on the good case, and fails on its own fault


def test_a_good_case_passes(written: Case) -> None:
    findings = check(written)
    assert passes(findings), findings


@pytest.mark.parametrize(
    ("kind", "old", "new", "fails"),
    [
        ("CRH", "est adm", "est suivi par le Dr Robert Martin et adm", "personnes"),
        ("CRH", "par infirmière", "par infirmière (06 12 34 56 78)", "personnes"),
        ("CRH", "Conclusion :", "Adresse électronique : jean.petit@orange.fr\nConclusion :", "personnes"),
        ("CRH", "Conclusion :", "Transfert du CHU de Nantes discuté.\nConclusion :", "personnes"),
        ("CRH", "Pas de tabac", "[à compléter] Pas de tabac", "consigne"),
        ("CRO", "Intervention :", "Rappel : enfant de 7 ans.\nIntervention :", "âge"),
    ],
)
def test_each_fault_is_found(written: Case, kind: str, old: str, new: str, fails: str) -> None:
    assert errors(check(changed(written, kind, old, new))) == {fails}


def test_a_fictitious_telephone_number_is_allowed(written: Case) -> None:
    assert passes(check(changed(written, "CRH", "par infirmière", "par infirmière (06 39 98 12 34)")))


def test_another_sex_another_age_another_disease_another_act_are_found(written: Case) -> None:
    other = "M" if written.scenario.sex == "F" else "F"
    assert "sexe" in errors(
        check(written.model_copy(update={"scenario": written.scenario.model_copy(update={"sex": other})}))
    )
    older = written.scenario.age.model_copy(update={"value": written.scenario.age.value + 9})
    found = errors(
        check(written.model_copy(update={"scenario": written.scenario.model_copy(update={"age": older})}))
    )
    assert found == {"âge"}
    stroke = [Coded(code="I639", description=load()["I639"].title)]
    scenario = written.scenario.model_copy(update={"primary_diagnosis": stroke})
    assert errors(check(written.model_copy(update={"scenario": scenario}))) == {"diagnostic"}
    hip = Coded(code="NEKA020", description="Remplacement de l'articulation coxofémorale par prothèse totale")
    scenario = written.scenario.model_copy(update={"primary_procedure": hip})
    assert errors(check(written.model_copy(update={"scenario": scenario}))) == {"acte"}


@pytest.mark.parametrize(
    ("admission", "discharge", "warned"),
    [
        ("urgences", "domicile", set()),
        ("domicile, programmée", "domicile", {"entrée"}),
        ("urgences", "décès", {"sortie"}),
        ("urgences", "soins de suite et de réadaptation", {"sortie"}),
    ],
)
def test_modes_that_the_text_does_not_tell_are_for_the_reviewer(
    written: Case, admission: str, discharge: str, warned: set[str]
) -> None:
    scenario = written.scenario.model_copy(update={"admission_mode": admission, "discharge_mode": discharge})
    findings = check(written.model_copy(update={"scenario": scenario}))
    assert {one.check for one in findings if one.level == "warning"} == warned
    assert passes(findings)


def test_codes_that_do_not_exist_or_may_not_lead_are_found(written: Case) -> None:
    for code in ("K80", "K9999", "W0199", "X"):
        wrong = written.abstract().model_copy(
            update={"primary_diagnosis": [Coded(code=code, description="?")]}
        )
        assert "codes" in errors(check(written.model_copy(update={"structured_abstract": wrong}))), code
    wrong = written.abstract().model_copy(update={"primary_procedure": Coded(code="HM4", description="?")})
    assert "codes" in errors(check(written.model_copy(update={"structured_abstract": wrong})))


def test_too_short_is_found(written: Case) -> None:
    short = write_texts(written, {"CRO": "Cholécystectomie cœlioscopique sans incident."}, "A12")
    assert errors(check(short)) == {"mots"}


def test_a_copied_text_is_found_across_cases(written: Case) -> None:
    other = gallstones(4)
    copied = write_texts(other, told(other), "A13")
    found = check_together([written, copied])
    assert {(number, one.check) for number, one in found} == {(1, "copie")}
    assert check_together([written]) == []


# --- drafts, review, export


def test_a_draft_is_marked_and_stays_marked_once_edited(drawn: Case) -> None:
    generator = ScriptedGenerator(["Ébauche du modèle."] * 3)
    case = draft(drawn, "CRH", generator)
    assert (case.document("CRH").origin, case.document("CRH").model) == ("generated", "scripted")
    assert drawn.scenario.name in generator.prompts[0].user
    edited = write_texts(case, told(drawn), "A12")
    assert edited.document("CRH").origin == "assisted"
    assert edited.document("CRO").origin == "human"
    assert not edited.human
    with pytest.raises(UsageError, match="déjà écrit"):
        draft(edited, "CRO", generator)
    with pytest.raises(UsageError, match="déjà écrit"):
        draft(edited, "CRH", generator)


def test_a_review_is_by_another_and_of_these_texts(written: Case) -> None:
    with pytest.raises(UsageError, match="second médecin"):
        review(written, "a12 ", "accepted", "", "", DAY)
    with pytest.raises(UsageError, match="ce qu'il faut changer"):
        review(written, "B07", "changes", "", "", DAY)
    accepted = review(written, "B07", "accepted", "", "", DAY)
    assert accepted.accepted
    touched = changed(accepted, "CRH", "Suites simples", "Suites très simples")
    assert touched.accepted is None, "a text changed since is no longer reviewed"


def test_a_case_that_fails_a_check_is_accepted_only_with_a_reason_that_is_kept(written: Case) -> None:
    wrong = changed(written, "CRH", "est adm", "est suivi par le Dr Robert Martin et adm")
    with pytest.raises(UsageError, match="CRH personnes"):
        review(wrong, "B07", "accepted", "", "", DAY)
    kept = review(wrong, "B07", "accepted", "", "Nom d'emprunt du jury", DAY)
    assert kept.accepted
    assert kept.accepted.despite == "Nom d'emprunt du jury"


def test_human_and_assisted_texts_are_never_in_one_file(written: Case, drawn: Case, tmp_path: Path) -> None:
    human = review(written, "B07", "accepted", "", "", DAY)
    mixed = write_texts(draft(drawn, "CRH", ScriptedGenerator(["Ébauche."])), told(drawn), "A12")
    mixed = review(mixed.model_copy(update={"id": "0" * 12}), "B07", "accepted", "", "", DAY)
    counts = export(
        [human, mixed, drawn.model_copy(update={"id": "1" * 12})], tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    )
    assert (counts.human, counts.assisted, counts.unreviewed) == (1, 1, 1)
    first, second = (
        [json.loads(line) for line in (tmp_path / name).read_text().splitlines()]
        for name in ("a.jsonl", "b.jsonl")
    )
    assert [row["id"] for row in first] == [human.id]
    assert [one.get("origin") for one in second[0]["documents"]] == ["assisted", None]
    export([human, mixed], tmp_path / "c.jsonl")
    assert (tmp_path / "c.jsonl").read_text() == (tmp_path / "a.jsonl").read_text()
    with pytest.raises(UsageError, match="deux fichiers"):
        export([human], tmp_path / "a.jsonl", tmp_path / "a.jsonl")
    with pytest.raises(UsageError, match="même identifiant"):
        export([human, human], tmp_path / "d.jsonl")


def test_the_export_has_the_shape_of_the_public_corpus(written: Case, tmp_path: Path) -> None:
    row = exported(review(written, "B07", "accepted", "", "", DAY))
    assert list(row) == [
        "id", "local_id", "specialty", "author", "reviewer", "pool", "suggested_scenario", "documents", "structured_abstract",
    ]  # fmt: skip
    assert list(row["suggested_scenario"]) == [
        "name", "age", "sex", "admission_mode", "discharge_mode", "primary_procedure", "primary_diagnosis", "type_of_care",
    ]  # fmt: skip
    assert [list(one) for one in row["documents"]] == [["type", "header", "text", "word_count"]] * 2
    assert list(row["structured_abstract"]) == [
        "primary_diagnosis", "primary_procedure", "admission_mode", "discharge_mode", "length_of_stay",
    ]  # fmt: skip
    assert row["suggested_scenario"]["age"].keys() == {"value", "unit"}
    assert row["documents"][1]["word_count"] > 150
    assert (row["author"], row["reviewer"]) == ("A12", "B07")
    pyarrow = pytest.importorskip("pyarrow")
    import pyarrow.parquet as parquet

    accepted = review(written, "B07", "accepted", "", "", DAY)
    export([accepted], tmp_path / "a.parquet")
    assert parquet.read_table(tmp_path / "a.parquet").to_pylist() == [row]
    assert pyarrow


def test_a_file_that_is_no_case_is_said(tmp_path: Path) -> None:
    for content in ("", "{}", "[1]", '{"format": 2}'):
        with pytest.raises(UsageError, match="n'est pas un cas"):
            parse_case(content)


# --- the command line, from end to end


def run(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(fiction, [str(one) for one in arguments])
    if isinstance(done.exception, PartagesError):
        return done.exception.exit_status, str(done.exception)
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.output


def test_from_the_draw_to_the_export(tmp_path: Path, drawn: Case) -> None:
    status, _ = run("sample", "--count", 3, "--output", tmp_path / "cas")
    assert status == 0
    status, said = run("sample", "--count", 3)
    assert [json.loads(line)["id"] for line in said.splitlines()] == [case.id for case in sample(3)]
    status, said = run("sample", "--count", 3, "--output", tmp_path / "cas")
    assert "3 cas étaient déjà là" in said
    path = tmp_path / "un" / "cas.json"
    write_case(path, drawn)
    assert run("check", path)[0] == 1
    assert run("sheet", path, "--format", "docx")[0] == 2
    assert run("sheet", path, "--format", "docx", "--output", tmp_path)[0] == 0
    assert (tmp_path / f"{drawn.local_id}.docx").read_bytes().startswith(b"PK")
    for kind, text in told(drawn).items():
        (tmp_path / "texte.txt").write_text(text, encoding="utf-8")
        assert run("write", path, tmp_path / "texte.txt", "--author", "A12", "--document", kind)[0] == 0
    assert run("write", path, tmp_path / "texte.txt", "--author", "A12")[0] == 2, "which document?"
    status, said = run("check", path)
    assert (status, said.strip()) == (0, f"{drawn.local_id} : conforme")
    assert run("review", path, "--reviewer", "A12", "--accept")[0] == 2
    assert run("review", path, "--reviewer", "B07", "--accept")[0] == 0
    assert run("export", tmp_path / "un", "--output", tmp_path / "corpus.jsonl")[0] == 0
    row = json.loads((tmp_path / "corpus.jsonl").read_text())
    assert row["reviewer"] == "B07"
    assert read_case(path).accepted
    assert run("check", tmp_path / "rien")[0] == 2
