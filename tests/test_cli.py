"""The command line as other programs use it: streams, statuses, bad input, interruption and resumption."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

CANARY = "ZYXCANARI"
REPORT = f"Madame {CANARY} Élise, née le 03/02/1951, IPP 8004512, hospitalisée pour un œdème aigu du poumon."


def partages(*arguments: str, stdin: bytes = b"", **more: Any) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "partages.cli", *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, timeout=240, **more)


def lines(*documents: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(document).encode() + b"\n" for document in documents)


def results(output: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


@pytest.mark.slow
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_json_lines_in_order_each_bad_one_said(jobs: str) -> None:
    stdin = (
        lines(
            {"id": "a", "text": REPORT},
            {"id": "vide", "text": ""},
            {"id": "blanc", "text": " \n\t"},
            {"text": "sans id"},
            {"id": "a", "text": "encore"},
            {"id": "demi", "text": "x"},
            {"id": "z", "text": "Toux.\x00\x07"},
        ).replace(b'"x"', b'"\\ud83d"')
        + b"[1]\n"
    )
    done = partages("pseudonymise", "-", "--format", "jsonl", "--engine", "fast", "--jobs", jobs, stdin=stdin)
    answers = results(done.stdout)
    assert done.returncode == 1
    assert [answer["id"] for answer in answers] == ["a", "vide", "blanc", None, "a", "demi", "z", None]
    assert [("error" in answer) for answer in answers] == [False, True, True, True, True, True, False, True]
    assert {"spans", "text", "id"} <= answers[0].keys()
    quotes = {span["label"]: REPORT[span["start"] : span["end"]] for span in answers[0]["spans"]}
    assert quotes["Nom"] == CANARY
    assert quotes["Prenom"] == "Élise"
    assert CANARY not in answers[0]["text"]
    assert CANARY.encode() not in done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("usecase", ["code", "conclude"])
def test_the_contract_of_the_other_use_cases(usecase: str, tmp_path: Path) -> None:
    report = tmp_path / "crh.txt"
    report.write_text(
        "Motif : dyspnée.\nPatiente de 80 ans, HTA. Pas de diabète.\nŒdème aigu du poumon sur fibrillation "
        "auriculaire. Furosémide 40 mg.\nCONCLUSION : Œdème aigu du poumon compliquant une fibrillation auriculaire, "
        "évolution favorable sous furosémide 40 mg.\n"
    )
    done = partages(usecase, str(report), "--format", "jsonl")
    assert done.returncode == 0, done.stderr
    (answer,) = results(done.stdout)
    assert answer["id"] == "crh"
    text = report.read_text()
    if usecase == "code":
        assert answer["codes"]
        assert {"code", "label", "role", "score", "evidence"} <= answer["codes"][0].keys()
        assert all(0 <= e["start"] < e["end"] <= len(text) for c in answer["codes"] for e in c["evidence"])
        assert not any(
            code["code"].startswith(("E10", "E11", "E14")) and code["role"] for code in answer["codes"]
        )
    else:
        assert "fibrillation" in answer["conclusion"]
        assert {"text", "supported", "evidence"} <= answer["sentences"][0].keys()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["pseudonymise"], "Donnez un fichier"),
        (["pseudonymise", "/absent"], "n'existe pas"),
        (["pseudonymise", "-", "--engin", "x"], "Option inconnue"),
        (["pseudonymise", "-", "--engine", "x"], "choisissez parmi"),
        (["pseudonymise", "-", "--format", "text", "--resume"], "--format jsonl"),
        (["absent"], "Commande inconnue"),
    ],
)
def test_usage_errors_are_one_sentence_and_status_2(arguments: list[str], said: str) -> None:
    done = partages(*arguments)
    assert done.returncode == 2
    assert said in done.stderr.decode()
    assert done.stdout == b""
    assert len(done.stderr.splitlines()) == 1


def test_a_full_disk_is_said() -> None:
    with Path("/dev/full").open("wb") as full:
        command = [
            sys.executable,
            "-m",
            "partages.cli",
            "pseudonymise",
            "-",
            "--format",
            "jsonl",
            "--engine",
            "fast",
        ]
        done = subprocess.run(
            command,
            input=lines({"id": "a", "text": REPORT}),
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=120,
        )
    assert done.returncode == 1
    assert "libérez de la place" in done.stderr.decode()
    assert CANARY.encode() not in done.stderr


@pytest.mark.slow
def test_ctrl_c_then_resume_repeats_and_loses_nothing(tmp_path: Path) -> None:
    source, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_bytes(lines(*({"id": str(n), "text": f"{REPORT} Ligne {n}. " * 40} for n in range(300))))
    arguments = ["pseudonymise", str(source), "--output", str(output), "--engine", "fast"]
    command = [sys.executable, "-m", "partages.cli", *arguments]
    running = subprocess.Popen(command, stderr=subprocess.PIPE)
    partial = tmp_path / "out.jsonl.partial"
    deadline = time.monotonic() + 120
    while not (partial.exists() and partial.read_bytes().count(b"\n") > 5) and time.monotonic() < deadline:
        time.sleep(0.02)
    running.send_signal(signal.SIGINT)
    _, errors = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "--resume" in errors.decode()
    before = partial.read_bytes()
    assert 0 < before.count(b"\n") < 300
    assert before.endswith(b"\n")
    assert not output.exists()

    refused = partages(*arguments)
    assert refused.returncode == 2
    assert "passage interrompu" in refused.stderr.decode()
    partial.write_bytes(before + b'{"id": "cut sho')  # as a power cut would leave it
    done = partages(*arguments, "--resume")
    assert done.returncode == 0, done.stderr
    assert output.read_bytes().startswith(before)
    assert [answer["id"] for answer in results(output.read_bytes())] == [str(n) for n in range(300)]
    assert b"complet" in partages(*arguments, "--resume").stderr


@pytest.mark.slow
def test_resume_refuses_another_input(tmp_path: Path) -> None:
    source, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    (tmp_path / "out.jsonl.partial").write_text('{"id": "autre"}\n')
    source.write_bytes(lines({"id": "a", "text": REPORT}))
    done = partages("pseudonymise", str(source), "--output", str(output), "--engine", "fast", "--resume")
    assert done.returncode == 2
    assert "n'est plus celle" in done.stderr.decode()


def test_everything_but_free_generation_works_without_a_generator() -> None:
    environment = {**os.environ, "PARTAGES_GENERATOR": "none"}
    stdin = lines(
        {"id": "a", "text": "Patient de 70 ans. Pneumopathie droite. Amoxicilline 3 g par jour. Apyrexie."}
    )
    extractive = partages("conclude", "-", "--format", "jsonl", stdin=stdin, env=environment)
    assert extractive.returncode == 0, extractive.stderr
    generated = partages(
        "conclude", "-", "--format", "jsonl", "--engine", "generated", stdin=stdin, env=environment
    )
    assert generated.returncode == 1
    assert "Aucun modèle de génération" in results(generated.stdout)[0]["error"]


@pytest.mark.parametrize("command", [[], ["code"], ["models"], ["serve"]])
def test_help_is_in_french(command: list[str]) -> None:
    page = partages(*command, "--help").stdout.decode()
    assert page.startswith("Utilisation : partages")
    assert "Affiche cette aide." in page
    english = ("Usage", "Commands", "Show this", "default:", "required", "INTEGER", "TEXT", "PATH")
    assert not [word for word in english if re.search(rf"\b{word}(?![A-Z])", page)]


def test_status_of_a_corpus_with_a_damaged_source(tmp_path: Path) -> None:
    source = 'name = "cours"\ntitle = "Cours"\npublisher = "Nous"\nhome = "ici"\nlicence = "CC-BY-4.0"\ncommercial = true\n'
    source += (
        'attribution = "Nous"\nlanguage = "fr"\nkind = "lecture"\nuse = "pre-training"\nreader = "folder"\n'
    )
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "source.toml").write_text(source, encoding="utf-8")
    (tmp_path / "in" / "cours.txt").write_text(
        "Le traitement de l'asthme repose sur les corticoïdes inhalés à la dose la plus faible possible.",
        encoding="utf-8",
    )
    (tmp_path / "in" / "abime.txt.gz").write_bytes(b"rien")
    done = partages(
        "corpus", "build", "--input", str(tmp_path / "in"), "--licence", "commercial", "--output", str(tmp_path / "out")
    )  # fmt: skip
    assert done.returncode == 1
    assert "Abîmé" in done.stderr.decode()
    assert (tmp_path / "out" / "README.md").exists()
