"""The formats on the command line: in and out, and back; an interruption loses nothing, repeats nothing."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import docx
import pytest
from reportlab.pdfgen.canvas import Canvas

from partages.annotation import ENTITE_ANONYMISATION
from partages.annotation.brat import read_brat
from partages.annotation.uima import read_cas
from partages.cli import main
from partages.journal import FOLDER_JOURNAL

TEXT = (
    "Madame KERVADEC Solenn 🩺, née le 03/02/1951.\r\nIPP 8004512. Vue par le Dr Bonnet le 12 mars\r\n2024.\n"
)
NAMES = ("kervadec", "solenn", "8004512", "bonnet", "03/02/1951", "12 mars")


@pytest.fixture
def report(tmp_path: Path) -> Path:
    path = tmp_path / "lettre.txt"
    path.write_text(TEXT, newline="")
    return path


def run(*arguments: Any) -> int:
    with pytest.raises(SystemExit) as left:
        main(["pseudonymise", *map(str, arguments), "--engine", "fast"])
    return int(left.value.code or 0)


def spans_of(line: str) -> list[tuple[int, int, str, dict[str, str]]]:
    return [(s["start"], s["end"], s["label"], s["attributes"]) for s in json.loads(line)["spans"]]


@pytest.mark.parametrize("form", ["brat", "cas"])
def test_annotations_go_out_and_come_back(form: str, report: Path, tmp_path: Path) -> None:
    """The text as received, its spans in the format, read again as corrected: the same spans, to the letter."""
    assert run(report, "--rendering", "spans", "--format", "jsonl", "--output", tmp_path / "a.jsonl") == 0
    assert run(report, "--rendering", "spans", "--format", form, "--output", tmp_path / "annotes") == 0
    back = tmp_path / "b.jsonl"
    assert (
        run(
            tmp_path / "annotes", "--corrected", "--rendering", "spans", "--format", "jsonl", "--output", back
        )
        == 0
    )
    first, second = (tmp_path / "a.jsonl").read_text(), back.read_text()
    assert json.loads(second)["text"] == TEXT
    assert spans_of(first) == spans_of(second)
    assert len(spans_of(first)) >= 6


@pytest.mark.parametrize("form", ["brat", "cas", "txt"])
def test_without_being_asked_no_identity_goes_out(form: str, report: Path, tmp_path: Path) -> None:
    output = tmp_path / "sortie"
    assert run(report, "--format", form, "--output", output) == 0
    for path in output.iterdir():
        assert not any(name in path.read_text().lower() for name in NAMES), path
    if form == "brat":
        text = (output / "lettre.txt").read_bytes().decode()
        found = read_brat(text, (output / "lettre.ann").read_text())
    elif form == "cas":
        text, found = read_cas((output / "lettre.json").read_text(), ENTITE_ANONYMISATION)
    else:
        return
    surname = next(span for span in found if span.label == "Nom")
    assert text[surname.start : surname.end].isupper()
    assert text[: surname.start] == "Madame "


def test_corrected_annotations_are_all_that_is_masked(report: Path, tmp_path: Path) -> None:
    (tmp_path / "lettre.ann").write_text("T1\tNom 7 15\tKERVADEC\nT2\tPrenom 16 22\tSolenn\n")
    assert (
        run(report, "--corrected", "--rendering", "tags", "--format", "jsonl", "--output", tmp_path / "o")
        == 0
    )
    assert json.loads((tmp_path / "o").read_text())["text"] == TEXT.replace(
        "KERVADEC Solenn", "[Nom_1] [Prenom_1]"
    )


def test_corrected_without_annotations_is_said(report: Path, tmp_path: Path) -> None:
    assert run(report, "--corrected", "--format", "jsonl", "--output", tmp_path / "o") == 1
    assert "n'a pas d'annotations" in json.loads((tmp_path / "o").read_text())["error"]


def test_a_folder_takes_the_cas_and_not_every_json(report: Path, tmp_path: Path) -> None:
    assert run(report, "--rendering", "spans", "--format", "cas", "--output", tmp_path / "dossier") == 0
    (tmp_path / "dossier" / "patient.json").write_text('{"nom": "KERVADEC"}')
    (tmp_path / "dossier" / "lettre.txt").write_text(TEXT, newline="")
    (tmp_path / "dossier" / "lettre.ann").write_text("")
    assert run(tmp_path / "dossier", "--format", "jsonl", "--output", tmp_path / "o") == 0
    found = [json.loads(line) for line in (tmp_path / "o").read_text().splitlines()]
    assert [value["id"] for value in found] == ["lettre.json", "lettre.txt"]
    assert len({value["text"] for value in found}) == 1 or found[0]["spans"] == found[1]["spans"]
    assert run(tmp_path / "dossier" / "patient.json", "--format", "jsonl", "--output", tmp_path / "p") == 1


def test_docx_and_pdf_in(tmp_path: Path) -> None:
    document = docx.Document()
    document.sections[0].header.paragraphs[0].text = "KERVADEC Solenn, IPP 8004512"
    document.add_paragraph("Madame KERVADEC Solenn, née le 03/02/1951.")
    document.save(str(tmp_path / "a.docx"))
    canvas = Canvas(str(tmp_path / "b.pdf"))
    canvas.drawString(72, 720, "Madame KERVADEC Solenn, née le 03/02/1951. IPP 8004512.")
    canvas.save()
    assert run(tmp_path / "a.docx", tmp_path / "b.pdf", "--format", "txt", "--output", tmp_path / "o") == 0
    for name in ("a.txt", "b.txt"):
        text = (tmp_path / "o" / name).read_text()
        assert "Madame " in text
        assert not any(secret in text.lower() for secret in ("kervadec", "solenn", "8004512", "03/02/1951"))


def test_a_known_patient_and_a_report(report: Path, tmp_path: Path) -> None:
    report.write_text("mme kervaddec dort. Dossier 800-4512. " + "Examen normal. " * 40)
    (tmp_path / "p.json").write_text('{"nom": "Kervadec", "ipp": "8004512"}')
    written = (tmp_path / "r.html", tmp_path / "r.json")
    more = ("--report", written[0], "--report", written[1])
    assert (
        run(report, "--known", tmp_path / "p.json", "--format", "jsonl", "--output", tmp_path / "o", *more)
        == 0
    )
    assert "kerva" not in (tmp_path / "o").read_text()
    assert json.loads(written[1].read_text())["categories"]["CodeIdentifiant"]["roles"] == {"Patient": 1}
    assert "patient connu" in written[0].read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "lettre.txt",
        "o",
        "p.json",
        "r.html",
        "r.json",
    ]


def test_the_secret_may_come_from_a_file(
    report: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    common = (report, "--patient", "p", "--format", "jsonl", "--output")
    assert run(*common, tmp_path / "a", "--key", "secret") == 0
    (tmp_path / "secret").write_text("secret\n")
    monkeypatch.setenv("PARTAGES_PSEUDONYM_KEY_FILE", str(tmp_path / "secret"))
    assert run(*common, tmp_path / "b", "--report", tmp_path / "r.json") == 0
    assert (tmp_path / "a").read_text() == (tmp_path / "b").read_text()
    assert "avec clé" in next(iter(json.loads((tmp_path / "r.json").read_text())["settings"]))
    monkeypatch.setenv("PARTAGES_PSEUDONYM_KEY_FILE", str(tmp_path / "absent"))
    assert run(*common, tmp_path / "c") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("--format", "brat"),
        ("--report", "r.pdf"),
        ("--format", "text", "--vault", "v"),
        ("--known", "absent.json"),
    ],
)
def test_usage_errors(arguments: tuple[str, ...], report: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(report, *arguments) == 2
    assert "Erreur" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("form", ["brat", "jsonl"])
def test_killed_and_resumed(form: str, tmp_path: Path) -> None:
    """Killed hard halfway, resumed: every document once, the report on all of them, the vault too."""
    number, key = 60, tmp_path / "cle"
    text = "Madame KERVADEC{} Solenn, IPP 80045{}. " + "Examen normal. " * 1500
    lines = [json.dumps({"id": f"d{n:02}", "text": text.format(n, n)}) for n in range(number)]
    (tmp_path / "in.jsonl").write_text("\n".join(lines))
    environment = os.environ | {"PARTAGES_VAULT_KEY_FILE": str(key)}
    start = [sys.executable, "-m", "partages.cli"]
    subprocess.run([*start, "vault", "key", str(key)], check=True, capture_output=True, timeout=60)
    output = tmp_path / "sortie"
    command = [
        *start,
        "pseudonymise",
        "in.jsonl",
        "--engine",
        "fast",
        "--format",
        form,
        "--output",
        str(output),
    ]
    command += ["--report", "r.json", "--vault", "coffre"]
    process = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.DEVNULL)
    journal = output / FOLDER_JOURNAL if form == "brat" else tmp_path / "sortie.partial"

    def progress() -> int:
        if not journal.exists():
            return 0
        text = journal.read_text()
        return json.loads(text)["count"] if form == "brat" and text.strip() else text.count("\n")

    deadline = time.monotonic() + 120
    while progress() < 5 and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert 5 <= progress() < number
    done = subprocess.run(
        [*command, "--resume"], cwd=tmp_path, env=environment, capture_output=True, timeout=240
    )
    assert done.returncode == 0, done.stderr
    assert b"Reprise" in done.stderr
    if form == "brat":
        assert len(list(output.glob("*.ann"))) == number
        assert not list(output.glob("*.partial"))
    else:
        assert [json.loads(line)["id"] for line in output.read_text().splitlines()] == [
            f"d{n:02}" for n in range(number)
        ]
    assert json.loads((tmp_path / "r.json").read_text())["documents"]["processed"] == number
    back = subprocess.run(
        [*start, "vault", "restore", "coffre", str(output) if form == "brat" else "-"],
        cwd=tmp_path, env=environment, capture_output=True, timeout=120,
        input=None if form == "brat" else output.read_bytes(),
    )  # fmt: skip
    assert back.returncode == 0, back.stderr
    restored = {value["id"]: value for value in map(json.loads, back.stdout.splitlines())}
    assert len(restored) == number
    assert all(value["exact"] for value in restored.values())
    assert restored["d07"]["text"] == text.format(7, 7)
