"""What the span model sees of each token: its form, lexicons, its line, its neighbours, and what the rules say.

A token is a run of letters, a run of digits, or one other mark. What is seen is kept as columns of few different values (``columns``);
training spells them out (``features``), the model adds up weights by number and never makes a string of them.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from partages.text import fold
from partages.usecases.pseudonymise.dates import MONTHS
from partages.usecases.pseudonymise.finding import Finding
from partages.usecases.pseudonymise.gazetteers import communes, drugs, first_name, lines, listed, words

_GLUED = r"(?:PRENOM|SEXE|NELE|DDN|IPP|NDA|NIR)"
_TOKEN = re.compile(
    rf"[A-ZÀ-ÖØ-Þ]+?(?={_GLUED})|[A-ZÀ-ÖØ-ÞŁŚŠŽŞÇİ]?[^\W\d_A-ZÀ-ÖØ-Þ]+|[^\W\d_a-zß-öø-ÿ]+(?![^\W\d_A-ZÀ-ÖØ-Þ]{{2}})|[^\W\d_]|\d+|[^\w\s]|_"
)
"""Letters are cut before a capital inside a word (``MmeDupont``) and before a label glued to capitals."""
_MONTHS = frozenset(fold(month) for month in MONTHS)
_CHUNK = re.compile(r"\S+")
_LONGEST = 40
_LINE_END = re.compile(r"\n")
_LABELLED = 6
"""Tokens of a line among which a colon makes a label of the word before it."""


class Token(NamedTuple):
    """A piece of the view: offsets and text."""

    start: int
    end: int
    text: str


def tokenise(text: str) -> list[Token]:
    """All tokens of a view, in order; spaces belong to none."""
    new = tuple.__new__  # what Token() ends in, without a call in between
    return [new(Token, (*match.span(), match[0])) for match in _TOKEN.finditer(text)]


@lru_cache(maxsize=200_000)
def shape(text: str) -> str:
    """Capitals ``X``, small letters ``x``, digits ``d``; runs of letters over two shortened, digits counted up to 5."""
    mapped = "".join(
        "X" if c.isupper() else "x" if c.isalpha() else "d" if c.isdigit() else c for c in text[:_LONGEST]
    )
    mapped = re.sub(r"X{2,}", "XX", mapped)
    mapped = re.sub(r"x{2,}", "xx", mapped)
    return re.sub(r"d{5,}", lambda m: f"D{min(len(m[0]), 15)}", mapped)


@lru_cache(maxsize=100_000)
def _chunk_shape(chunk: str) -> str:
    """Form of what stands between two spaces; letters that scanners put for digits count as digits beside digits."""
    if sum(c.isdigit() for c in chunk) >= 1:
        chunk = re.sub(r"(?<=[\d/.:-])[OolIS](?=[\d/.:OolIS-]|$)|^[OolI](?=[\d/.-])", "0", chunk)
    return shape(chunk.strip("()[],;:."))[:18]


@cache
def _hospital_words() -> frozenset[str]:
    """Words of hospitals' names that general French does not have."""
    found = {word for line in lines("hopitaux.txt") for word in fold(line.replace(",", " ")).split()}
    return frozenset(word for word in found if len(word) > 3 and word not in words())


@lru_cache(maxsize=100_000)
def lexicon(folded: str) -> tuple[str, ...]:
    """In which lists a folded word stands."""
    found = []
    entry = first_name(folded)
    if entry:
        found.append(f"f{min(entry.france, 8) // 3}")
        found.append(f"a{min(entry.anywhere, 8) // 3}")
    if folded in communes():
        found.append("v")
    if folded in words():
        found.append("w")
    elif len(folded) > 2:
        found.append("nw")
    if folded in drugs():
        found.append("d")
    if folded in listed("eponymes"):
        found.append("e")
    if folded in listed("termes"):
        found.append("t")
    if folded in _hospital_words():
        found.append("h")
    if folded in listed("pays"):
        found.append("k")
    if folded in listed("nationalites"):
        found.append("z")
    if folded in _MONTHS:
        found.append("m")
    return tuple(found)


@dataclass(frozen=True, slots=True, eq=False)
class Word:
    """What one token says by itself; compared by identity, which is fast."""

    folded: str
    form: str
    kind: str
    look: str
    own: tuple[str, ...]
    """Features of it alone."""
    lower: bool
    small: str | None
    """In small letters, if it opens with a capital."""


@lru_cache(maxsize=100_000)
def word(text: str) -> Word:
    """What a token says by itself."""
    folded = fold(text) if text[0].isalnum() else text
    form = shape(text)
    lists = lexicon(folded) if text[0].isalpha() else ()
    kind = "+".join(lists)
    look = f"{form}|{kind}"
    own = [f"w={folded}", f"s={form}", f"l={kind}", f"sl={look}", f"n={min(len(text), 9)}"]
    own += [f"in={name}" for name in lists]
    if text[0].isalpha() and len(text) > 3:
        own += [f"p={folded[:3]}", f"q={folded[-3:]}", f"q2={folded[-2:]}"]
    small = text.lower() if form[0] == "X" else None
    return Word(folded, form, kind, look, tuple(own), text.islower(), small)


NEIGHBOURS = 3
"""Tokens read on each side."""
OUT = "^"
"""Value of a column before the first token and after the last."""
TEMPLATES: tuple[tuple[str, tuple[tuple[str, int], ...]], ...] = (
    ("g={}", (("gap", 0),)),
    ("i={}|{}", (("position", 0), ("first", 0))),
    ("is={}|{}|{}", (("position", 0), ("form", 0), ("caps", 0))),
    ("c={}", (("chunk", 0),)),
    ("cp={}", (("chunk before", 0),)),
    ("cn={}", (("chunk after", 0),)),
    ("cc={}|{}", (("chunk", 0), ("inside", 0))),
    ("hd={}", (("head", 0),)),
    ("lb={}", (("label", 0),)),
    ("lbp={}|{}", (("label", 0), ("far", 0))),
    ("r={}", (("told", 0),)),
    ("rl={}|{}", (("told", 0), ("look", 0))),
    ("nm", (("named", 0),)),
    ("nm={}", (("named look", 0),)),
    ("low", (("low", 0),)),
    *((f"w{step}={{}}", (("folded", step),)) for step in (-3, -2, -1, 1, 2, 3)),
    *((f"s{step}={{}}", (("look", step),)) for step in (-2, -1, 1, 2)),
    *((f"r{step}={{}}", (("told", step),)) for step in (-2, -1, 1, 2)),
    ("ww={} {}", (("folded", -2), ("folded", -1))),
    ("wk={} {}|{}", (("folded", -2), ("folded", -1), ("form", 0))),
    ("wx={}|{}", (("folded", -1), ("folded", 1))),
    ("ss={}|{}|{}", (("form", -1), ("form", 0), ("form", 1))),
    ("kk={}|{}|{}", (("kind", -1), ("kind", 0), ("kind", 1))),
)
"""Features of a token that depend on others: how each is written, then columns and the distance of the token each is read at."""


@dataclass(frozen=True)
class Column:
    """One property of all tokens: token ``i`` has ``values[at[i]]``; None gives no feature."""

    values: Sequence[str | None]
    at: NDArray[np.intp]


@dataclass(frozen=True)
class Columns:
    """What is seen of a text, by token.

    Attributes:
        words: the different tokens.
        at: which of them each token is.
        by_name: the columns that ``TEMPLATES`` name.
        new_line: whether a line ends between a token and the next.
    """

    words: list[Word]
    at: NDArray[np.intp]
    by_name: dict[str, Column]
    new_line: NDArray[np.bool_]


_GAPS = [f"{gap}|{after}" for gap in ("", "n", "s", "S") for after in ("", "n", "s", "S")]
_POSITIONS = [str(position) for position in range(_LONGEST + 1)]
_CAPITALS = ("", "L", "U")
_FLAG: tuple[str | None, ...] = (None, "")
FIXED: dict[str, Sequence[str | None]] = {
    "gap": _GAPS,
    "position": [*_POSITIONS, None],
    "caps": _CAPITALS,
    "first": [f"{caps}{size}{table}" for caps in _CAPITALS for size in "smb" for table in ("", "t")],
    "named": _FLAG,
    "low": _FLAG,
}
"""Columns that hold the same values in every text."""


def columns(text: str, tokens: Sequence[Token], findings: Iterable[Finding]) -> Columns:
    """What is seen of each token of a view, given what the rules found in it; not for an empty view."""
    count = len(tokens)
    numbers: dict[str, int] = {}
    at = np.array([numbers.setdefault(token.text, len(numbers)) for token in tokens], np.intp)
    words = [word(form) for form in numbers]
    starts = np.array([token.start for token in tokens], np.intp)
    ends = np.array([token.end for token in tokens], np.intp)

    ends_of_lines = np.array([match.start() for match in _LINE_END.finditer(text)], np.intp)
    line = np.searchsorted(ends_of_lines, starts)
    new_line = np.append(line[1:] != line[:-1], True)
    after = np.append(np.minimum(starts[1:] - ends[:-1], 2), 2)
    after[after > 0] += 1
    after[new_line] = 1
    gap = np.append(1, after[:-1])

    opening = np.append(True, new_line[:-1])  # tokens that open a line
    firsts = np.flatnonzero(opening)
    of_line = np.cumsum(opening) - 1
    position = np.arange(count) - firsts[of_line]
    begins = np.append(0, ends_of_lines + 1)[line[firsts]]
    looks, caps = _lines(text, begins, np.append(ends_of_lines, len(text))[line[firsts]])

    chunks = [match.span() for match in _CHUNK.finditer(text)]
    chunk_starts = np.array([start for start, _ in chunks], np.intp)
    shapes: list[str | None] = [
        _chunk_shape(text[start : min(end, start + _LONGEST)]) for start, end in chunks
    ]
    place = np.searchsorted(chunk_starts, starts, "right") - 1
    inside = np.where(gap == 0, np.minimum(starts - chunk_starts[place], _LONGEST), _LONGEST + 1)
    around = [OUT, *shapes, OUT]

    told = _told(tokens, findings)
    sayings = {saying: number for number, saying in enumerate(dict.fromkeys(told))}
    label = np.full(count, len(words), np.intp)
    for colon in np.flatnonzero((at == numbers.get(":", -1)) & (position < _LABELLED)).tolist():
        last = firsts[of_line[colon] + 1] if of_line[colon] + 1 < len(firsts) else count
        label[colon + 1 : last] = at[colon - 1] if colon else len(words)

    names = {
        words[at[i]].folded
        for i, saying in enumerate(told)
        if saying[2:5] in ("Nom", "Pre") and len(tokens[i].text) > 2
    }
    lowers = {form for form, entry in zip(numbers, words, strict=True) if entry.lower}
    folded = [entry.folded for entry in words]
    named = np.array([entry in names for entry in folded], np.intp)[at]
    look = [entry.look for entry in words]
    low = np.array([entry.small in lowers for entry in words], np.intp)[at]
    few = np.minimum(position, 3)
    by_name = {
        "folded": Column(folded, at),
        "form": Column([entry.form for entry in words], at),
        "kind": Column([entry.kind for entry in words], at),
        "look": Column(look, at),
        "named look": Column([*look, None], np.where(named, at, len(words))),
        "gap": Column(_GAPS, 4 * gap + after),
        "position": Column(FIXED["position"], few),
        "first": Column(FIXED["first"], looks[of_line]),
        "caps": Column(FIXED["caps"], caps[of_line]),
        "chunk": Column(shapes, place),
        "chunk before": Column(around, place),
        "chunk after": Column(around, place + 2),
        "inside": Column(FIXED["position"], inside),
        "head": Column(folded, at[firsts][of_line]),
        "label": Column([*folded, None], label),
        "far": Column(FIXED["position"], np.minimum(position, 6)),
        "told": Column(list(sayings), np.array([sayings[saying] for saying in told], np.intp)),
        "named": Column(_FLAG, named),
        "low": Column(_FLAG, low),
    }  # fmt: skip
    return Columns(words, at, by_name, new_line)


@cache
def _signs() -> NDArray[np.int8]:
    """For each character of the first plane: 1 a letter, 2 a capital, 4 a mark of tables."""
    return np.array(
        [
            chr(code).isalpha() + 2 * chr(code).isupper() + 4 * (chr(code) in "|;\t^/")
            for code in range(1 << 16)
        ],
        np.int8,
    )


def _lines(
    text: str, begins: NDArray[np.intp], ends: NDArray[np.intp]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Of each line its place in ``FIXED["first"]`` (capitals, length, marks of tables) and in ``FIXED["caps"]``."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")
    signs = _signs()[np.minimum(codes, 0xFFFF)]
    ends = np.minimum(ends, begins + 300)

    def counted(sign: int) -> NDArray[np.intp]:
        until = np.append(0, np.cumsum((signs & sign) > 0))
        return until[ends] - until[begins]

    letters, capitals, size = counted(1), counted(2), ends - begins
    caps = np.where(letters == 0, 0, np.where(capitals == 0, 1, np.where(capitals > 0.7 * letters, 2, 0)))
    length = (size >= 40).astype(np.intp) + (size >= 100)
    return caps * 6 + length * 2 + (counted(4) > 3), caps


def features(text: str, tokens: Sequence[Token], findings: Iterable[Finding]) -> list[list[str]]:
    """The features of each token of a view, as CRFsuite learns from them."""
    if not tokens:
        return []
    seen = columns(text, tokens, findings)
    rows = [list(seen.words[number].own) for number in seen.at]
    for written, parts in TEMPLATES:
        read = [(seen.by_name[column], step) for column, step in parts]
        for i, row in enumerate(rows):
            values = [
                column.values[column.at[i + step]] if 0 <= i + step < len(rows) else OUT
                for column, step in read
            ]
            if None not in values:
                row.append(written.format(*values))
    return rows


def _told(tokens: Sequence[Token], findings: Iterable[Finding]) -> list[str]:
    """For each token what the rules say: place in the span, category, how sure."""
    told = [""] * len(tokens)
    starts = [token.start for token in tokens]
    for finding in sorted(findings, key=lambda f: f.score):
        at = max(0, bisect_right(starts, finding.start) - 1)
        while at < len(tokens) and tokens[at].start < finding.end:
            if tokens[at].end > finding.start:
                sure = "3" if finding.score >= 0.9 else "2" if finding.score >= 0.7 else "1"
                mark = "B" if tokens[at].start <= finding.start else "I"
                told[at] = f"{mark}-{finding.label[:5]}{finding.label[-3:]}{sure}"
            at += 1
    return told
