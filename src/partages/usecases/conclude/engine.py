"""From a report to its conclusion, by the engine asked for, each sentence checked."""

from collections.abc import Iterator

from partages.documents import Document
from partages.errors import UsageError
from partages.resources import Resources
from partages.usecases.base import Evidence
from partages.usecases.conclude.checking import check
from partages.usecases.conclude.extractive import draft
from partages.usecases.conclude.schema import ConcludeResult, Options, Origin, Sentence
from partages.usecases.conclude.sections import locate


def conclude(document: Document, options: Options, resources: Resources) -> Iterator[str | ConcludeResult]:
    """Yield pieces of generated text as they are written, if any, then the result.

    Raises:
        EmptyDocument: there is nothing to read.
        GeneratorError, GeneratorUnavailable: the model failed (engine ``generated`` only).
        UsageError: the conclusion to check is empty.
    """
    document.require_text()
    text = document.text
    place = locate(text)
    located = Evidence(start=place[0], end=place[1]) if place else None

    def result(conclusion: str, sentences: list[Sentence], origin: Origin) -> ConcludeResult:
        return ConcludeResult(
            id=document.id, conclusion=conclusion, sentences=sentences, origin=origin, located=located
        )

    if options.conclusion is not None:
        if not any(character.isalnum() for character in options.conclusion):
            raise UsageError("La conclusion à vérifier est vide.")
        yield result(options.conclusion, check(options.conclusion, text, place), "edited")
    elif options.engine in ("auto", "locate") and place:
        conclusion = text[place[0] : place[1]]
        yield result(conclusion, check(conclusion, text, place), "found")
    elif options.engine == "locate":
        yield result("", [], "absent")
    elif options.engine == "generated":
        from partages.usecases.conclude.generated import conclusion_of

        conclusion = yield from conclusion_of(text, resources.generator, options.max_sentences, place)
        yield result(conclusion, check(conclusion, text, place), "generated")
    else:
        quoted = draft(text, options.max_sentences, place)
        # quoted word for word: each sentence is its own evidence
        sentences = [
            Sentence(text=one.text, supported=True, evidence=[Evidence(start=one.start, end=one.end)])
            for one in quoted
        ]
        yield result(" ".join(one.text for one in quoted), sentences, "extractive" if quoted else "absent")


def warm() -> None:
    """Load the tables."""
    check("Pneumopathie droite.", "Pneumopathie gauche.")
