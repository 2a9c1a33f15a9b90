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
    r"|compliquée?s?|évoluant|traitée?s?|depuis|révélée?s?|nécessitant|lors|suite|secondaires? à|par|sur|dans le cadre d(?:e|['’]))\b",
    re.IGNORECASE,
)
_HARD = re.compile(r"[\n\r\f;:!?|•]|\.(?=\s|$)|->|=>")
"""Cuts that nothing is read across; the others may cut one diagnosis in two ("diabète avec néphropathie")."""
LONGEST_JOINED = 12
"""Words of two passages that are also read as one."""
_WORD = re.compile(r"[^\W_](?:[^\s,;:()]*[^\W_])?", re.UNICODE)
_HEADING = re.compile(r"^[ \t*#>•\-–\d.)]{0,8}([^\W\d_][^:\n]{2,60}?)[ \t]*(?::|$)", re.MULTILINE)

SECTIONS = (
    (
        "conclusion",
        1.25,
        r"(?:en )?conclusions?(?: .{1,30})?|au total|au final|(?:en )?synth[èe]se(?: .{1,30})?|en r[ée]sum[ée]"
        r"|diagnostics?(?: (?:retenus?|principa\w+|de sortie|final|op[ée]ratoires?|post[- ]?op[ée]ratoires?|d[ée]finitif).{0,25})?",
    ),
    (
        "reason",
        1.2,
        r"motifs?(?: d['’ ].*| de .*)?|hospitalis[ée]e? pour|indications?(?: op[ée]ratoires?)?(?: .{1,20})?",
    ),
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
    joined: bool = False
    """Two stretches that a soft cut parts, read as one."""


_INLINE = re.compile(
    r"(?:^|(?<=[.\n]))[ \t]*(?:au total|au final|en conclusion|en synth[èe]se|en r[ée]sum[ée])[ \t]*,",
    re.IGNORECASE | re.MULTILINE,
)
"""« En conclusion, ... »: the last section, without a heading of its own."""


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
    found += [(match.start(), "conclusion", SECTIONS[0][1]) for match in _INLINE.finditer(text)]
    return sorted(found, key=lambda section: section[0])


def passages(text: str) -> Iterator[Passage]:
    """Cut a report into candidate passages, in order.

    Linear in the length of the text.
    """
    sections = _sections(text)
    text = context.soften(text)
    at = 0
    start = 0
    last: tuple[int, int, int, str] | None = None
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
        if found and last is not None and last[2] + len(found) <= LONGEST_JOINED and last[3] == name:
            yield Passage(last[0], found[-1].end(), name, weight, joined=True)
        if found:
            last = (found[0].start(), found[-1].end(), len(found), name)
        listed = name in LISTS and "," in text[end:after]  # "HTA, BPCO" are two diseases
        if last is not None and (listed or _HARD.search(text, end, after)):
            last = None
        start = after


def _cuts(text: str) -> Iterator[tuple[int, int]]:
    for match in _CUT.finditer(text):
        yield match.span()
    yield len(text), len(text)
