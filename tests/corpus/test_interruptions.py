"""Killed, on a full disk, on Ray, before a Hub that fails: what was asked is there in the end, or it is said."""

import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.corpus.fictions import changed, document, source
from tests.corpus.test_build import digest, read

KILLS = 20
RUN = "from partages.cli import main; main()"


def command(*arguments: str | Path | int) -> list[str]:
    return [sys.executable, "-c", RUN, "corpus", *map(str, arguments)]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inputs")
    texts = [document(seed) for seed in range(120)]
    source(folder, "cours", [*texts, *(changed(text, 0.1, at) for at, text in enumerate(texts[:20]))])
    source(
        folder,
        "notices",
        [f"{document(seed)}\nTous droits réservés.\n{document(seed + 1)}" for seed in range(300, 360)],
        kind="leaflet",
    )
    return folder


@pytest.fixture(scope="module")
def undisturbed(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    output = tmp_path_factory.mktemp("undisturbed") / "corpus"
    start = time.monotonic()
    subprocess.run(
        command("build", "--input", inputs, "--licence", "commercial", "--output", output),
        check=True,
        capture_output=True,
    )
    return output, time.monotonic() - start


def marked(log: Path) -> int:
    """Tasks done so far; folders come and go while it counts."""
    return sum(len(names) for folder, _, names in os.walk(log) if folder.endswith("completions"))


@pytest.mark.slow
def test_killed_twenty_times_the_corpus_is_the_same(
    inputs: Path, undisturbed: tuple[Path, float], tmp_path: Path
) -> None:
    """Kills come at random moments, after none to two more tasks were done; a corpus that is whole is compared, and another begun."""
    whole, lasted = undisturbed
    draw = random.Random(7)
    killed = 0
    stages: set[str] = set()
    outputs = [tmp_path / "0" / "corpus"]
    while killed < KILLS:
        output = outputs[-1]
        if (output / "README.md").exists():
            outputs.append(tmp_path / str(len(outputs)) / "corpus")
            continue
        marks = output / ".work" / "log"
        before, more = marked(marks), draw.choice([0, 0, 1, 1, 2])
        build = command(
            "build",
            "--input",
            inputs,
            "--licence",
            "commercial",
            "--output",
            output,
            "--workers",
            2,
            "--resume",
        )
        process = subprocess.Popen(
            build, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        deadline = time.monotonic() + 3 * lasted + 20
        while time.monotonic() < deadline and process.poll() is None:
            if (output / ".work" / "plan.json").exists() and marked(marks) >= before + more:
                break
            time.sleep(0.02)
        time.sleep(draw.uniform(0.0, 0.15))
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            killed += 1
            stages |= {path.name for path in marks.iterdir()} if marks.is_dir() else set()
        process.wait()
    for output in outputs:  # the last is finished; a kill may have come while another took its work away
        again = command("build", "--input", inputs, "--licence", "commercial", "--output", output, "--resume")
        subprocess.run(again, check=True, capture_output=True)
    assert all(digest(output) == digest(whole) for output in outputs)
    assert len(stages) >= 3


def test_killed_while_its_work_was_taken_away(
    inputs: Path, undisturbed: tuple[Path, float], tmp_path: Path
) -> None:
    whole, _ = undisturbed
    output = tmp_path / "corpus"
    shutil.copytree(whole, output)
    (output / ".work" / "log").mkdir(parents=True)
    build = command("build", "--input", inputs, "--licence", "commercial", "--output", output, "--resume")
    subprocess.run(build, check=True, capture_output=True)
    assert digest(output) == digest(whole)
    assert not (output / ".work").exists()


@pytest.mark.slow
def test_ray_with_two_workers_gives_the_same_bytes(tmp_path: Path) -> None:
    """Its start takes most of the time: a small corpus is enough."""
    folder = source(tmp_path / "in", "cours", [document(seed) for seed in range(30)])
    arguments = ["build", "--input", folder, "--licence", "commercial", "--name", "corpus", "--output"]
    (tmp_path / "ray.toml").write_text("mem_per_cpu_gb = 0.2\n", encoding="utf-8")
    ray = ["--executor", "ray", "--workers", "2", "--executor-settings", tmp_path / "ray.toml"]
    done = subprocess.run(
        command(*arguments, tmp_path / "ray", *ray), capture_output=True, text=True, timeout=280,
        env={**os.environ, "RAY_USAGE_STATS_ENABLED": "0"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    subprocess.run(command(*arguments, tmp_path / "local"), check=True, capture_output=True)
    assert digest(tmp_path / "ray") == digest(tmp_path / "local")


SBATCH = """#!{python}
# A cluster of one machine that does each job at once: what Slurm is asked for, run.
import os, re, subprocess, sys, pathlib
script = pathlib.Path(sys.argv[-1]).read_text()
folder = pathlib.Path(__file__).parent
number = 1 + len(list(folder.glob("job-*")))
(folder / f"job-{{number}}").write_text(" ".join(sys.argv[1:-1]))
array = re.search(r"#SBATCH --array=0-(\\d+)", script)
name = re.search(r"#SBATCH --job-name=(\\S+)", script).group(1)
if "merge_stats" not in script:
    for task in range(int(array.group(1)) + 1):
        told = dict(os.environ, SLURM_ARRAY_TASK_ID=str(task), SLURM_JOB_ID=str(number), SLURM_NODELIST="one", RUN_OFFSET="0", SLURM_PROCID="0")
        subprocess.run(["bash", sys.argv[-1]], env=told, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
print("Submitted batch job", number)
"""


@pytest.mark.slow
def test_slurm_is_given_stages_that_wait_for_one_another(tmp_path: Path) -> None:
    """No Slurm here: a stand-in of its commands runs the very scripts that it would be given."""
    tools = tmp_path / "bin"
    tools.mkdir()
    scripts = {
        "sbatch": SBATCH.format(python=sys.executable),
        "srun": '#!/bin/bash\nwhile [[ $1 == -* ]]; do [[ $1 == -n ]] && shift; shift; done\nexec "$@"\n',
        "scontrol": "#!/bin/bash\necho one\n",
    }
    for name, text in scripts.items():
        (tools / name).write_text(text, encoding="utf-8")
        (tools / name).chmod(0o755)
    folder = source(tmp_path / "in", "cours", [document(seed) for seed in range(12)])
    arguments = ["build", "--input", folder, "--licence", "commercial", "--name", "corpus", "--output"]
    path = os.pathsep.join([str(tools), str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        command(*arguments, tmp_path / "slurm", "--executor", "slurm"), capture_output=True, text=True, timeout=280,
        env={**os.environ, "PATH": path},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    asked = [(tools / f"job-{number}").read_text() for number in range(1, len(list(tools.glob("job-*"))) + 1)]
    assert sum("--dependency=afterok:" in one for one in asked) == 8  # all stages but the first
    subprocess.run(command(*arguments, tmp_path / "local"), check=True, capture_output=True)
    shutil.rmtree(tmp_path / "slurm" / ".work")
    assert digest(tmp_path / "slurm") == digest(tmp_path / "local")


def test_a_full_disk_is_said_and_the_work_goes_on_once_there_is_room(
    inputs: Path, undisturbed: tuple[Path, float], tmp_path: Path
) -> None:
    """The limit on the size of a file stands for the disk: the system refuses the write all the same."""
    output = tmp_path / "corpus"
    arguments = command("build", "--input", inputs, "--licence", "commercial", "--output", output)

    def little_room() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))

    done = subprocess.run(arguments, capture_output=True, text=True, preexec_fn=little_room)
    assert done.returncode == 1
    assert "libérez de la place" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (output / "README.md").exists()
    subprocess.run([*arguments, "--resume"], check=True, capture_output=True)
    assert digest(output) == digest(undisturbed[0])


class Hub(BaseHTTPRequestHandler):
    """The part of the Hub's API that publishing a dataset asks for; ``failures`` answers 503 first, ``refuse`` 403 always."""

    files: dict[str, bytes]
    failures: int
    refuse: bool
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def _answer(self, value: Any, status: int = 200) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "") == "chunked":
            parts = []
            while size := int(self.rfile.readline().strip(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def do_POST(self) -> None:
        import base64

        body = self._body()
        hub = type(self)
        if hub.refuse:
            self._answer({"error": "no"}, 403)
        elif hub.failures > 0:
            hub.failures -= 1
            self._answer({"error": "later"}, 503)
        elif self.path == "/api/repos/create":
            self._answer(
                {"url": f"http://{self.headers['Host']}/datasets/equipe/corpus", "name": "equipe/corpus"}
            )
        elif "/preupload/" in self.path:
            asked = json.loads(body)["files"]
            self._answer(
                {
                    "files": [
                        {"path": one["path"], "uploadMode": "regular", "shouldIgnore": False} for one in asked
                    ]
                }
            )
        elif "/commit/" in self.path:
            for line in body.splitlines():
                row = json.loads(line)
                if row["key"] == "file":
                    hub.files[row["value"]["path"]] = base64.b64decode(row["value"]["content"])
            host = self.headers["Host"]
            self._answer(
                {
                    "success": True,
                    "commitOid": "0" * 40,
                    "commitUrl": f"http://{host}/datasets/equipe/corpus/commit/{'0' * 40}",
                }
            )
        else:
            self._answer({}, 200)

    def do_GET(self) -> None:
        self._answer({"id": "equipe/corpus", "sha": "0" * 40, "siblings": [], "private": True})

    do_HEAD = do_GET


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Hub]]:
    server_class = type("OneHub", (Hub,), {"files": {}, "failures": 0, "refuse": False})
    server = ThreadingHTTPServer(("127.0.0.1", 0), server_class)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("HF_TOKEN", "hf_fictif")
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setenv("HF_HUB_DISABLE_TELEMETRY", "1")
    yield server_class
    server.shutdown()
    server.server_close()


def publish(folder: Path) -> subprocess.CompletedProcess[str]:
    """In a process of its own: the address of the Hub is read when its library is imported."""
    code = "import partages.corpus.publish as p; p.WAIT = 0.05; p.push.__kwdefaults__['wait'] = 0.05\n" + RUN
    return subprocess.run(
        [sys.executable, "-c", code, "corpus", "push", str(folder), "equipe/corpus"],
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_a_corpus_is_published_without_what_was_rejected(
    undisturbed: tuple[Path, float], hub: type[Hub]
) -> None:
    hub.failures = 2  # fails, then works: it is tried again
    done = publish(undisturbed[0])
    assert done.returncode == 0, done.stderr
    assert "Publié" in done.stderr
    assert set(hub.files) == {
        "README.md",
        "croissant.json",
        "corpus.json",
        *(f"data/{path.name}" for path in (undisturbed[0] / "data").glob("*")),
    }
    assert hub.files["README.md"] == (undisturbed[0] / "README.md").read_bytes()


def test_a_hub_that_refuses_or_fails_is_said(undisturbed: tuple[Path, float], hub: type[Hub]) -> None:
    hub.refuse = True
    done = publish(undisturbed[0])
    assert done.returncode == 1
    assert "hf auth login" in done.stderr
    hub.refuse, hub.failures = False, 100
    done = publish(undisturbed[0])
    assert done.returncode == 1
    assert "statut 503" in done.stderr
    assert "Traceback" not in done.stderr
    assert len(read(undisturbed[0])) > 100
