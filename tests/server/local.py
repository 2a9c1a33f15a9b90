"""Small use cases, for what is tested of the server and not of the engines: streams, failures, slowness."""

import threading
from collections.abc import Iterator
from typing import Any

from pydantic import Field

from partages.documents import Document
from partages.resources import Resources
from partages.usecases.base import Options, Result, UseCase


class EchoOptions(Options):
    pieces: int = Field(3, description="Nombre de morceaux.")
    fail: str = Field("", description="Message de l'exception levée au milieu.")


class EchoResult(Result):
    length: int


class Echo:
    """A use case that writes pieces, can be held back, and tells whether it was stopped."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Semaphore(0)
        self.closed = threading.Event()
        self.written = 0

    def stream(self, document: Document, options: EchoOptions, resources: Resources) -> Iterator[Any]:
        self.entered.release()
        try:
            for number in range(options.pieces):
                self.gate.wait(20)
                if options.fail and number == 1:
                    raise RuntimeError(options.fail)
                self.written += 1
                yield f"morceau {number}\n"
                if options.pieces > 1000:
                    threading.Event().wait(0.005)  # as slow as a model, so that the reader can leave
            yield self._result(document)
        finally:
            self.closed.set()

    def run(self, document: Document, options: EchoOptions, resources: Resources) -> EchoResult:
        for _ in self.stream(document, options, resources):
            pass
        return self._result(document)

    def _result(self, document: Document) -> EchoResult:
        return EchoResult(id=document.id, length=len(document.text))

    @property
    def usecase(self) -> UseCase:
        return UseCase(
            name="echo",
            reference="",
            title="Écho",
            summary="Compte les caractères.",
            options=EchoOptions,
            result=EchoResult,
            run=self.run,
            show=lambda document, result: "",
            warm=lambda resources: None,
            stream=self.stream,
        )
