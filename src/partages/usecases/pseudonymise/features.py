"""What the span model sees of each token: its form, lexicons, its line, its neighbours, and what the rules say.

A token is a run of letters, a run of digits, or one other mark. Features are short strings, in UTF-8 (CRFsuite would encode each
of them again); those that depend on one word, one form or one finding are made once.
"""

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import NamedTuple

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
_STEPS = (-3, -2, -1, 1, 2, 3)
"""Distances at which the neighbours of a token are read."""


class Token(NamedTuple):
    """A piece of the view: offsets and text."""

    start: int
    end: int
    text: str


def tokenise(text: str) -> list[Token]:
    """All tokens of a view, in order; spaces belong to none."""
    return [Token(*match.span(), match.group()) for match in _TOKEN.finditer(text)]


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


@dataclass(frozen=True, slots=True)
class _Word:
    """What is computed once a word: features of it alone, and those it gives the tokens around it."""

    own: tuple[bytes, ...]
    folded: str
    form: str
    kind: str
    near: tuple[tuple[bytes, ...], ...]
    """What a token receives from this word, where it stands at each of ``_STEPS`` from the token."""


@lru_cache(maxsize=100_000)
def _alone(text: str) -> _Word:
    folded = fold(text) if text[0].isalnum() else text
    form = shape(text)
    lists = lexicon(folded) if text[0].isalpha() else ()
    kind = "+".join(lists)
    features = [f"w={folded}", f"s={form}", f"l={kind}", f"sl={form}|{kind}", f"n={min(len(text), 9)}"]
    features += [f"in={name}" for name in lists]
    if text[0].isalpha() and len(text) > 3:
        features += [f"p={folded[:3]}", f"q={folded[-3:]}", f"q2={folded[-2:]}"]
    near = tuple(
        (f"w{step}={folded}".encode(), f"s{step}={form}|{kind}".encode())[: 2 if abs(step) < 3 else 1]
        for step in _STEPS
    )
    return _Word(tuple(feature.encode() for feature in features), folded, form, kind, near)


@lru_cache(maxsize=100_000)
def _made(start: str, value: str, other: object = None) -> bytes:
    """A feature of one or two values."""
    return f"{start}={value}".encode() if other is None else f"{start}={value}|{other}".encode()


@lru_cache(maxsize=10_000)
def _placed(position: int, first: str, form: str, caps: str) -> tuple[bytes, bytes]:
    """Where a token stands on its line."""
    return f"i={position}|{first}".encode(), f"is={position}|{form}|{caps}".encode()


_GAPS = {
    (gap, after): f"g={gap}|{after}".encode() for gap in ("", "n", "s", "S") for after in ("", "n", "s", "S")
}
_TOLD_AT = [f"r{step}" for step in _STEPS]
_NONE = [f"w{step}=^".encode() for step in _STEPS]


def features(text: str, tokens: Sequence[Token], findings: Iterable[Finding]) -> list[list[bytes]]:
    """Features of each token of a view, given what the rules found in it."""
    count = len(tokens)
    alone = [_alone(token.text) for token in tokens]
    told = _told(tokens, findings)
    named = {
        alone[at].folded
        for at in range(count)
        if told[at] and told[at][2:5] in ("Nom", "Pre") and len(tokens[at].text) > 2
    }
    lower = Counter(token.text for token in tokens if token.text.islower())
    chunks = list(_CHUNK.finditer(text))
    chunk_starts = [chunk.start() for chunk in chunks]
    shapes = [_chunk_shape(chunk.group()[:_LONGEST]) for chunk in chunks]
    rows: list[list[bytes]] = []
    line_start = line_end = -1
    first = label = head = ""
    next_gap, place, chunk_count = "n", 0, len(chunks)
    for at, token in enumerate(tokens):
        word = alone[at]
        folded, form, kind = word.folded, word.form, word.kind
        if token.start >= line_end:
            line_start = (
                text.rfind("\n", 0, token.start) + 1 if token.start - line_end < 5000 else token.start
            )
            line_end = text.find("\n", token.start)
            line_end = len(text) if line_end < 0 else line_end
            line = text[line_start : min(line_end, line_start + 300)]
            letters, capitals = sum(map(str.isalpha, line)), sum(map(str.isupper, line))
            caps = "" if not letters else "L" if not capitals else "U" if capitals > 0.7 * letters else ""
            size = "s" if len(line) < 40 else "m" if len(line) < 100 else "b"
            table = "t" if sum(line.count(c) for c in "|;\t^/") > 3 else ""
            first = f"{caps}{size}{table}"
            position = 0
            label = ""
            head = folded
        gap = next_gap
        after = text[token.end : tokens[at + 1].start] if at + 1 < count else "\n"
        next_gap = "" if not after else "n" if "\n" in after else "s" if len(after) == 1 else "S"
        while place + 1 < chunk_count and chunk_starts[place + 1] <= token.start:
            place += 1
        row = [
            *word.own,
            _GAPS[gap, next_gap],
            *_placed(position if position < 3 else 3, first, form, caps),
            _made("c", shapes[place]),
            _made("hd", head),
            _made("r", told[at]),
            f"rl={told[at]}|{form}|{kind}".encode(),
            _made("cp", shapes[place - 1] if place else "^"),
            _made("cn", shapes[place + 1] if place + 1 < chunk_count else "^"),
        ]
        if gap == "" and at:
            row.append(_made("cc", shapes[place], token.start - chunk_starts[place]))
        if label:
            row.append(_made("lb", label))
            row.append(_made("lbp", label, position if position < 6 else 6))
        if named and folded in named:
            row.append(b"nm")
            row.append(_made("nm", form, kind))
        if lower and form[0] == "X" and token.text.lower() in lower:
            row.append(b"low")
        for side, step in enumerate(_STEPS):
            other = at + step
            if 0 <= other < count:
                row += alone[other].near[side]
                if side % 5:
                    row.append(_made(_TOLD_AT[side], told[other]))
            else:
                row.append(_NONE[side])
        if at > 1:
            pair = f"{alone[at - 2].folded} {alone[at - 1].folded}"
            row.append(f"ww={pair}".encode())
            row.append(f"wk={pair}|{form}".encode() if at > 2 else b"wk=^")
        if 0 < at < count - 1:
            last, following = alone[at - 1], alone[at + 1]
            row.append(f"wx={last.folded}|{following.folded}".encode())
            row.append(f"ss={last.form}|{form}|{following.form}".encode())
            row.append(f"kk={last.kind}|{kind}|{following.kind}".encode())
        rows.append(row)
        position += 1
        if token.text == ":" and position < 7:
            label = alone[at - 1].folded if at else ""
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
