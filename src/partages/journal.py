"""Where results go, and how an interrupted run is taken up again without repeating anything.

For JSON lines the truth is what was written: whole lines, in the order of the input. A file named
with ``--output`` is written as ``NAME.partial`` and renamed when all is done. Standard output
redirected to a file (``>>``) is read back. For a pipe, which keeps nothing, a journal in the
cache folder holds how many documents were written and a digest of their ids: no id, no text.

Other formats cannot be read back, so that the same journal stands beside what they write:
``NAME.partial.json`` (with the length written), or ``.partages.json`` in a folder of files.
"""

import hashlib
import json
import os
import signal
import stat
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import BinaryIO, Self

from partages.batch import Outcome
from partages.errors import OutputError, UsageError
from partages.inputs import Record
from partages.usecases.base import Format, Report

FOLDER_JOURNAL = ".partages.json"
JOURNAL_BYTES = 200
"""One write of this size replaces the whole journal."""


@dataclass(frozen=True, slots=True)
class Done:
    """What an earlier run wrote: how many documents, how many errors, a digest of the ids."""

    count: int = 0
    failed: int = 0
    digest: str = ""

    def and_then(self, identifier: str | None, failed: bool) -> "Done":
        """This, and one document more."""
        digest = hashlib.sha256(f"{self.digest}\0{identifier or ''}".encode()).hexdigest()
        return Done(self.count + 1, self.failed + failed, digest)


def skip(records: Iterator[Record], done: Done) -> Iterator[Record]:
    """The records that remain after ``done``.

    Raises:
        UsageError: the input no longer begins with the documents that were done.
    """
    replayed = Done()
    for _ in range(done.count):
        record = next(records, None)
        if record is None:
            break
        replayed = replayed.and_then(record.id, failed=False)
    if replayed.digest != done.digest:
        raise UsageError(
            "L'entrée n'est plus celle du passage interrompu (documents ajoutés, retirés ou déplacés) : "
            "relancez sans --resume vers une nouvelle sortie."
        )
    return records


def _read_back(file: BinaryIO) -> tuple[Done, int]:
    """What a results file holds, and the length in bytes of its whole lines."""
    done, length = Done(), 0
    for line in file:
        if not line.endswith(b"\n"):
            break  # cut by the interruption: it will be written again
        try:
            value = json.loads(line)
            done = done.and_then(value["id"], "error" in value)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise UsageError(
                "La sortie à reprendre contient autre chose que des résultats : choisissez-en une autre."
            ) from None
        length += len(line)
    return done, length


class _Journal:
    """How far a run has come, in a small file rewritten in place; without it all works but ``--resume``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: BinaryIO | None = None

    def read(self) -> tuple[Done, int] | None:
        """What an earlier run noted, with the length of its output; None where there is nothing to trust."""
        try:
            state = json.loads(self.path.read_text())
            length = int(state.pop("length", 0))
            return Done(**state), length
        except (OSError, ValueError, TypeError, AttributeError):
            return None

    def open(self, *, required: bool) -> None:
        """Raises OSError when it is required and cannot be written."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("r+b" if self.path.exists() else "wb", buffering=0)
        except OSError:
            if required:
                raise

    def note(self, done: Done, length: int = 0) -> None:
        if self._file:
            state = {"count": done.count, "failed": done.failed, "digest": done.digest, "length": length}
            os.pwrite(self._file.fileno(), json.dumps(state).ljust(JOURNAL_BYTES).encode(), 0)

    def close(self, *, forget: bool = False) -> None:
        if self._file:
            self._file.close()
            self._file = None
            if forget:
                self.path.unlink(missing_ok=True)


class Sink:
    """Writes results, whole and flushed one by one; a context manager.

    Args:
        output: file to write (a folder for a format of files); None for standard output.
        resume: take up what an earlier run left.
        key: identifies the run (command, options, inputs), for the journal of standard output.
        cache: folder of the journals.
        form: how results are written; None for JSON lines.

    Raises:
        UsageError: the output exists, or an earlier run must be resumed or removed first.
        OutputError: it cannot be written.
    """

    def __init__(
        self, output: Path | None, *, resume: bool, key: str, cache: Path, form: Format | None = None
    ) -> None:
        self._output = output
        self._form = form
        self._partial = output.with_name(output.name + ".partial") if output else None
        self._in_cache = cache / "runs" / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.json"
        self._journal: _Journal | None = None
        self._file: BinaryIO | None = None
        self._length = 0
        self.complete = False
        """Whether an earlier run had already finished this output."""
        self.done = Done()
        self._writing = self._interrupted = False
        if form and form.files:
            self._open_folder(resume, form)
        elif self._output:
            self._open_file(resume)
        else:
            self._open_standard_output(resume)
        self.resumed = self.done.count

    def _open_file(self, resume: bool) -> None:
        assert self._output
        assert self._partial
        if self._output.exists():
            if not resume:
                raise UsageError(f"« {self._output} » existe déjà : choisissez un autre nom ou supprimez-le.")
            self.complete = True
            if not self._form:
                with self._output.open("rb") as file:
                    self.done, _ = _read_back(file)
            return
        if self._partial.exists() and not resume:
            raise UsageError(
                f"« {self._partial} » vient d'un passage interrompu : ajoutez --resume pour le reprendre, "
                "ou supprimez-le."
            )
        try:
            self._file = self._partial.open("r+b" if self._partial.exists() else "w+b")
            if self._form:
                self._journal = _Journal(self._partial.with_name(self._partial.name + ".json"))
                noted = self._journal.read() if resume else None
                self._journal.open(required=True)
        except OSError as error:
            raise OutputError(f"« {self._output} » ne peut pas être écrit ({error.strerror}).") from None
        if self._form:
            self._take_up_noted(self._file, noted)
        else:
            self._take_up(self._file)

    def _take_up(self, file: BinaryIO) -> None:
        self.done, length = _read_back(file)
        file.truncate(length)
        file.seek(length)

    def _take_up_noted(self, file: BinaryIO, noted: tuple[Done, int] | None) -> None:
        """What was written after the last note is cut: it will be written again."""
        assert self._form
        self.done, self._length = noted or (Done(), 0)
        file.truncate(self._length)
        file.seek(self._length)
        if not noted:
            self._put(self._form.header)
            self._note()

    def _open_standard_output(self, resume: bool) -> None:
        self._file = sys.stdout.buffer
        regular = stat.S_ISREG(os.fstat(self._file.fileno()).st_mode)
        if regular and not self._form:
            if resume:
                with Path(f"/proc/self/fd/{self._file.fileno()}").open("r+b") as file:
                    self._take_up(file)
                self._file.seek(0, os.SEEK_END)
            return
        self._journal = _Journal(self._in_cache)
        noted = self._journal.read() if resume else None
        self._journal.open(required=False)
        if noted:
            self.done, self._length = noted
            if regular:
                with Path(f"/proc/self/fd/{self._file.fileno()}").open("r+b") as file:
                    if file.seek(0, os.SEEK_END) < self._length:
                        raise UsageError("La sortie à reprendre a été raccourcie : choisissez-en une autre.")
                    file.truncate(self._length)
                self._file.seek(0, os.SEEK_END)
            return
        if regular:
            self._length = os.fstat(self._file.fileno()).st_size
        if self._form:
            self._put(self._form.header)
        self._note()

    def _open_folder(self, resume: bool, form: Format) -> None:
        if self._output is None:
            raise UsageError("Ce format écrit plusieurs fichiers : donnez un dossier avec --output.")
        try:
            present = self._output.is_dir() and any(self._output.iterdir())
            if present and not resume:
                raise UsageError(
                    f"« {self._output} » n'est pas vide : choisissez un autre dossier, ou ajoutez --resume "
                    "pour reprendre un passage interrompu."
                )
            self._output.mkdir(parents=True, exist_ok=True)
            self._journal = _Journal(self._output / FOLDER_JOURNAL)
            noted = self._journal.read() if present else None
            if present and not noted:
                raise UsageError(
                    f"« {self._output} » ne vient pas d'un passage interrompu : choisissez un autre dossier."
                )
            self.done, finished = noted or (Done(), 0)
            self.complete = bool(finished)
            if not self.complete:
                self._journal.open(required=True)
                self._put_files(form.shared)
                self._note()
        except OSError as error:
            raise OutputError(f"« {self._output} » ne peut pas être écrit ({error.strerror}).") from None

    def _note(self) -> None:
        if self._journal:
            with suppress(OSError):
                self._journal.note(self.done, self._length)

    def _put(self, text: str) -> None:
        assert self._file
        data = text.encode()
        self._file.write(data)
        self._file.flush()
        self._length += len(data)

    def _put_files(self, files: Mapping[str, str]) -> None:
        """Each file appears whole, under its name, or not at all."""
        assert self._output
        for name, text in files.items():
            path = self._output / name
            if not path.resolve().is_relative_to(self._output.resolve()):
                raise OutputError("Un nom de fichier sort du dossier de sortie : corrigez les identifiants.")
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = path.with_name(path.name + ".partial")
            partial.write_text(text, encoding="utf-8", newline="")
            partial.rename(path)

    def write(self, outcome: Outcome) -> None:
        """Write what one document gave. In a format other than JSON lines, a failure writes nothing.

        Raises:
            OutputError: the disk is full, or the file cannot be written. What is before stands.
            BrokenPipeError: nobody reads any more.
        """
        self._writing = True
        try:
            if not self._form:
                self._put(outcome.line + "\n")
            elif isinstance(outcome.record, str):
                self._put(outcome.record)
            elif outcome.record is not None:
                self._put_files(outcome.record)
            self.done = self.done.and_then(outcome.id, outcome.failed)
            self._note()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise OutputError(
                f"Écriture impossible ({error.strerror}) après {self.done.count} documents : "
                "libérez de la place, puis relancez avec --resume."
            ) from None
        finally:
            self._writing = False
        if self._interrupted:
            raise KeyboardInterrupt

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Ctrl-C and SIGTERM stop the run between two lines, never within one (a second one does)."""

        def stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
            if not self._writing or self._interrupted:
                raise KeyboardInterrupt
            self._interrupted = True

        previous = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    def finish(self) -> None:
        """Everything was written: give the file its name, forget the journal."""
        if self.complete:
            return
        if self._form and self._form.files and self._journal:
            self._journal.note(self.done, length=1)  # the folder says it is complete
            return
        if self._output and self._partial and self._file:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._partial.rename(self._output)
        if self._journal:
            self._journal.close(forget=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.finish()
        if self._journal:
            self._journal.close()
        if self._output and self._file and not self.complete:
            with suppress(OSError):  # what could not be flushed was already reported
                self._file.close()


class Facts:
    """Gathers what ``--report`` needs, beside the report, and writes it at the end; a context manager.

    Facts are kept a line a document beside the first of its files (no text of any document), so that
    memory does not grow and a resumed run reports on all its documents. Without a path it does nothing.

    Args:
        done: documents that an earlier run wrote.

    Raises:
        UsageError: the earlier run kept no facts.
        OutputError: it cannot be written.
    """

    def __init__(self, paths: Sequence[Path], report: Report | None, *, resume: bool, done: int) -> None:
        self._paths, self._report = paths, report
        self._file: BinaryIO | None = None
        if not paths or report is None:
            return
        path = paths[0]
        self._partial = path.with_name(path.name + ".partial")
        try:
            self._file = self._partial.open("r+b" if resume and self._partial.exists() else "w+b")
        except OSError as error:
            raise OutputError(f"« {path} » ne peut pas être écrit ({error.strerror}).") from None
        for _ in range(done):
            if not self._file.readline().endswith(b"\n"):
                self._file.close()
                raise UsageError(
                    f"Le passage interrompu ne préparait pas « {path} » : reprenez-le sans --report, "
                    "ou relancez-le entièrement."
                )
        self._file.seek(self._file.tell())
        self._file.truncate()

    def note(self, outcome: Outcome) -> None:
        """Keep the facts of one document; before it is written, so that none is ever missing."""
        if self._file:
            try:
                self._file.write((outcome.facts or outcome.line).encode() + b"\n")
                self._file.flush()
            except OSError as error:
                raise OutputError(f"« {self._partial} » ne peut pas être écrit ({error.strerror}).") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._file:
            return
        with self._file:
            if kind is None:
                assert self._report
                self._file.seek(0)
                try:
                    self._report.write(map(json.loads, self._file), self._paths)
                except OSError as failure:
                    raise OutputError(f"Le rapport ne peut pas être écrit ({failure.strerror}).") from None
        if kind is None:
            self._partial.unlink()
