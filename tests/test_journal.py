"""Formats other than JSON lines: nothing lost, nothing twice, nothing outside the folder."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partages.batch import Outcome
from partages.errors import OutputError, UsageError
from partages.inputs import Record
from partages.journal import FOLDER_JOURNAL, Facts, Sink, skip
from partages.usecases.base import Format, Report, file_name

ROWS = Format("une ligne par document", render=lambda document, result: "", header="id\n")
FILES = Format("un fichier par document", files=lambda document, result: {}, shared={"conf": "x\n"})


def good(name: str, record: object) -> Outcome:
    return Outcome(name, json.dumps({"id": name}), False, record=record, facts=json.dumps({"id": name}))  # type: ignore[arg-type]


def bad(name: str) -> Outcome:
    return Outcome(name, json.dumps({"id": name, "error": "vide"}), True)


def opened(output: Path, form: Format, *, resume: bool = False) -> Sink:
    return Sink(output, resume=resume, key="k", cache=output.parent / "cache", form=form)


def test_an_interrupted_table_is_taken_up_where_it_was(tmp_path: Path) -> None:
    output = tmp_path / "t.csv"
    with pytest.raises(KeyboardInterrupt), opened(output, ROWS) as sink:  # noqa: PT012
        sink.write(good("a", "a;1\na;2\n"))
        sink.write(bad("b"))
        raise KeyboardInterrupt
    with (tmp_path / "t.csv.partial").open("a") as file:
        file.write("c;une ligne coup")
    with pytest.raises(UsageError, match="--resume"):
        opened(output, ROWS)
    with opened(output, ROWS, resume=True) as sink:
        assert (sink.resumed, sink.done.failed) == (2, 1)
        rest = skip(iter([Record(name, lambda: ("", [])) for name in "abc"]), sink.done)
        assert [record.id for record in rest] == ["c"]
        sink.write(good("c", "c;1\n"))
    assert output.read_text() == "id\na;1\na;2\nc;1\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["t.csv"]
    assert opened(output, ROWS, resume=True).complete


def test_an_interrupted_folder_is_taken_up_where_it_was(tmp_path: Path) -> None:
    output = tmp_path / "sortie"
    with pytest.raises(KeyboardInterrupt), opened(output, FILES) as sink:  # noqa: PT012
        sink.write(good("a", {"a.txt": "A\r\n", "sous/a.ann": ""}))
        raise KeyboardInterrupt
    with pytest.raises(UsageError, match="--resume"):
        opened(output, FILES)
    with opened(output, FILES, resume=True) as sink:
        assert sink.resumed == 1
        sink.write(good("b", {"b.txt": "B"}))
    assert (output / "a.txt").read_bytes() == b"A\r\n"
    assert {path.name for path in output.rglob("*")} == {
        "a.txt",
        "sous",
        "a.ann",
        "b.txt",
        "conf",
        FOLDER_JOURNAL,
    }
    assert opened(output, FILES, resume=True).complete


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "lettre.txt").write_text("x")
    for resume in (False, True):
        with pytest.raises(UsageError):
            opened(tmp_path, FILES, resume=resume)
    assert [path.name for path in tmp_path.iterdir()] == ["lettre.txt"]


def test_no_file_leaves_the_folder(tmp_path: Path) -> None:
    with pytest.raises(OutputError), opened(tmp_path / "sortie", FILES) as sink:
        sink.write(good("a", {"../a.txt": "A"}))
    assert not (tmp_path / "a.txt").exists()


@given(st.lists(st.text(min_size=1, max_size=300), min_size=2, max_size=2, unique=True))
def test_any_id_gives_a_safe_file_of_its_own(identifiers: list[str]) -> None:
    names = [file_name(identifier.encode(errors="replace").decode(), ".txt") for identifier in identifiers]
    for name in names:
        assert not name.startswith("/")
        assert all(
            part.strip() and not part.startswith(".") and len(part.encode()) < 255 for part in name.split("/")
        )
        assert "\0" not in name
    if identifiers[0].encode(errors="replace") != identifiers[1].encode(errors="replace"):
        assert names[0] != names[1]


def test_a_report_covers_what_was_done_before_the_interruption(tmp_path: Path) -> None:
    seen: list[dict[str, str]] = []
    report = Report(
        "", (".html",), lambda document, result, options: {}, lambda facts, paths: seen.extend(facts)
    )
    path = tmp_path / "rapport.html"
    with pytest.raises(KeyboardInterrupt), Facts([path], report, resume=False, done=0) as facts:  # noqa: PT012
        facts.note(good("a", None))
        facts.note(good("b", None))  # noted, but not written yet when the run stopped
        raise KeyboardInterrupt
    with Facts([path], report, resume=True, done=1) as facts:
        facts.note(good("b", None))
        facts.note(bad("c"))
    assert [fact["id"] for fact in seen] == ["a", "b", "c"]
    assert seen[2]["error"] == "vide"
    with pytest.raises(UsageError, match="--report"):
        Facts([tmp_path / "autre.html"], report, resume=True, done=1)
