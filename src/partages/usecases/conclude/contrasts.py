"""Words of a conclusion that the report contradicts by their contraries, and words that a drug of a class supports."""

from functools import cache
from importlib.resources import files

from partages.usecases.conclude import facts

_FEMININE = frozenset("patiente madame mme mlle femme fillette jeune-fille".split())
_MASCULINE = frozenset("monsieur mr homme garcon garconnet".split())


def _rows(name: str) -> list[tuple[str, str]]:
    content = (files(__package__) / "data" / name).read_text(encoding="utf-8")
    rows = [line.split("\t") for line in content.splitlines() if line and not line.startswith("#")]
    return [(left, right) for left, right in rows]


@cache
def opposites() -> dict[str, tuple[int, int]]:
    """Folded word -> (row of ``data/opposites.tsv``, side 0 or 1)."""
    return {
        word: (number, side)
        for number, row in enumerate(_rows("opposites.tsv"))
        for side, words in enumerate(row)
        for word in words.split()
    }


@cache
def classes() -> dict[str, tuple[str, ...]]:
    """Folded word for a class of drugs -> ATC prefixes of its members (``data/classes.tsv``)."""
    return {word: tuple(codes.split()) for words, codes in _rows("classes.tsv") for word in words.split()}


def is_class_of(word: str, codes: frozenset[str] | set[str]) -> bool:
    """Whether one of the ATC codes belongs to the class that a folded word names."""
    prefixes = classes().get(word)
    return prefixes is not None and any(code.startswith(prefixes) for code in codes)


def contradicted(word: str, passages: list[list[facts.Token]]) -> facts.Token | None:
    """The contrary of a folded word in the passages that speak of the same thing, unless they also hold its like."""
    mine = opposites().get(word)
    if mine is None:
        return None
    found = None
    for token in (token for passage in passages for token in passage):
        other = opposites().get(token.word)
        if other == mine:
            return None
        if other and other[0] == mine[0] and found is None:
            found = token
    return found


def sex(words: set[str]) -> str:
    """``F``, ``M``, or nothing where the folded words tell neither or both (« patient » tells nothing)."""
    feminine, masculine = bool(words & _FEMININE), bool(words & _MASCULINE)
    return "" if feminine == masculine else "F" if feminine else "M"
