"""Where a report's own conclusion is.

Anchors (CONCLUSION, AU TOTAL, EN SYNTHÈSE, EN RÉSUMÉ, ...) stand at the start of a line,
whatever their case, accents, numbering, letter-spacing or markdown. The conclusion runs to
the next section or signature. The last valid one wins.
"""

import re
from dataclasses import dataclass

from partages.text import fold
from partages.usecases.conclude.passages import Line, is_closing, lines

MIN_USEFUL = 40
"""Characters other than spaces of a conclusion, at least."""
MAX_SHARE = 0.60
"""Share of the document's characters that a conclusion may hold, at most."""
FIRST_PROSE = 0.4
"""Share of the document before which « En résumé, ... » opens no conclusion."""

BODY = frozenset(
    {
        "motif",
        "antecedents",
        "lifestyle",
        "entry",
        "history",
        "exam",
        "investigations",
        "operative",
        "evolution",
    }
)
"""Sections that come before a conclusion: one that is followed by them concludes something else."""

_PROSE = re.compile(
    r"[ \t*_#>\-•]{0,8}(?P<anchor>(?:au total|en (?:synth[èe]se|r[ée]sum[ée]|conclusion)|pour conclure))"
    r"[ \t*_]{0,3}(?P<mark>[,:–-]?)[ \t*_]{0,4}(?P<rest>\S.*)",
    re.IGNORECASE | re.DOTALL,
)
_COUNT = re.compile(
    r"(?:\d+|deux|trois|quatre|cinq|six|sept|huit|neuf|dix|douze|plusieurs)\b[^.]{0,20}?\b(?:cycles?|cures?|s[ée]ances?|jours?"
    r"|doses?|fractions?|ponctions?|culots?|prélèvements?|ganglions?|épisodes?|lésions?|fois|mois|semaines?|patients?)\b",
    re.IGNORECASE,
)
_LEADERS = re.compile(r"(?:\.{3,}|…{2,}|_{3,})[ ]*\d{0,3}[ ]*$")


@dataclass(frozen=True, slots=True)
class _Anchor:
    line: int
    start: int
    """Where the conclusion's own text begins."""
    prose: bool
    """« En résumé, il s'agit ... »: the anchor is part of the sentence, and kept."""
    strong: bool
    """Stands apart: upper case, alone on its line, or after a blank line."""


def locate(text: str) -> tuple[int, int] | None:
    """The conclusion's place in code points, end excluded, without its heading; None when there is none."""
    outline = lines(text)
    total = len(text.strip())
    for anchor in reversed(_anchors(text, outline)):
        start, end = _extent(text, outline, anchor)
        useful = sum(not character.isspace() for character in text[start:end])
        if useful < MIN_USEFUL or end - start > MAX_SHARE * total:
            continue
        if _concludes_something_else(outline, anchor, end):
            continue
        return start, end
    return None


def _anchors(text: str, outline: list[Line]) -> list[_Anchor]:
    found = []
    for number, line in enumerate(outline):
        raw = text[line.start : line.end]
        apart = number == 0 or outline[number - 1].kind == "blank"
        if line.kind == "heading" and line.section == "conclusion":
            if _LEADERS.search(raw[-60:]) or _is_wrapped(text, outline, number, raw):
                continue
            title = text[line.start : line.content].strip(" \t:*_#")
            found.append(_Anchor(number, line.content, False, line.alone or apart or title.isupper()))
        elif (
            line.kind in ("prose", "item", "heading", "admin")
            and len(raw) > 8
            and (match := _PROSE.match(raw[:400]))
        ):
            if _is_wrapped(text, outline, number, raw) or _LEADERS.search(raw[-60:]):
                continue
            if _COUNT.match(match["rest"]) or (line.start < FIRST_PROSE * len(text)):
                continue
            colon = match["mark"] == ":"
            start = line.start + (match.start("rest") if colon else match.start("anchor"))
            found.append(_Anchor(number, start, not colon, apart))
    return found


def _is_wrapped(text: str, outline: list[Line], number: int, raw: str) -> bool:
    """Whether the line goes on from the one above: « ... la RCP retient / en conclusion une indication »."""
    first = raw.lstrip(" \t*_#-•>")[:1]
    if not first.islower() or number == 0 or outline[number - 1].kind in ("blank", "heading", "table"):
        return False
    above = text[outline[number - 1].start : outline[number - 1].end].rstrip()
    return not above.endswith((".", "!", "?", ";"))


def _extent(text: str, outline: list[Line], anchor: _Anchor) -> tuple[int, int]:
    start, end = anchor.start, outline[anchor.line].end
    for line in outline[anchor.line + 1 :]:
        if line.kind == "blank":
            continue
        if line.kind == "heading" and not _belongs(text, line, start, end):
            break
        if line.kind == "admin" and not _reads_on(text, line):
            break
        if line.kind == "heading" and line.section == "conclusion":
            break
        end = line.end
    while start < end and (text[start].isspace() or text[start] in ":-–—*_"):
        start += 1
    while end > start and (text[end - 1].isspace() or text[end - 1] in "*_=#"):
        end -= 1
    return start, end


def _belongs(text: str, line: Line, start: int, end: int) -> bool:
    """Whether a heading is a point of the conclusion: a list's item, or its first words."""
    if line.section == "conclusion":
        return False
    raw = text[line.start : line.end].lstrip()
    nothing_yet = not text[start:end].strip(" \t\r\n:*_-")
    listed = raw[:1] in "-–•*" and not raw.startswith("**")
    inline = not line.alone and line.colon and not text[line.start : line.content].strip(" \t:").isupper()
    return (
        (listed and inline)
        or (nothing_yet and inline)
        or (inline and line.section in ("followup", "diagnosis"))
    )


def _reads_on(text: str, line: Line) -> bool:
    """Whether a line that names a doctor or a unit is a sentence all the same, wrapped or not."""
    raw = text[line.start : line.end].strip()
    first = raw[:1]
    if is_closing(raw):
        return False
    return (
        len(raw) >= 60
        and raw.endswith(".")
        and not re.match(r"(?i)(?:copie|cc\b|double|dict|dr\b.{0,40}$|valid|secr|t[ée]l)", raw)
    ) or (first.islower() and len(raw) >= 20 and fold(raw[:6]) not in ("double", "copie", "interne"))


def _concludes_something_else(outline: list[Line], anchor: _Anchor, end: int) -> bool:
    """Whether it closes an examination, or a paragraph, inside a longer report."""
    before = [line for line in outline[: anchor.line] if line.kind == "heading" and line.section != "other"]
    after = [line for line in outline[anchor.line + 1 :] if line.kind == "heading" and line.start >= end]
    inside = bool(before) and before[-1].section == "investigations"
    clinical = any(
        line.section in ("motif", "antecedents", "history", "evolution", "entry", "exam") for line in before
    )
    body_follows = any(line.section in BODY for line in after)
    if anchor.strong and not anchor.prose and not (inside and clinical):
        return body_follows and inside
    if inside and clinical:
        return (
            not anchor.strong
            or body_follows
            or any(line.section in ("diagnosis", "treatment") for line in after)
        )
    return body_follows
