"""What the span model sees of each token: its form, lexicons, its line, its neighbours, and what the rules say.

A token is a run of letters, a run of digits, or one other mark. Features are short strings; those that depend on the
word alone are computed once a word.
"""

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

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


@dataclass(frozen=True, slots=True)
class Token:
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


@lru_cache(maxsize=100_000)
def _alone(text: str) -> tuple[tuple[str, ...], str, str, str]:
    """Features of a word alone, then its folded form, its form and its lists in one string."""
    folded = fold(text) if text[0].isalnum() else text
    form = shape(text)
    lists = lexicon(folded) if text[0].isalpha() else ()
    kind = "+".join(lists)
    features = [f"w={folded}", f"s={form}", f"l={kind}", f"sl={form}|{kind}", f"n={min(len(text), 9)}"]
    features += [f"in={name}" for name in lists]
    if text[0].isalpha() and len(text) > 3:
        features += [f"p={folded[:3]}", f"q={folded[-3:]}", f"q2={folded[-2:]}"]
    return tuple(features), folded, form, kind


def features(text: str, tokens: Sequence[Token], findings: Iterable[Finding]) -> list[list[str]]:
    """Features of each token of a view, given what the rules found in it."""
    count = len(tokens)
    alone = [_alone(token.text) for token in tokens]
    told = _told(tokens, findings)
    named = {
        alone[at][1]
        for at in range(count)
        if told[at] and told[at][2:5] in ("Nom", "Pre") and len(tokens[at].text) > 2
    }
    lower = Counter(token.text for token in tokens if token.text.islower())
    chunks = list(_CHUNK.finditer(text))
    chunk_starts = [chunk.start() for chunk in chunks]
    shapes = [_chunk_shape(chunk.group()[:_LONGEST]) for chunk in chunks]
    rows: list[list[str]] = []
    line_start = line_end = -1
    first = label = head = ""
    for at, token in enumerate(tokens):
        own, folded, form, kind = alone[at]
        if token.start >= line_end:
            line_start = (
                text.rfind("\n", 0, token.start) + 1 if token.start - line_end < 5000 else token.start
            )
            line_end = text.find("\n", token.start)
            line_end = len(text) if line_end < 0 else line_end
            line = text[line_start : min(line_end, line_start + 300)]
            letters = [c for c in line if c.isalpha()]
            caps = "U" if letters and sum(map(str.isupper, letters)) > 0.7 * len(letters) else ""
            caps = "L" if letters and not any(map(str.isupper, letters)) else caps
            size = "s" if len(line) < 40 else "m" if len(line) < 100 else "b"
            table = "t" if sum(line.count(c) for c in "|;\t^/") > 3 else ""
            first = f"{caps}{size}{table}"
            position = 0
            label = ""
            head = folded
        before = text[tokens[at - 1].end : token.start] if at else "\n"
        gap = "" if not before else "n" if "\n" in before else "s" if len(before) == 1 else "S"
        after = text[token.end : tokens[at + 1].start] if at + 1 < count else "\n"
        next_gap = "" if not after else "n" if "\n" in after else "s" if len(after) == 1 else "S"
        place = bisect_right(chunk_starts, token.start) - 1
        row = list(own)
        row += (
            f"g={gap}|{next_gap}",
            f"i={min(position, 3)}|{first}",
            f"is={min(position, 3)}|{form}|{caps}",
            f"c={shapes[place]}",
            f"hd={head}",
            f"r={told[at]}",
            f"rl={told[at]}|{form}|{kind}",
        )
        if gap == "" and at:
            row.append(f"cc={shapes[place]}|{token.start - chunk_starts[place]}")
        if label:
            row.append(f"lb={label}")
            row.append(f"lbp={label}|{min(position, 6)}")
        if named and folded in named:
            row.append("nm")
            row.append(f"nm={form}|{kind}")
        if form[0] == "X" and lower and token.text.lower() in lower:
            row.append("low")
        for step in (-3, -2, -1, 1, 2, 3):
            other = at + step
            if 0 <= other < count:
                near = alone[other]
                row.append(f"w{step}={near[1]}")
                if -3 < step < 3:
                    row.append(f"s{step}={near[2]}|{near[3]}")
                    row.append(f"r{step}={told[other]}")
            else:
                row.append(f"w{step}=^")
        if at > 1:
            row.append(f"ww={alone[at - 2][1]} {alone[at - 1][1]}")
            row.append(f"wk={alone[at - 2][1]} {alone[at - 1][1]}|{form}" if at > 2 else "wk=^")
        if 0 < at < count - 1:
            row.append(f"wx={alone[at - 1][1]}|{alone[at + 1][1]}")
            row.append(f"ss={alone[at - 1][2]}|{form}|{alone[at + 1][2]}")
            row.append(f"kk={alone[at - 1][3]}|{kind}|{alone[at + 1][3]}")
        row.append(f"cp={shapes[place - 1] if place else '^'}")
        row.append(f"cn={shapes[place + 1] if place + 1 < len(shapes) else '^'}")
        rows.append(row)
        position += 1
        if token.text == ":" and position < 7:
            label = alone[at - 1][1] if at else ""
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
