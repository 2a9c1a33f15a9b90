"""Candidate passages: the short stretches of a report where a diagnosis may be named."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from partages import context

LONGEST = 14
"""Words of a passage at most; a longer stretch is cut into overlapping ones."""

_CUT = re.compile(
    r"[\n\r\f;:,!?()\[\]|•]|\.(?=\s|$)|\s[-–—]\s|->|=>"
    r"|\b(?:et|avec|mais|puis|ainsi que|associée?s?|motivant|justifiant|devant|chez|malgré|dont|versus|vs"
    r"|compliquée?s?|évoluant|traitée?s?|depuis|révélée?s?|nécessitant|lors|suite|secondaires? à|par)\b",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W_](?:[^\s,;:()]*[^\W_])?", re.UNICODE)
_HEADING = re.compile(r"^[ \t*#>•\-–\d.)]{0,8}([^\W\d_][^:\n]{2,60}?)[ \t]*(?::|$)", re.MULTILINE)

SECTIONS = (
    (
        "conclusion",
        1.25,
        r"conclusions?|au total|en synth[èe]se|synth[èe]se|en r[ée]sum[ée]|diagnostics? (?:retenus?|"
        r"principa\w+|de sortie|final)|diagnostics?",
    ),
    ("reason", 1.2, r"motifs?(?: d['’ ].*| de .*)?|hospitalis[ée]e? pour|indication"),
    ("history", 1.0, r"ant[ée]c[ée]dents?.*|atcds?.*|terrain"),
    ("treatment", 0.5, r"traitements?.*|ordonnance.*|prescriptions?.*"),
    ("examination", 0.85, r"examens? .*|biologie.*|imagerie.*|examen|paraclinique"),
    ("habits", 0.7, r"mode de vie.*|habitus.*|allergies?.*"),
)
"""Name, weight on the score of what is found there, titles. Conclusion and reason for admission weigh more
(brief of the national programme: the DP is the problem that mainly mobilised care, guide MCO)."""

LISTS = frozenset({"history", "treatment", "habits"})
"""Sections that are lists: what tells the stay below them is no longer theirs."""

_TITLES = tuple(
    (name, weight, re.compile(rf"(?:{titles})", re.IGNORECASE)) for name, weight, titles in SECTIONS
)


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of text and the section it stands in. Offsets are code points, end excluded."""

    start: int
    end: int
    section: str
    weight: float


def _sections(text: str) -> list[tuple[int, str, float]]:
    found = [(0, "body", 1.0)]
    for match in _HEADING.finditer(text):
        title = match.group(1).strip()
        if len(title.split()) > 8:
            continue
        named = next(((name, weight) for name, weight, titles in _TITLES if titles.fullmatch(title)), None)
        if named:
            found.append((match.start(), *named))
            if named[0] in LISTS:
                found.append((context.reach(text, match.end()), "body", 1.0))
        elif title.isupper() and len(title) > 5:
            found.append((match.start(), "body", 1.0))
    return sorted(found, key=lambda section: section[0])


def passages(text: str) -> Iterator[Passage]:
    """Cut a report into candidate passages, in order.

    Linear in the length of the text.
    """
    sections = _sections(text)
    text = context.soften(text)
    at = 0
    start = 0
    for end, after in _cuts(text):
        while at + 1 < len(sections) and sections[at + 1][0] <= start:
            at += 1
        _, name, weight = sections[at]
        found = list(_WORD.finditer(text, start, end))
        for first in range(0, len(found), LONGEST - 2):
            group = found[first : first + LONGEST]
            yield Passage(group[0].start(), group[-1].end(), name, weight)
            if first + LONGEST >= len(found):
                break
        start = after


def _cuts(text: str) -> Iterator[tuple[int, int]]:
    for match in _CUT.finditer(text):
        yield match.span()
    yield len(text), len(text)
