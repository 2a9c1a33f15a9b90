"""The commands that the documentation shows are run as a reader would type them."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import docx
import pytest
from reportlab.pdfgen import canvas

from partages.samples import all_samples
from partages.vault import new_key

ROOT = Path(__file__).parents[2]
NOT_HERE = re.compile(
    r"^(?:make|partages serve|partages corpus build|partages train|partages evaluate|git|sudo|python|pip|\.venv)\b"
)
"""Run by other tests (the server), by ``.ci/run`` (make), or too long for one (benchmarks, training)."""
ELSEWHERE = {"evaluation.md", "measurements.md", "corpus.md", "sources.md", "fiction.md", "training.md"}
"""Pages whose commands take corpora, several hospitals' files or what a person wrote: their own tests run them."""


def scripts() -> list[Any]:
    """(page, commands) for each ``sh`` block of the documentation that can be run here."""
    found = []
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        blocks = re.findall(r"^```sh\n(.*?)^```", page.read_text(), re.S | re.M)
        for number, block in enumerate(blocks):
            lines = [line for line in block.replace("\\\n", " ").splitlines() if not NOT_HERE.match(line)]
            if page.name not in ELSEWHERE and "".join(lines).strip():
                found.append(pytest.param("\n".join(lines), id=f"{page.name}-{number}"))
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the files that the documentation speaks of."""
    sample = all_samples()[0].text
    for name in ("compte-rendu.txt", "report.txt"):
        (tmp_path / name).write_text(sample)
    (tmp_path / "patient.json").write_text('{"noms": ["Delattre"], "ipp": "008231457"}')
    new_key(tmp_path / "cle")
    for name in ("dossier", "reports", "comptes-rendus", "cr"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.txt").write_text(sample)
    for name in ("crh.docx", "report.docx", "lettre.docx"):
        document = docx.Document()
        document.add_paragraph(sample)
        document.save(str(tmp_path / name))
    for name in ("crh.pdf", "report.pdf"):
        sheet = canvas.Canvas(str(tmp_path / name))
        for number, line in enumerate(sample.splitlines()[:40]):
            sheet.drawString(50, 800 - 15 * number, line)
        sheet.save()
    (tmp_path / "reports.jsonl").write_text('{"id": "1", "text": "Fracture du radius gauche."}\n')
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("script", scripts())
def test_the_commands_work(script: str, folder: Path, served: str) -> None:
    if "curl" in script and not shutil.which("curl"):
        pytest.skip("SKIPPED LOUDLY: curl is not installed")
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(folder),
        "PARTAGES_VAULT_KEY_FILE": str(folder / "cle"),
    }
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script.replace("http://127.0.0.1:8000", served)],
        cwd=folder,
        env=environment,
        capture_output=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert b'"status":4' not in done.stdout
