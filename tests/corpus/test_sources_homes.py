"""Sources read from their homes: files by address, portals, archives, all on the loopback."""

import gzip
import hashlib
import io
import json
import os
import random
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from partages.corpus.download import SourceUnavailable, client, fetch
from partages.corpus.sources import Damage, DamagedSource, Record, Source, read, source_from
from partages.errors import OutputError
from tests.corpus.loopback import Asked, serving
from tests.corpus.test_sources import FIELDS

DATA = random.Random(7).randbytes(3_000_000)
TAG = '"v1"'


def source(**options: object) -> Source:
    return source_from({**FIELDS, "reader": "files", "options": options}, "essai")


def told(given: Source, cache: Path) -> tuple[list[Record], list[Damage]]:
    damages: list[Damage] = []
    return list(read(given, damaged=damages.append, cache_folder=cache)), damages


def ranged(asked: Asked, data: bytes, cut: int | None = None, tag: str = TAG) -> None:
    """Answer as a server that knows ranges does."""
    wanted = asked.headers.get("Range")
    if wanted and asked.headers.get("If-Range") == tag:
        start = int(wanted.removeprefix("bytes=").rstrip("-"))
        if start >= len(data):
            asked.answer(b"", 416, Content_Range=f"bytes */{len(data)}")
            return
        asked.answer(
            data[start:], 206, cut, ETag=tag, Content_Range=f"bytes {start}-{len(data) - 1}/{len(data)}"
        )
    else:
        asked.answer(data, 200, cut, ETag=tag)


def test_a_transfer_that_is_cut_goes_on_where_it_was(tmp_path: Path) -> None:
    asked_for: list[str | None] = []

    def answer(asked: Asked) -> None:
        asked_for.append(asked.headers.get("Range"))
        ranged(asked, DATA, cut=700_000 if len(asked_for) < 4 else None)

    with serving(answer) as url, client() as http:
        fetch(http, f"{url}/a.bin", tmp_path / "a.bin", wait=lambda seconds: None)
    assert (tmp_path / "a.bin").read_bytes() == DATA
    assert asked_for[0] is None
    assert all(asked_for[1:]), "every other attempt asks for the rest alone"
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "a.bin"]


def test_a_file_that_changed_meanwhile_is_taken_again_whole(tmp_path: Path) -> None:
    other, calls = DATA[::-1], []

    def answer(asked: Asked) -> None:
        calls.append(asked)
        if len(calls) == 1:
            ranged(asked, DATA, cut=1_000_000)
        else:
            ranged(asked, other, tag='"v2"')

    with serving(answer) as url, client() as http:
        fetch(http, f"{url}/a.bin", tmp_path / "a.bin", wait=lambda seconds: None)
    assert (tmp_path / "a.bin").read_bytes() == other


def test_a_busy_server_is_waited_for_as_it_asks(tmp_path: Path) -> None:
    calls, waits = [], []

    def answer(asked: Asked) -> None:
        calls.append(asked)
        if len(calls) < 3:
            asked.answer(b"", 503, Retry_After="7")
        else:
            ranged(asked, DATA)

    with serving(answer) as url, client() as http:
        fetch(http, f"{url}/a.bin", tmp_path / "a.bin", wait=waits.append)
    assert waits == [7.0, 7.0]


def test_a_server_that_always_fails_is_given_up_and_said(tmp_path: Path) -> None:
    with serving(lambda asked: asked.answer(b"", 500)) as url, client() as http:
        with pytest.raises(SourceUnavailable, match="recommencez"):
            fetch(http, f"{url}/a.bin", tmp_path / "a.bin", wait=lambda seconds: None)
    with serving(lambda asked: asked.answer(b"", 404)) as url, client() as http:
        with pytest.raises(SourceUnavailable, match="n'existe pas"):
            fetch(http, f"{url}/a.bin", tmp_path / "a.bin", wait=lambda seconds: None)
    assert not (tmp_path / "a.bin").exists()


def test_a_home_that_cannot_be_reached_is_said_soon_and_not_tried_by_every_task(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("partages.corpus.download.FIRST_WAIT", 0.01)
    given = source(api="http://127.0.0.1:9", dataset="jeu", format="table")
    _, damages = told(given, tmp_path)
    assert "après 3 essais" in damages[0].reason
    start = time.monotonic()
    _, again = told(given, tmp_path)
    assert again[0].slug == "network"
    assert "après 3 essais" in again[0].reason
    assert time.monotonic() - start < 0.2
    monkeypatch.setattr("partages.corpus.homes.FORGET", 0)
    calls: list[Asked] = []
    with serving(lambda asked: (calls.append(asked), asked.answer(b"{}"))) as url:  # type: ignore[func-returns-value]
        told(source(api=url, dataset="jeu", format="table"), tmp_path)
    assert calls, "later it is tried again"


def test_a_file_unlike_its_checksum_is_refused(tmp_path: Path) -> None:
    with serving(lambda asked: ranged(asked, DATA)) as url, client() as http:
        with pytest.raises(SourceUnavailable, match="sha256"):
            fetch(http, f"{url}/a.bin", tmp_path / "a.bin", checksum="sha256:" + "0" * 64)
        assert not list(tmp_path.glob("a.bin*")), "nothing wrong is kept"
        good = "sha256:" + hashlib.sha256(DATA).hexdigest()
        fetch(http, f"{url}/a.bin", tmp_path / "a.bin", checksum=good)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_disk_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.bin.partial").symlink_to("/dev/full")
    with serving(lambda asked: ranged(asked, DATA)) as url, client() as http:
        with pytest.raises(OutputError, match="plein"):
            fetch(http, f"{url}/a.bin", tmp_path / "a.bin", wait=lambda seconds: None)


KILLED = """
import sys
from pathlib import Path
from partages.corpus.download import client, fetch
with client() as http:
    fetch(http, sys.argv[1], Path(sys.argv[2]))
"""


def test_killed_while_it_downloads_the_next_run_finishes(tmp_path: Path) -> None:
    served = []

    def answer(asked: Asked) -> None:
        wanted = asked.headers.get("Range")
        served.append(wanted)
        handler = asked._handler
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        handler.send_response(206 if wanted else 200)
        handler.send_header("ETag", TAG)
        handler.send_header("Content-Length", str(len(DATA) - start))
        if wanted:
            handler.send_header("Content-Range", f"bytes {start}-{len(DATA) - 1}/{len(DATA)}")
        handler.end_headers()
        for at in range(start, len(DATA), 100_000):
            handler.wfile.write(DATA[at : min(at + 100_000, len(DATA))])
            time.sleep(0.02)

    target = tmp_path / "a.bin"
    with serving(answer) as url:
        for _ in range(2):
            run = subprocess.Popen([sys.executable, "-c", KILLED, f"{url}/a.bin", str(target)])
            size = target.with_name("a.bin.partial").stat().st_size if served else 0
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline:  # until it has brought something more
                partial = target.with_name("a.bin.partial")
                if partial.exists() and partial.stat().st_size > size:
                    break
                time.sleep(0.005)
            run.send_signal(signal.SIGKILL)
            run.wait()
            assert not target.exists(), "what bears its name is whole"
        subprocess.run([sys.executable, "-c", KILLED, f"{url}/a.bin", str(target)], check=True, timeout=60)
    assert target.read_bytes() == DATA
    assert served[0] is None
    assert served[-1] is not None, "it went on from what was there"


def test_processes_that_want_one_file_bring_it_once(tmp_path: Path) -> None:
    served = []

    def answer(asked: Asked) -> None:
        served.append(asked.headers.get("Range"))
        time.sleep(1.0)
        ranged(asked, DATA)

    with serving(answer) as url:
        command = [sys.executable, "-c", KILLED, f"{url}/a.bin", str(tmp_path / "a.bin")]
        runs = [subprocess.Popen(command) for _ in range(3)]
        assert [run.wait(60) for run in runs] == [0, 0, 0]
    assert (tmp_path / "a.bin").read_bytes() == DATA
    assert served == [None]


def test_a_data_set_of_a_portal_its_table_and_its_html(tmp_path: Path) -> None:
    table = (
        'id;texte;note\n1;"<p>Une prothèse &lt; 5 mm est <b>posée</b>.</p><p>Elle tient.</p>";x\n2;Court;y\n'
    )
    files = {"/t.csv": table.encode(), "/autre.pdf": b"%PDF"}

    def answer(asked: Asked) -> None:
        if asked.path == "/api/datasets/jeu/":
            host = asked.headers["Host"]
            listed = [{"url": f"http://{host}{path}", "title": path} for path in files]
            listed[0]["checksum"] = {"type": "sha1", "value": hashlib.sha1(files["/t.csv"]).hexdigest()}
            asked.answer(json.dumps({"resources": listed}).encode())
        else:
            ranged(asked, files[asked.path])

    with serving(answer) as url:
        given = source(
            api=f"{url}/api", dataset="jeu", resources=["*.csv"], format="table", text=["*"], shortest_cell=20
        )
        records, damages = told(given, tmp_path)
        assert not damages
        assert [one.text for one in records] == ["Une prothèse < 5 mm est posée.\nElle tient."]
        missing = source(api=f"{url}/api", dataset="jeu", resources=["*.parquet"], format="table")
        records, damages = told(missing, tmp_path)
        assert [one.slug for one in damages] == ["network"]
        assert FIELDS["home"] in damages[0].reason
        with pytest.raises(DamagedSource):
            list(read(missing, cache_folder=tmp_path))


def test_an_archive_of_a_zenodo_record(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("FR/cas/1.txt", "Premier cas.")
        archive.writestr("FR/cas/1.ann", "T1\tX 0 3\tPre")
        archive.writestr("FR/cas/2.txt", "Deuxième cas.")
        archive.writestr("../dehors.txt", "Hors du dossier.")
    data = packed.getvalue()

    def answer(asked: Asked) -> None:
        if asked.path == "/api/records/12":
            link = f"http://{asked.headers['Host']}/f.zip"
            listed = [
                {"key": "f.zip", "links": {"self": link}, "checksum": "md5:" + hashlib.md5(data).hexdigest()}
            ]
            asked.answer(json.dumps({"files": listed}).encode())
        else:
            ranged(asked, data)

    with serving(answer) as url:
        records, damages = told(
            source(api=f"{url}/api", zenodo="12", members=["*.txt"], format="text"), tmp_path / "cache"
        )
    assert not damages
    assert [one.text for one in records] == ["Premier cas.", "Deuxième cas."]
    assert not list(tmp_path.rglob("dehors.txt"))
    bad = tmp_path / "bad"
    with serving(lambda asked: ranged(asked, data[: len(data) // 2] + data[-22:])) as url:
        records, damages = told(source(urls=[f"{url}/f.zip"], format="text"), bad)
    assert [one.slug for one in damages] == ["corrupt"]


def test_xml_and_translation_memories(tmp_path: Path) -> None:
    xml = "<base><produit><nom>Rien</nom><rcp>Posologie : 5 mg/kg, soit ≥ 2 comprimés.</rcp></produit></base>"
    tmx = '<tmx><body><tu><tuv xml:lang="EN"><seg>Flu</seg></tuv><tuv xml:lang="FR-01"><seg>La <bpt/>grippe.</seg></tuv></tu></body></tmx>'
    bomb = '<!DOCTYPE a [<!ENTITY b "xxxx"><!ENTITY c "&b;&b;">]><base><produit><rcp>&c; texte assez long</rcp></produit></base>'
    files = {"/a.xml": xml, "/b.tmx": tmx, "/bomb.xml": bomb, "/cut.xml": xml[:-20]}
    with serving(lambda asked: ranged(asked, files[asked.path].encode())) as url:
        records, _ = told(
            source(urls=[f"{url}/a.xml"], format="xml", record="produit", shortest_cell=10), tmp_path / "1"
        )
        assert [one.text for one in records] == ["Posologie : 5 mg/kg, soit ≥ 2 comprimés."]
        records, _ = told(source(urls=[f"{url}/b.tmx"], format="tmx"), tmp_path / "2")
        assert [one.text for one in records] == ["La grippe."]
        records, _ = told(source(urls=[f"{url}/bomb.xml"], format="xml", record="produit"), tmp_path / "3")
        assert "xxxx" not in "".join(one.text for one in records), "entities are not expanded"
        _, damages = told(source(urls=[f"{url}/cut.xml"], format="xml", record="produit"), tmp_path / "4")
        assert [one.slug for one in damages] == ["corrupt"]


def test_homes_are_tried_without_being_brought(tmp_path: Path) -> None:
    from click.testing import CliRunner

    from partages.corpus.commands import corpus

    asked_for: list[str | None] = []

    def answer(asked: Asked) -> None:
        asked_for.append(asked.headers.get("Range"))
        asked.answer(DATA[:1], 206) if asked.path == "/bon.csv" else asked.answer(b"", 404)

    with serving(answer) as url:
        for name in ("bon", "perdu"):
            fields = {**FIELDS, "name": name, "reader": "files"}
            lines = [f"{key} = {json.dumps(value)}" for key, value in fields.items()]
            (tmp_path / f"{name}.toml").write_text(
                "\n".join([*lines, "[options]", f'urls = ["{url}/{name}.csv"]'])
            )
        done = CliRunner().invoke(corpus, ["reach", str(tmp_path / "bon.toml"), str(tmp_path / "perdu.toml")])
    assert done.exit_code == 1
    command = [sys.executable, "-m", "partages.cli", "corpus", "sources", str(tmp_path / "seul")]
    (tmp_path / "seul").mkdir()
    (tmp_path / "seul" / "a.txt").write_text("Sans licence.")
    assert subprocess.run(command, capture_output=True, timeout=120).returncode == 1, "the real entry point"
    assert done.stdout.splitlines()[0] == "✓ bon : 1 fichier : bon.csv"
    assert done.stdout.splitlines()[1].startswith("✗ perdu : « perdu.csv » répond par le code 404.")
    assert asked_for == ["bytes=0-0", "bytes=0-0"]


HUB = """
import json, sys
from pathlib import Path
from partages.corpus.sources import read, source_from
given = source_from(json.loads(sys.argv[1]), "essai")
damages = []
records = [(one.id, one.text, one.metadata) for one in read(given, damaged=damages.append, cache_folder=Path(sys.argv[2]))]
print(json.dumps({"records": records, "damages": [[one.slug, one.reason] for one in damages]}))
"""


def through_the_hub(tmp_path: Path, endpoint: str, offline: str, **options: object) -> dict[str, list]:
    fields = {**FIELDS, "reader": "hub", "options": options}
    environment = {
        **os.environ, "HF_ENDPOINT": endpoint, "HF_HUB_OFFLINE": offline, "HF_HOME": str(tmp_path / "hf"),
        "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", HUB, json.dumps(fields), str(tmp_path)],
        env=environment, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


COMMIT = "0123456789abcdef0123456789abcdef01234567"


def hub(files: dict[str, bytes]) -> "object":
    """Answers as the part of the Hub's API that is used to read a data set."""

    def entry(path: str) -> dict[str, object]:
        return {
            "type": "file",
            "path": path,
            "size": len(files[path]),
            "oid": hashlib.sha1(files[path]).hexdigest(),
        }

    def answer(asked: Asked) -> None:
        prefix = "/api/datasets/org/jeu"
        if asked.path == prefix or asked.path.startswith(f"{prefix}/revision/"):
            siblings = [{"rfilename": path} for path in files]
            asked.answer(
                json.dumps(
                    {
                        "id": "org/jeu",
                        "sha": COMMIT,
                        "siblings": siblings,
                        "private": False,
                        "gated": False,
                        "disabled": False,
                        "downloads": 0,
                        "likes": 0,
                        "tags": [],
                    }
                ).encode(),
                Content_Type="application/json",
            )
        elif asked.path.startswith(f"{prefix}/tree/"):
            under = asked.path.removeprefix(f"{prefix}/tree/").partition("/")[2]
            recursive = asked.query.get("recursive", "").lower() in ("true", "1")
            inside = [path for path in files if not under or path.startswith(under + "/")]
            if recursive:
                listed = [entry(path) for path in inside]
            else:
                depth = len(under) + 1 if under else 0
                listed = [entry(path) for path in inside if "/" not in path[depth:]]
                folders = {path[: depth + path[depth:].index("/")] for path in inside if "/" in path[depth:]}
                listed += [
                    {"type": "directory", "path": one, "oid": COMMIT, "size": 0} for one in sorted(folders)
                ]
            asked.answer(json.dumps(listed).encode(), Content_Type="application/json")
        elif asked.path.startswith(f"{prefix}/paths-info/"):
            length = int(asked.headers.get("Content-Length") or 0)
            body = asked._handler.rfile.read(length).decode()
            from urllib.parse import parse_qs

            wanted = json.loads(body)["paths"] if body.startswith("{") else parse_qs(body).get("paths", [])
            found: list[dict[str, object]] = [entry(path) for path in wanted if path in files]
            found += [
                {"type": "directory", "path": one, "oid": COMMIT, "size": 0}
                for one in wanted
                if one not in files and any(path.startswith(one + "/") for path in files)
            ]
            asked.answer(json.dumps(found).encode(), Content_Type="application/json")
        elif "/resolve/" in asked.path:
            path = asked.path.partition("/resolve/")[2].partition("/")[2]
            if path in files:
                wanted = asked.headers.get("Range", "")
                data, status, extra = files[path], 200, {}
                if wanted.startswith("bytes="):
                    start, _, end = wanted.removeprefix("bytes=").partition("-")
                    stop = min(int(end) + 1 if end else len(data), len(data))
                    extra = {"Content_Range": f"bytes {start}-{stop - 1}/{len(data)}"}
                    data, status = data[int(start) : stop], 206
                asked.answer(
                    data,
                    status,
                    ETag=f'"{hashlib.sha1(files[path]).hexdigest()}"',
                    X_Repo_Commit=COMMIT,
                    **extra,
                )
            else:
                asked.answer(b"{}", 404, X_Error_Code="EntryNotFound")
        else:
            asked.answer(b'{"error": "Repository not found"}', 404, X_Error_Code="RepoNotFound")

    return answer


@pytest.fixture(scope="module")
def hub_files() -> dict[str, bytes]:
    pyarrow = pytest.importorskip("pyarrow")
    import pyarrow.parquet as parquet

    packed = io.BytesIO()
    parquet.write_table(pyarrow.table({"input": ["Un texte.", "Deux textes."], "source": ["A", "B"]}), packed)
    return {
        "finetuning/train-0000.parquet": packed.getvalue(),
        "jeu.py": b"raise SystemExit('a loading script must never be run')",
        "csv/en-fr.csv.gz": gzip.compress(b"lang,fr\nfr,Une phrase.\n"),
    }


@pytest.mark.slow
def test_the_hub_through_datasets_from_files(tmp_path: Path, hub_files: dict[str, bytes]) -> None:
    with serving(hub(hub_files)) as url:
        found = through_the_hub(
            tmp_path, url, "0", repo="org/jeu", files=["finetuning/*.parquet"], text="input", keep=["source"]
        )
        assert found["damages"] == []
        assert [(text, metadata) for _, text, metadata in found["records"]] == [
            ("Un texte.", {"source": "A"}),
            ("Deux textes.", {"source": "B"}),
        ]
        found = through_the_hub(tmp_path, url, "0", repo="org/jeu", files=["csv/*.csv.gz"], text="fr")
        assert [text for _, text, _ in found["records"]] == ["Une phrase."]
    found = through_the_hub(
        tmp_path, "http://127.0.0.1:9", "1", repo="org/jeu", files=["csv/*.csv.gz"], text="fr"
    )
    assert [text for _, text, _ in found["records"]] == ["Une phrase."], "what was brought is read offline"


@pytest.mark.slow
def test_the_hub_unknown_or_forbidden_is_one_sentence(tmp_path: Path, hub_files: dict[str, bytes]) -> None:
    with serving(hub(hub_files)) as url:
        found = through_the_hub(tmp_path, url, "0", repo="org/rien", files=["*.parquet"], text="input")
    assert [slug for slug, _ in found["damages"]] == ["network"]
    found = through_the_hub(
        tmp_path, "http://127.0.0.1:9", "1", repo="org/jeu", config="default", text="input"
    )
    assert [slug for slug, _ in found["damages"]] == ["network"]
    assert "HF_HUB_OFFLINE" in found["damages"][0][1]
