"""A report cut into lines, sections and sentences, whatever mess it arrives in.

Reports are wrapped by hand, mix prose with laboratory tables, and hold letterheads and
signatures that are no part of the medicine. Every offset is a code point of the text
received; every step reads the text once.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Literal

from partages.text import fold

LineKind = Literal["blank", "heading", "table", "admin", "item", "prose"]

MAX_HEADING = 70
"""Characters of a heading at most; longer lines are sentences."""
WRAPPED = 60
"""Characters from which a line without a final stop is taken to go on below (reports wrap at 70 to 120)."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line, without its line break.

    Attributes:
        content: where what follows a heading on the same line begins; ``end`` when nothing does.
        section: the section it belongs to (first column of ``data/headings.tsv``), ``""`` before any.
        alone: for a heading, whether nothing follows it on its line.
        colon: for a heading, whether a colon closes it.
    """

    start: int
    end: int
    content: int
    kind: LineKind
    section: str
    alone: bool = False
    colon: bool = False


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence, list item or table row: ``text[start:end]`` has no space at either end."""

    start: int
    end: int
    kind: LineKind
    section: str


def _table(name: str) -> list[list[str]]:
    content = (files(__package__) / "data" / name).read_text(encoding="utf-8")
    return [line.split("\t") for line in content.splitlines() if line and not line.startswith("#")]


@cache
def _headings() -> dict[str, str]:
    return {fold(title): section for section, title in _table("headings.tsv")}


@cache
def _abbreviations() -> frozenset[str]:
    return frozenset(row[0] for row in _table("abbreviations.txt"))


_DECORATION = " \t\u00a0#*_>•▪●◦·-–—=|~+.☐□→►"
_NUMBERING = re.compile(
    r"(?:\d{1,2}|[IVX]{1,4}|[A-Za-z])[ ]{0,2}[.)/°–-][ \t]{0,4}(?:[/.)–-][ \t]{0,4})?(?=\S)"
)
_SPACED = re.compile(r"(?:[^\W\d_] ){3,30}[^\W\d_](?![^\W\d_])")
_ARTICLE = re.compile(r"^(?:l'|la |le |les )(?=\w{6})")
_LINKING = frozenset(
    [
        "dans",
        "le",
        "la",
        "les",
        "du",
        "de",
        "des",
        "a",
        "au",
        "aux",
        "l",
        "et",
        "en",
        "sortie",
        "entree",
        "service",
        "clinique",
        "cours",
        "sejour",
        "ce",
        "jour",
        "principal",
        "principaux",
        "medical",
        "medicaux",
        "medicale",
        "medicales",
        "chirurgical",
        "chirurgicaux",
        "chirurgicale",
        "personnel",
        "personnels",
        "familial",
        "familiaux",
        "actuel",
        "actuelle",
        "complementaire",
        "complementaires",
        "biologique",
        "biologiques",
    ]
)


def heading(line: str) -> tuple[str, int, bool] | None:
    """The section a line opens, how many of its characters are the heading, and whether a colon closes it.

    ``("other", ...)`` for what looks like a heading that the table does not hold; None for a line that is none.
    """
    body = line[:200]
    offset = len(body) - len(body.lstrip(_DECORATION))
    bullet = body[:offset].strip(" \t\u00a0#*_=|")
    if numbering := _NUMBERING.match(body, offset):
        offset = numbering.end()
    if offset >= len(body):
        return None
    colon = body.find(":", offset, offset + MAX_HEADING)
    title = body[offset:colon] if colon >= 0 else body[offset:]
    if colon < 0 and len(line.strip()) > MAX_HEADING:
        return None
    spaced = _SPACED.match(title)
    if spaced:
        title = title[spaced.start() : spaced.end()].replace(" ", "") + title[spaced.end() :]
    title = title.strip(" \t\u00a0*_#=-–—.|~")
    if not title or not title[0].isalpha():
        return None
    end = colon + 1 if colon >= 0 else len(line)
    while end < len(line) and line[end] in "*_ \t\u00a0":
        end += 1
    words = _ARTICLE.sub("", fold(title)).replace("/", " / ").split()
    if not words or len(words) > 10:
        return None
    section = _known(words, colon >= 0 or title.isupper())
    if section and (colon >= 0 or title[0].isupper() or section == "conclusion"):
        if colon < 0 and line.rstrip().endswith((".", ",", ";")) and not title.isupper():
            return None
        return section, end, colon >= 0
    letters = sum(character.isalpha() for character in title)
    if colon < 0:
        looks = title.isupper() and letters >= 4 and not any(c.isdigit() for c in title) and len(words) <= 7
        return ("other", end, False) if looks and not bullet else None
    if end >= len(line) and title[0].isupper() and letters >= 4 and not bullet:
        return "other", end, True
    return None


def _known(words: list[str], loose: bool) -> str | None:
    """The section of a title: exact, or a known beginning followed by linking words (by anything, if loose)."""
    table = _headings()
    for count in range(min(len(words), 6), 0, -1):
        section = table.get(" ".join(words[:count]).replace(" / ", "/"))
        if section is None:
            section = table.get(" ".join(words[:count]))
        if section:
            rest = words[count:]
            if all(word in _LINKING or word == "/" for word in rest):
                return section
            # « Bio du 28/01 : », « IRM cérébrale : », « TRAITEMENT HABITUEL A DOMICILE » ; no free text after
            # the anchor of a conclusion, which opens sentences too
            return section if loose and len(rest) <= 6 and section != "conclusion" else None
    return None


_CELLS = re.compile(r"\S(?:\t+[ ]*|[ \u00a0]{3,}|[ ]*\|[ ]*)(?=\S)")
_VALUE = re.compile(r"[<>≤≥+-]?\d[\d.,/]*%?")
_ADMIN = re.compile(
    r"(?:\b(?:t[ée]l(?:[ée]phone|[ée]copie)?|fax|secr[ée]tariat|ipp|nda|iep|rpps|finess|nir|adeli|ddn|e?-?mail"
    r"|courriel|standard)\b[ .]{0,3}(?:n°)?[ ]{0,2}[:.\d(]"
    r"|\S@\S|\b0\d(?:[ .]\d\d){4}\b|\bn[ée]+[ ]?(?:\(e\))?[ ]le\b|\bdate de naissance\b|\b\d{5}[ ]+[A-ZÉÈ][A-ZÉÈ' -]{2,}"
    r"|^[ \t]*(?:nom|pr[ée]nom|patiente?|sexe|adresse|n° |réf\b|objet|concerne|destinataires?|correspondants?|copies?\b|cc\b"
    r"|double|dict[ée]e? le|valid[ée]e? le|relu|lettre relue|document (?:transmis|valid|sign)|imprim[ée]|édit[ée]|page \d"
    r"|signataire|sign[ée] (?:par|[ée]lec)|interne|m[ée]decin|chef de (?:service|clinique)|praticiens?|op[ée]rateur|anesth[ée]siste"
    r"|professeur|docteur|dr\b|pr\b|mme le d|monsieur le d|madame le d|chirurgien|service de|unit[ée] |p[ôo]le |h[ôo]pital|chu\b"
    r"|chr\b|centre hospitalier|clinique [A-Zd]|groupe hospitalier|institut|d[ée]partement)"
    r"|^[ \t]*(?:m\.|mr|mme|monsieur|madame)[ ]+[A-ZÉÈ][\w'’-]+(?:[ ]+[A-ZÉÈ][\w'’-]+){0,3}[ \t]*$"
    r"|^[ \t]*[A-ZÉ][\w'’-]{2,25},?[ ]le[ ](?:lundi |mardi |mercredi |jeudi |vendredi |samedi |dimanche )?\d[\w/. é û]{5,20}$)",
    re.IGNORECASE,
)
_GREETING = re.compile(
    r"^[ \t]*(?:ch(?:er|ère|ers|ères)[ ]+(?:conf|con|coll|ami|ma[îi]tre|monsieur|madame|docteur)|madame, monsieur|mon cher"
    r"|cher$|messieurs|mesdames)",
    re.IGNORECASE,
)
_CLOSING = re.compile(
    r"^[ \t]*(?:(?:bien |tr[èe]s )?(?:confraternellement|amicalement|cordialement)|amiti[ée]s|bien à (?:toi|vous)"
    r"|veuillez|je vous prie|nous vous prions|(?:je vous|en vous) remerci|avec (?:nos|mes) (?:salutations|remerciements|sentiments)"
    r"|(?:nos|mes) salutations|restant à votre|en restant à|salutations|vous en souhaitant|bonne r[ée]ception"
    r"|sentiments|recevez|croyez)",
    re.IGNORECASE,
)


def is_closing(line: str) -> bool:
    """Whether a letter's closing formula starts here: what follows is signatures and copies."""
    return bool(_CLOSING.match(line))


def is_administrative(line: str) -> bool:
    """Letterheads, identities, contacts, greetings, signatures: no part of the medicine."""
    head = line[:300]
    return bool(_GREETING.match(head)) or (len(line) <= 300 and bool(_ADMIN.search(head)))


def _is_table(line: str) -> bool:
    head = line[:300].strip()
    cells = sum(1 for _ in _CELLS.finditer(head))
    if cells >= 2:
        return True
    tokens = head.split()
    values = sum(1 for token in tokens if _VALUE.fullmatch(token))
    return (cells == 1 and values >= 1 and len(tokens) <= 8) or (
        len(tokens) >= 4 and values * 2 > len(tokens)
    )


_BREAKS = re.compile(r"\r\n|[\n\r\v\f\x85\u2028\u2029]")


def lines(text: str) -> list[Line]:
    """Every line of the text, in order, blank ones included."""
    found: list[Line] = []
    section = ""
    closed = False
    start = 0
    ends = [(m.start(), m.end()) for m in _BREAKS.finditer(text)] + [(len(text), len(text))]
    for end, following in ends:
        line = text[start:end]
        opened = heading(line)
        if not any(character.isalnum() for character in line):
            found.append(Line(start, end, end, "blank", section))
        elif opened and not (closed and opened[0] == "other"):
            if opened[0] != "other" or opened[2] is False or section in ("", "other"):
                section, closed = opened[0], False
            content = start + opened[1]
            alone = not text[content:end].strip()
            if opened[0] == "motif" and is_administrative(text[content:end]):
                found.append(Line(start, end, content, "admin", section))
            else:
                found.append(
                    Line(start, end, end if alone else content, "heading", section, alone, opened[2])
                )
        else:
            closed = closed or is_closing(line)
            kind: LineKind
            if closed or is_administrative(line):
                kind = "admin"
            elif _is_table(line):
                kind = "table"
            else:
                kind = "item" if line.lstrip()[0] in "-–—•*▪●◦·>.→" else "prose"
            found.append(Line(start, end, start, kind, section))
        start = following
    return found


_STOP = re.compile(r"[.!?…][.!?…»\")\]]{0,3}\s+")
_LAST_WORD = re.compile(r"[^\W_]+$")
_BULLET = re.compile(r"[\s\-–—•*▪●◦·>→]*(?:\d{1,2}[ ]?[/)°](?!\d)|\d{1,2}[.][ ])?\s*")


def sentences(text: str, of: list[Line] | None = None, *, headings: bool = False) -> list[Sentence]:
    """Sentences, list items and table rows, in order.

    Args:
        text: the whole text.
        of: its lines, when they are known already.
        headings: whether headings are kept, with the sentence that follows them on their line.
    """
    found: list[Sentence] = []
    for start, end, kind, section in _blocks(text, lines(text) if of is None else of, headings):
        if kind in ("table", "admin", "heading"):
            pieces: Iterator[tuple[int, int]] = iter([(start, end)])
        else:
            pieces = _split(text, start, end)
        for left, right in pieces:
            left, right = _trim(text, left, right, bullet=kind in ("item", "prose"))
            if any(text[i].isalnum() for i in range(left, min(right, left + 200))):
                found.append(Sentence(left, right, kind, section))
    return found


def _blocks(text: str, of: list[Line], headings: bool) -> Iterator[tuple[int, int, LineKind, str]]:
    """Runs of lines that read as one: a paragraph wrapped by hand is put together again."""
    current: tuple[int, int, LineKind, str] | None = None
    width = 0
    for line in of:
        kind, start = line.kind, line.content
        if kind == "heading" and headings:
            start = line.start
            if line.alone:
                if current:
                    yield current
                current = None
                yield start, line.end, "heading", line.section
                continue
        if kind == "heading":
            kind = "table" if _is_table(text[line.content : line.end]) else "prose"
        if line.kind == "blank" or start >= line.end:
            if current:
                yield current
            current = None
            continue
        if current and line.kind == "prose" and current[2] in ("prose", "item"):
            last = text[max(0, current[1] - 9) : current[1]].rstrip()[-1:] or "."
            first = text[start : line.end].lstrip()[:1]
            short = first.islower() or first in "(,"  # but a prescription is a list, with or without bullets
            runs_on = last not in ".!?:;…" and (
                width >= WRAPPED or (short and line.section not in ("discharge", "entry"))
            )
            if runs_on:
                current = (current[0], line.end, current[2], current[3])
                width = line.end - line.start
                continue
        if current:
            yield current
        current = (start, line.end, kind, line.section)
        width = line.end - line.start
    if current:
        yield current


def _split(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    left = start
    for stop in _STOP.finditer(text, start, end):
        following = text[stop.end()] if stop.end() < end else ""
        if not following or not (following.isupper() or following.isdigit() or following in '«"(-•–'):
            continue
        if text[stop.start()] == "." and _is_abbreviation(text, left, stop.start()):
            continue
        yield left, stop.end()
        left = stop.end()
    yield left, end


def _is_abbreviation(text: str, start: int, stop: int) -> bool:
    """Whether the full stop at ``stop`` belongs to its word (« Dr. », « S. aureus », « n°. »)."""
    word = _LAST_WORD.search(text[max(start, stop - 20) : stop])
    if not word:
        return False
    if len(word.group()) == 1 and word.group().isupper():
        # « par T. NOWACKI » ; but « hépatite C. Le patient »
        before = text[max(start, stop - 30) : stop - 1].split()
        return not (before and len(before[-1]) >= 5 and before[-1].islower())
    return fold(word.group()) in _abbreviations()


def _trim(text: str, start: int, end: int, bullet: bool) -> tuple[int, int]:
    marked = _BULLET.match(text, start, end) if bullet else None
    if marked:
        start = marked.end()
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end


def overlapping(of: list[Sentence], start: int, end: int) -> list[Sentence]:
    """The sentences that share a character with ``[start, end)``."""
    return [sentence for sentence in of if sentence.start < end and start < sentence.end]


def in_order(of: list[Sentence]) -> bool:
    """Whether sentences follow each other without overlap (an invariant, checked by tests)."""
    return all(before.end <= after.start for before, after in pairwise(of))
