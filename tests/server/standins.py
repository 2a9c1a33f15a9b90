"""Stand-ins, on the wire format of the design, for use cases not in the package yet: the page needs them.

As soon as a use case of the same name exists, the page is tested with that one.
"""

import re
from collections.abc import Iterator
from typing import Any

from partages.documents import Document
from partages.resources import Resources
from partages.usecases import all_usecases
from partages.usecases.base import Evidence, Options, Result, UseCase


class ConcludeOptions(Options):
    engine: str = "auto"
    conclusion: str | None = None


class Sentence(Result):
    text: str
    supported: bool
    evidence: list[Evidence]
    reasons: list[str]


class ConcludeResult(Result):
    conclusion: str
    sentences: list[Sentence]
    origin: str
    located: Evidence | None


def _conclude(document: Document, options: ConcludeOptions, resources: Resources) -> ConcludeResult:
    *_, result = _stream(document, options, resources)
    assert isinstance(result, ConcludeResult)
    return result


def _stream(
    document: Document, options: ConcludeOptions, resources: Resources
) -> Iterator[str | ConcludeResult]:
    from partages.models.generator import Prompt

    located = None
    if options.conclusion is not None:
        text, origin = options.conclusion, "edited"
    elif options.engine == "generated":
        text, origin = "", "generated"
        for piece in resources.generator.stream(Prompt("", "", document.text), max_tokens=100):
            text += piece
            yield piece
    else:
        found = re.search(r"CONCLUSION\s+(.+?)\r?\n\r?\n", document.text, re.S)
        text, origin = (found.group(1) if found else document.text[:200]), "found" if found else "extractive"
        located = Evidence(start=found.start(1), end=found.end(1)) if found else None
    sentences = []
    for sentence in re.findall(r"[^.]+\.?", text):
        missing = [n for n in re.findall(r"\d+", sentence) if not re.search(rf"\b{n}\b", document.text)]
        start = document.text.find(sentence.strip().rstrip(".").split(",")[0])
        evidence = [Evidence(start=start, end=start + 20)] if start >= 0 else []
        reasons = [f"« {number} » n'est pas dans le compte rendu" for number in missing]
        sentences.append(
            Sentence(id="", text=sentence.strip(), supported=not missing, evidence=evidence, reasons=reasons)
        )
    yield ConcludeResult(
        id=document.id, conclusion=text.strip(), sentences=sentences, origin=origin, located=located
    )


def _usecase(name: str, options: Any, result: Any, run: Any, stream: Any = None) -> UseCase:
    return UseCase(
        name=name,
        reference="",
        title=name,
        summary=name,
        options=options,
        result=result,
        run=run,
        show=lambda document, result: "",
        warm=lambda resources: None,
        stream=stream,
    )


def usecases() -> dict[str, UseCase]:
    """The real use cases, and a stand-in for each that is missing."""
    return {
        "conclude": _usecase("conclude", ConcludeOptions, ConcludeResult, _conclude, _stream),
        **all_usecases(),
    }
