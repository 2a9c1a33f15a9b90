"""An encrypted file that gives documents back: AES-256-GCM, the key outside, each access in a journal.

The first line names the key (a digest of it); then one line a document: a keyed digest of its id,
a nonce, and the sealed content (NIST SP 800-38D; the digest of the id is authenticated with it). What is
sealed is the use case's affair. Beside the vault, ``NAME.audit.jsonl`` says who did what and when,
with no content and no id: each line holds the digest of the one before, and a code that only
a holder of the key can write.
"""

import base64
import getpass
import hashlib
import hmac
import json
import os
import secrets
import socket
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from partages.batch import Outcome
from partages.errors import OutputError, UsageError
from partages.settings import Settings

KEY_BYTES = 32
NONCE_BYTES = 12
"""96 random bits, as SP 800-38D advises; safe under one key for four billion documents."""
VERSION = 1


class Key:
    """The secret of a vault, and what is derived from it. Its ``repr`` tells nothing."""

    def __init__(self, secret: bytes) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        self._secret = secret
        self.box = AESGCM(self._derived(b"box"))
        self.name = self._derived(b"name").hex()[:16]

    def _derived(self, purpose: bytes) -> bytes:
        return hmac.new(self._secret, b"partages vault " + purpose, "sha256").digest()

    def who(self, identifier: str) -> str:
        """A document's id, unreadable without the key."""
        return hmac.new(self._derived(b"who"), identifier.encode(), "sha256").hexdigest()

    def mac(self, text: str) -> str:
        return hmac.new(self._derived(b"audit"), text.encode(), "sha256").hexdigest()


def new_key(path: Path) -> None:
    """Write a new key, readable by its owner alone.

    Raises:
        UsageError: the file exists.
        OutputError: it cannot be written.
    """
    try:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:  # noqa: PTH123
            file.write(base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode() + "\n")
    except FileExistsError:
        raise UsageError(f"« {path} » existe déjà : une clé ne s'écrase pas.") from None
    except OSError as error:
        raise OutputError(f"« {path} » ne peut pas être écrit ({error.strerror}).") from None


def find_key(settings: Settings) -> Key:
    """The key that the settings name.

    Raises:
        UsageError: none, or it is not 32 bytes in base64, or others may read its file.
    """
    written = settings.vault_key.get_secret_value()
    if not written and settings.vault_key_file:
        path = settings.vault_key_file
        try:
            if os.name == "posix" and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise UsageError(f"La clé « {path} » est lisible par d'autres : chmod 600 {path}")
            written = path.read_text()
        except OSError as error:
            raise UsageError(f"La clé « {path} » ne peut pas être lue ({error.strerror}).") from None
    if not written:
        raise UsageError(
            "Le coffre demande une clé : créez-la avec « partages vault key FICHIER », puis désignez-la par "
            "PARTAGES_VAULT_KEY_FILE."
        )
    try:
        secret = base64.b64decode(written.strip(), validate=True)
    except ValueError:
        secret = b""
    if len(secret) != KEY_BYTES:
        raise UsageError("La clé du coffre n'est pas valide : 32 octets en base64 sont attendus.")
    return Key(secret)


class Audit:
    """The journal of accesses to a vault."""

    def __init__(self, vault: Path) -> None:
        self.path = vault.with_name(vault.name + ".audit.jsonl")

    def note(self, action: str, key: Key | None, *, documents: int | None = None) -> None:
        """Add a line, before the access or after it.

        Raises:
            OutputError: it cannot be written; then nothing is to be done.
        """
        try:
            with self.path.open("a+b") as file:
                file.seek(0)
                previous = hashlib.sha256()
                for line in file:
                    previous = hashlib.sha256(line)
                entry: dict[str, Any] = {
                    "time": datetime.now(UTC).isoformat(timespec="seconds"),
                    "user": _user(),
                    "host": socket.gethostname(),
                    "process": os.getpid(),
                    "action": action,
                    "documents": documents,
                    "key": key.name if key else None,
                    "previous": previous.hexdigest(),
                }
                entry["mac"] = key.mac(_canonical(entry)) if key else None
                file.write(json.dumps(entry, ensure_ascii=False).encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise OutputError(
                f"Le journal des accès « {self.path} » ne peut pas être écrit ({error.strerror}) : "
                "sans lui, le coffre reste fermé."
            ) from None

    def check(self, key: Key | None) -> Iterator[tuple[dict[str, Any], str]]:
        """Each line, and what is wrong with it in French, or nothing.

        A line taken off the end cannot be seen: keep the last digest elsewhere to know.

        Raises:
            UsageError: there is no journal.
        """
        previous = hashlib.sha256().hexdigest()
        try:
            lines = self.path.read_bytes().splitlines(keepends=True)
        except OSError as error:
            raise UsageError(f"« {self.path} » ne peut pas être lu ({error.strerror}).") from None
        for line in lines:
            try:
                entry = dict(json.loads(line))
            except (ValueError, TypeError):
                entry = {}
            wrong = ""
            if entry.get("previous") != previous:
                wrong = "la ligne précédente a été modifiée, ajoutée ou retirée"
            elif entry.get("mac") is None:
                wrong = "" if entry.get("action") == REFUSED else "ligne sans code d'authenticité"
            elif key and entry.get("key") == key.name:
                code = entry["mac"]
                bare = {name: value for name, value in entry.items() if name != "mac"}
                if not hmac.compare_digest(str(code), key.mac(_canonical(bare))):
                    wrong = "le code d'authenticité ne correspond pas"
            previous = hashlib.sha256(line).hexdigest()
            yield entry, wrong


CREATED, TAKEN_UP, CLOSED = "création", "reprise", "fin d'écriture"
OPENED, RESTORED, REFUSED = "ouverture pour restitution", "restitution", "refus"


def _canonical(entry: dict[str, Any]) -> str:
    return json.dumps(entry, ensure_ascii=False, sort_keys=True)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


class Writer:
    """Seals what gives each document back, a line a document; a context manager. None as path: nothing.

    Raises:
        UsageError: no key, the vault exists, or the one to take up is not of this run or key.
        OutputError: it cannot be written.
    """

    def __init__(self, path: Path | None, settings: Settings, *, resume: bool, done: int) -> None:
        self._file: BinaryIO | None = None
        if path is None:
            return
        self._key = find_key(settings)
        self._audit = Audit(path)
        self._count = done
        exists = path.exists()
        if exists and not resume:
            raise UsageError(f"« {path} » existe déjà : choisissez un autre nom ou supprimez-le.")
        if done and not exists:
            raise UsageError("Le passage interrompu n'écrivait pas de coffre : reprenez-le sans --vault.")
        self._audit.note(TAKEN_UP if exists else CREATED, self._key, documents=done)
        try:
            self._file = open(  # noqa: PTH123, SIM115
                os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b"
            )
            if exists:
                self._take_up(path, done)
            else:
                self._put({"partages-vault": VERSION, "key": self._key.name})
        except OSError as error:
            raise OutputError(f"« {path} » ne peut pas être écrit ({error.strerror}).") from None

    def _take_up(self, path: Path, done: int) -> None:
        assert self._file
        try:
            _read_head(self._file, path, self._key)
            if any(not self._file.readline().endswith(b"\n") for _ in range(done)):
                raise UsageError(f"« {path} » n'est pas le coffre du passage interrompu.")
        except UsageError:
            self._file.close()
            self._file = None
            raise
        self._file.seek(self._file.tell())
        self._file.truncate()

    def _put(self, value: dict[str, Any]) -> None:
        assert self._file
        self._file.write(json.dumps(value).encode() + b"\n")
        self._file.flush()

    def note(self, outcome: Outcome) -> None:
        """Seal one document; before its text is written, so that none is ever missing."""
        if not self._file:
            return
        sealed: dict[str, Any] = {}
        if outcome.reversal is not None and outcome.id is not None:
            who = self._key.who(outcome.id)
            nonce = secrets.token_bytes(NONCE_BYTES)
            box = self._key.box.encrypt(nonce, outcome.reversal.encode(), who.encode())
            sealed = {"who": who, "nonce": _base64(nonce), "box": _base64(box)}
        try:
            self._put(sealed)
        except OSError as error:
            raise OutputError(f"Le coffre ne peut pas être écrit ({error.strerror}).") from None
        self._count += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file:
            os.fsync(self._file.fileno())
            self._file.close()
            self._audit.note(CLOSED, self._key, documents=self._count)


class Reader:
    """Opens a vault to give documents back; a context manager, that notes who did and how many.

    Raises:
        UsageError: no key, not the right one, or not a vault.
        OutputError: the journal cannot be written: nothing is opened.
    """

    def __init__(self, path: Path, settings: Settings) -> None:
        self._path = path
        self._audit = Audit(path)
        self._key = find_key(settings)
        self._places: dict[str, int] = {}
        self._count = 0
        try:
            self._file = path.open("rb")
        except OSError as error:
            raise UsageError(f"« {path} » ne peut pas être lu ({error.strerror}).") from None
        try:
            _read_head(self._file, path, self._key)
        except UsageError:
            self._file.close()
            self._audit.note(REFUSED, None)
            raise
        self._audit.note(OPENED, self._key)
        while True:
            at = self._file.tell()
            line = self._file.readline()
            if not line.endswith(b"\n"):
                break
            try:
                who = json.loads(line).get("who")
            except (ValueError, AttributeError):
                raise UsageError(f"Le coffre « {path} » est endommagé.") from None
            if who:
                self._places[who] = at

    def get(self, identifier: str) -> str | None:
        """What was sealed for a document; None where the vault does not hold it.

        Raises:
            UsageError: its line was tampered with.
        """
        from cryptography.exceptions import InvalidTag

        who = self._key.who(identifier)
        at = self._places.get(who)
        if at is None:
            return None
        self._file.seek(at)
        try:
            line = json.loads(self._file.readline())
            box = self._key.box.decrypt(
                base64.b64decode(line["nonce"]), base64.b64decode(line["box"]), who.encode()
            )
        except (InvalidTag, ValueError, KeyError):
            self._audit.note(REFUSED, self._key)
            raise UsageError(f"Le coffre « {self._path} » est endommagé ou a été modifié.") from None
        self._count += 1
        return box.decode()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self._audit.note(RESTORED, self._key, documents=self._count)


def _read_head(file: BinaryIO, path: Path, key: Key) -> None:
    try:
        head = json.loads(file.readline())
        version, name = head["partages-vault"], head["key"]
    except (ValueError, KeyError, TypeError):
        raise UsageError(f"« {path} » n'est pas un coffre de partages.") from None
    if version != VERSION:
        raise UsageError(f"Le coffre « {path} » vient d'une autre version de partages.")
    if not hmac.compare_digest(str(name), key.name):
        raise UsageError(f"La clé n'est pas celle du coffre « {path} ».")


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
