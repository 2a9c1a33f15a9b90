"""The commands that the documentation shows are run as a reader would type them."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import docx
import pytest
from reportlab.pdfgen import canvas

from partages.samples import all_samples

ROOT = Path(__file__).parents[2]
NOT_HERE = re.compile(r"^(?:make|partages serve|git|sudo|python|pip|\.venv)\b")
"""Run by other tests (the server), by ``.ci/run`` (make), or too long for one (benchmarks, training)."""


def commands() -> list[tuple[str, str]]:
    """(page, command) for each line of the ``sh`` blocks, continuation lines joined."""
    found = []
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for block in re.findall(r"^```sh\n(.*?)^```", page.read_text(), re.S | re.M):
            for line in block.replace("\\\n", " ").splitlines():
                if line.strip() and not line.startswith("#") and not NOT_HERE.match(line):
                    found.append((page.name, line))
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the files that the documentation speaks of."""
    sample = all_samples()[0].text
    for name in ("compte-rendu.txt", "report.txt"):
        (tmp_path / name).write_text(sample)
    for name in ("dossier", "reports", "comptes-rendus"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.txt").write_text(sample)
    for name in ("crh.docx", "report.docx"):
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
@pytest.mark.parametrize(("page", "command"), commands())
def test_the_command_works(page: str, command: str, folder: Path, served: str) -> None:
    if command.startswith("curl") and not shutil.which("curl"):
        pytest.skip("SKIPPED LOUDLY: curl is not installed")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command.replace("http://127.0.0.1:8000", served)],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        timeout=240,
    )
    assert done.returncode == 0, f"{page}: {done.stderr.decode()}"
    assert done.stdout.strip() or re.search(r"--output|-o |--report", command)
    assert b'"status":4' not in done.stdout
