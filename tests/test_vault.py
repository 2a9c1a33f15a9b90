"""The vault: what comes back, what does not open, and who is noted."""

import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from partages.batch import Outcome
from partages.documents import Document
from partages.errors import UsageError
from partages.settings import Settings
from partages.usecases.pseudonymise.engine import pseudonymise
from partages.usecases.pseudonymise.reversal import restore, seal
from partages.usecases.pseudonymise.schema import Options
from partages.vault import Audit, Reader, Writer, find_key, new_key

TEXT = "Mme KERVADEC Solenn, née le 03/02/1951, IPP 8004512.\r\nVue par le Dr Bonnet. 🩺 Kervadec sort."


def settings(secret: bytes = b"k" * 32) -> Settings:
    return Settings(vault_key=SecretStr(base64.b64encode(secret).decode()))


def outcome(name: str, reversal: str | None = "x") -> Outcome:
    return Outcome(name, "{}", reversal is None, reversal=reversal)


def sealed(rendering: str = "surrogates", text: str = TEXT) -> tuple[str, str]:
    document = Document("a", text)
    result = pseudonymise(document, Options(engine="fast", rendering=rendering))  # type: ignore[arg-type]
    return result.text, json.dumps(seal(document, result))


@pytest.mark.parametrize("rendering", ["surrogates", "tags", "spans"])
def test_an_untouched_text_comes_back_to_the_letter(rendering: str) -> None:
    text, kept = sealed(rendering)
    assert restore(text, kept) == (TEXT, True)


@given(
    st.lists(
        st.sampled_from(["Mme DURAND ", "e\u0301", "🩺", "\r\n", "Dr Petit, ", "le 12/03/2024 ", "[Nom_1]"]),
        min_size=1,
    )
)
def test_any_text_comes_back(pieces: list[str]) -> None:
    text, kept = sealed(text="".join(pieces))
    assert restore(text, kept) == ("".join(pieces), True)


def test_a_text_that_changed_has_its_surrogates_replaced() -> None:
    text, kept = sealed()
    name = text.split()[1]
    answer = f"Synthèse : {name} va bien, {name}ine non. Contrôle prévu."
    assert restore(answer, kept) == (f"Synthèse : KERVADEC va bien, {name}ine non. Contrôle prévu.", False)


def test_what_was_sealed_opens_with_the_key_alone(tmp_path: Path) -> None:
    path = tmp_path / "coffre"
    with Writer(path, settings(), resume=False, done=0) as writer:
        writer.note(outcome("CR_KERVADEC", "KERVADEC é"))
        writer.note(outcome("b", None))
    written = path.read_text()
    assert "KERVADEC" not in written
    assert oct(path.stat().st_mode)[-3:] == "600"
    with Reader(path, settings()) as reader:
        assert reader.get("CR_KERVADEC") == "KERVADEC é"
        assert reader.get("b") is None
    with pytest.raises(UsageError, match="pas celle du coffre"):
        Reader(path, settings(b"x" * 32))
    actions = [entry["action"] for entry, wrong in Audit(path).check(find_key(settings())) if not wrong]
    assert actions == ["création", "fin d'écriture", "ouverture pour restitution", "restitution", "refus"]
    assert "KERVADEC" not in Audit(path).path.read_text()


def test_a_box_moved_to_another_document_does_not_open(tmp_path: Path) -> None:
    path = tmp_path / "coffre"
    with Writer(path, settings(), resume=False, done=0) as writer:
        writer.note(outcome("a", "A"))
        writer.note(outcome("b", "B"))
    head, first, second = (json.loads(line) for line in path.read_text().splitlines())
    swapped = [head, {**second, "who": first["who"]}]
    path.write_text("".join(json.dumps(line) + "\n" for line in swapped))
    with Reader(path, settings()) as reader, pytest.raises(UsageError, match="modifié"):
        reader.get("a")


def test_the_journal_shows_what_was_changed(tmp_path: Path) -> None:
    path = tmp_path / "coffre"
    audit, key = Audit(path), find_key(settings())
    for action in ("création", "restitution", "restitution"):
        audit.note(action, key)
    lines = audit.path.read_text().splitlines(keepends=True)
    audit.path.write_text(lines[0] + lines[2])
    assert [bool(wrong) for _, wrong in audit.check(key)] == [False, True]
    audit.path.write_text(lines[0] + lines[1].replace("restitution", "création"))
    assert [bool(wrong) for _, wrong in audit.check(key)] == [False, True]
    audit.path.write_text("".join(lines))
    assert [bool(wrong) for _, wrong in audit.check(key)] == [False] * 3


def test_an_interrupted_vault_is_taken_up(tmp_path: Path) -> None:
    path = tmp_path / "coffre"
    with pytest.raises(KeyboardInterrupt), Writer(path, settings(), resume=False, done=0) as writer:  # noqa: PT012
        writer.note(outcome("a", "A"))
        writer.note(outcome("b", "B"))
        raise KeyboardInterrupt
    with Writer(path, settings(), resume=True, done=1) as writer:
        writer.note(outcome("b", "B2"))
    with Reader(path, settings()) as reader:
        assert [reader.get(name) for name in "ab"] == ["A", "B2"]
    for wrong in (settings(b"x" * 32), Settings()):
        with pytest.raises(UsageError, match="clé"):
            Writer(path, wrong, resume=True, done=1)
    with pytest.raises(UsageError, match="sans --vault"):
        Writer(tmp_path / "autre", settings(), resume=True, done=1)


def test_keys(tmp_path: Path) -> None:
    path = tmp_path / "cle"
    new_key(path)
    assert find_key(Settings(vault_key_file=path)).name == find_key(Settings(vault_key_file=path)).name
    with pytest.raises(UsageError, match="existe"):
        new_key(path)
    path.chmod(0o644)
    with pytest.raises(UsageError, match="chmod"):
        find_key(Settings(vault_key_file=path))
    with pytest.raises(UsageError, match="32 octets"):
        find_key(Settings(vault_key=SecretStr("abc")))
    with pytest.raises(UsageError, match="vault key"):
        find_key(Settings())


@pytest.mark.slow
def test_on_the_command_line(tmp_path: Path) -> None:
    def partages(*arguments: str, **more: Any) -> subprocess.CompletedProcess[bytes]:
        environment = os.environ | {"PARTAGES_VAULT_KEY_FILE": str(tmp_path / "cle")}
        command = [sys.executable, "-m", "partages.cli", *arguments]
        return subprocess.run(
            command, capture_output=True, timeout=240, cwd=tmp_path, env=environment, **more
        )

    (tmp_path / "lettre.txt").write_text(TEXT, newline="")
    run = ("pseudonymise", "lettre.txt", "--engine", "fast", "--format", "txt", "--vault", "coffre")
    refused = partages(*run, "--output", "sortie")
    assert refused.returncode == 2
    assert not (tmp_path / "sortie").exists()
    assert partages("vault", "key", "cle").returncode == 0
    done = partages(*run, "--output", "sortie")
    assert done.returncode == 0, done.stderr
    assert "KERVADEC" not in (tmp_path / "sortie" / "lettre.txt").read_text()
    back = partages("vault", "restore", "coffre", "sortie")
    (line,) = back.stdout.splitlines()
    assert json.loads(line) == {"id": "lettre", "text": TEXT, "exact": True}
    audit = partages("vault", "audit", "coffre")
    assert audit.returncode == 0
    assert audit.stdout.decode().count("restitution") == 2
    (tmp_path / "autre.txt").write_text("Toux.")
    assert partages("vault", "restore", "coffre", "autre.txt").returncode == 1
