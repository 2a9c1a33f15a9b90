"""Where results go, and how an interrupted run is taken up again without repeating anything.

The truth is what was written: whole lines, in the order of the input. A file named with
``--output`` is written as ``NAME.partial`` and renamed when all is done. Standard output
redirected to a file (``>>``) is read back. For a pipe, which keeps nothing, a journal in the
cache folder holds how many documents were written and a digest of their ids: no id, no text.
"""

import hashlib
import json
import os
import signal
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import BinaryIO, Self

from partages.batch import Outcome
from partages.errors import OutputError, UsageError
from partages.inputs import Record


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


class Sink:
    """Writes result lines, whole and flushed one by one; a context manager.

    Args:
        output: file to write; None for standard output.
        resume: take up what an earlier run left.
        key: identifies the run (command, options, inputs), for the journal of a pipe.
        cache: folder of the journals.

    Raises:
        UsageError: the output exists, or an earlier run must be resumed or removed first.
        OutputError: it cannot be written.
    """

    def __init__(self, output: Path | None, *, resume: bool, key: str, cache: Path) -> None:
        self._output = output
        self._partial = output.with_name(output.name + ".partial") if output else None
        name = hashlib.sha256(key.encode()).hexdigest()[:32]
        self._journal_path = cache / "runs" / f"{name}.json"
        self._journal: BinaryIO | None = None
        self.complete = False
        """Whether an earlier run had already finished this output."""
        self.done = Done()
        self._writing = self._interrupted = False
        if self._output:
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
            with self._output.open("rb") as file:
                self.done, _ = _read_back(file)
            return
        if self._partial.exists() and not resume:
            raise UsageError(
                f"« {self._partial} » vient d'un passage interrompu : ajoutez --resume pour le reprendre, "
                "ou supprimez-le."
            )
        try:
            self._file: BinaryIO = self._partial.open("r+b" if self._partial.exists() else "w+b")
        except OSError as error:
            raise OutputError(f"« {self._output} » ne peut pas être écrit ({error.strerror}).") from None
        self._take_up(self._file)

    def _take_up(self, file: BinaryIO) -> None:
        self.done, length = _read_back(file)
        file.truncate(length)
        file.seek(length)

    def _open_standard_output(self, resume: bool) -> None:
        self._file = sys.stdout.buffer
        if stat.S_ISREG(os.fstat(self._file.fileno()).st_mode):
            if resume:
                with Path(f"/proc/self/fd/{self._file.fileno()}").open("r+b") as file:
                    self._take_up(file)
                self._file.seek(0, os.SEEK_END)
            return
        if resume:
            with suppress(OSError, ValueError, TypeError):
                self.done = Done(**json.loads(self._journal_path.read_text()))
        with suppress(OSError):  # without a journal everything works but --resume through a pipe
            self._journal_path.parent.mkdir(parents=True, exist_ok=True)
            self._journal = self._journal_path.open("wb", buffering=0)
            self._note()

    def _note(self) -> None:
        if self._journal:
            state = {"count": self.done.count, "failed": self.done.failed, "digest": self.done.digest}
            with suppress(OSError):
                os.pwrite(self._journal.fileno(), json.dumps(state).ljust(160).encode(), 0)

    def write(self, outcome: Outcome) -> None:
        """Write one line and flush it.

        Raises:
            OutputError: the disk is full, or the file cannot be written. Lines before it stand.
            BrokenPipeError: nobody reads any more.
        """
        self._writing = True
        try:
            self._file.write(outcome.line.encode() + b"\n")
            self._file.flush()
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
        if self._output and self._partial and not self.complete:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._partial.rename(self._output)
        if self._journal:
            self._journal_path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.finish()
        if self._journal:
            self._journal.close()
        if self._output and not self.complete:
            with suppress(OSError):  # what could not be flushed was already reported
                self._file.close()
