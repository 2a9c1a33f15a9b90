"""A conclusion written by a model, piece by piece, and stopped when it turns in circles."""

from collections.abc import Generator as Generates
from collections.abc import Iterator
from contextlib import closing, suppress

from partages.errors import GeneratorError
from partages.models.catalogue import EMBEDDED
from partages.models.generator import Generator
from partages.models.openai import PromptTooLong
from partages.text import fold
from partages.usecases.conclude import composed
from partages.usecases.conclude import passages as cutting
from partages.usecases.conclude.extractive import draft, reduce
from partages.usecases.conclude.prompt import ECHO, STOP, prompt

MATERIAL = 24_000
"""Characters of the report that a conversation model reads: 8,000 tokens or so."""
SMALL_MATERIAL = 4_000
"""The same for the models that come with the program: with a base's examples and the answer it fits 4,096 tokens, and what was
trained never read more."""
MIN_MATERIAL = 1_000
TOKENS_A_SENTENCE = 60
UNUSABLE = "Le modèle n'a rien écrit d'utilisable : choisissez l'ébauche extraite, ou un modèle plus grand."
REPEATED_WORDS = 6
"""Words in a row that, written a second time, show that the model turns in circles."""


def write(
    text: str,
    generator: Generator,
    max_sentences: int,
    without: tuple[int, int] | None = None,
    seed: int | None = None,
) -> Iterator[str]:
    """Yield the conclusion as it is written: the likeliest one, or one drawn from ``seed``.

    A report that the model's context cannot hold is reduced to its best sentences, by half
    each time the server refuses it.

    Raises:
        GeneratorError: the server failed. GeneratorUnavailable: it cannot be reached.
    """
    room = SMALL_MATERIAL if generator.is_base or generator.name in EMBEDDED else MATERIAL
    while True:
        asked = prompt(reduce(text, room, without), max_sentences)
        pieces = generator.stream(
            asked,
            max_tokens=TOKENS_A_SENTENCE * max_sentences,
            stop=STOP if generator.is_base else ECHO,
            seed=seed,
        )
        try:
            with closing(pieces):  # type: ignore[type-var]
                yield from _until_repetition(pieces, max_sentences)
            return
        except PromptTooLong:
            room = min(room, len(text)) // 2
            if room < MIN_MATERIAL:
                raise


def conclusion_of(
    text: str, generator: Generator, max_sentences: int, without: tuple[int, int] | None = None
) -> Generates[str, None, str]:
    """Yield the likeliest draft as it is written, and return the conclusion: that draft, tidied; of the small model that
    ships, composed from several (``composed``).

    Raises:
        GeneratorError: as ``write``, or the model wrote nothing usable.
    """
    small = generator.name in EMBEDDED and not generator.is_base
    drafts = []
    for seed in (None, *range(1, composed.DRAWN + 1)) if small else (None,):
        written = ""
        for piece in write(text, generator, max_sentences, without, seed):
            written += piece
            yield piece if seed is None else ""  # an empty piece lets the reader stop
        with suppress(GeneratorError):
            drafts.append(tidy(written, max_sentences))
    if not drafts:
        raise GeneratorError(UNUSABLE)
    if not small:
        return drafts[0]
    quoted = " ".join(one.text for one in draft(text, max_sentences, without))
    return composed.compose(drafts, quoted, text, without, max_sentences)


def _until_repetition(pieces: Iterator[str], max_sentences: int) -> Iterator[str]:
    written = ""
    for piece in pieces:
        if not written:
            piece = piece.lstrip()
        written += piece
        if piece:
            yield piece
        if turns_in_circles(written) or len(cutting.sentences(written)) > max_sentences:
            return


def turns_in_circles(written: str) -> bool:
    """Whether the last words have been written before."""
    words = fold(written).split()
    if len(words) < 2 * REPEATED_WORDS:
        return False
    last = words[-REPEATED_WORDS:]
    return any(words[at : at + REPEATED_WORDS] == last for at in range(len(words) - 2 * REPEATED_WORDS + 1))


def tidy(written: str, max_sentences: int) -> str:
    """What is kept of an answer: whole sentences, each once, no more than asked.

    Raises:
        GeneratorError: nothing usable is left.
    """
    kept: list[str] = []
    seen: set[str] = set()
    sentences = cutting.sentences(written, _prose(written))
    for sentence in sentences:
        quoted = " ".join(written[sentence.start : sentence.end].split())
        cut_short = sentence is sentences[-1] and quoted[-1] not in ".!?…" and len(sentences) > 1
        if cut_short or fold(quoted) in seen or turns_in_circles(" ".join([*kept, quoted])):
            continue
        seen.add(fold(quoted))
        kept.append(quoted)
    if not kept:
        raise GeneratorError(UNUSABLE)
    return " ".join(kept[:max_sentences])


def _prose(text: str) -> list[cutting.Line]:
    return [
        cutting.Line(line.start, line.end, line.start, "blank" if line.kind == "blank" else "prose", "")
        for line in cutting.lines(text)
    ]
