"""A second look: what the detection left of a value that it found elsewhere in the document.

A surname inside an e-mail address, an URL or the name of a file (``CR_DURAND_2024.pdf``), glued to a word,
misspelled once; a patient's initials; a number written with other separators. ``find_residues`` reads the
text with its spans and proposes more of them; ``count_residues`` reads what was rendered, for the report.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from partages.documents import Document, Span
from partages.usecases.pseudonymise.finding import Finding
from partages.usecases.pseudonymise.gazetteers import first_name, is_medical, is_word
from partages.usecases.pseudonymise.known import is_misspelt
from partages.usecases.pseudonymise.patient import TITLES
from partages.usecases.pseudonymise.schema import Categorie
from partages.usecases.pseudonymise.wording import flattened, occurrences

RULE = "residue"
SCORE = 0.5
"""Below every other voice: a residue only fills what was left."""
SHORTEST = 4
"""Letters of a name, and digits of a number less two, that are looked for again."""
LONGEST_TOKEN = 300
"""Characters of a file name or an address; a longer run of marks is none."""

_WORD = re.compile(r"[^\W\d_]+")
_CAPITALISED = re.compile(r"\b[A-ZÀ-ÖØ-Þ][^\W\d_]{5,30}\b")
_PAIR = re.compile(r"\b([A-ZÀ-ÖØ-Þ])\.[ -]?([A-ZÀ-ÖØ-Þ])\.(?!\w)")
_SAID_INITIALS = re.compile(r"\binitiales\s{0,3}:?\s{0,3}([A-ZÀ-ÖØ-Þ])[. ]{0,2}([A-ZÀ-ÖØ-Þ])\b", re.I)
_NUMBER = re.compile(r"(?<![0-9])[0-9](?:[ .\-/]?[0-9]){5,24}(?![0-9])")
DATES = (Categorie.DATE_IDENTIFIANTE, Categorie.DATE_NON_IDENTIFIANTE)
_NUMBERS = (Categorie.CODE, Categorie.TELEPHONE)
_MADE_NAME = re.compile(r"[@_/\\0-9]|\.[A-Za-z]{2,5}\b")


def find_residues(text: str, findings: Sequence[Finding]) -> list[Finding]:
    """More findings in a view's text, none over one of ``findings``."""
    taken = sorted((finding.start, finding.end) for finding in findings)
    flat = flattened(text)
    names = _names(flat, findings)
    proposed = [
        *_inside_words(text, flat, names),
        *_misspelled(text, flat, names),
        *_initials(text, flat, findings),
        *_numbers(text, findings),
        *_first_days(text, findings),
    ]
    return list(_free(proposed, taken))


def _free(proposed: Iterable[Finding], taken: list[tuple[int, int]]) -> Iterator[Finding]:
    index = 0
    for finding in sorted(proposed, key=lambda f: (f.start, -f.end)):
        while index < len(taken) and taken[index][1] <= finding.start:
            index += 1
        if index < len(taken) and taken[index][0] < finding.end:
            continue
        yield finding
        taken.insert(index, (finding.start, finding.end))


def _names(flat: str, findings: Iterable[Finding]) -> dict[str, Finding]:
    """The folded parts of the names found, with the surest finding of each."""
    names: dict[str, Finding] = {}
    for finding in findings:
        if finding.label in (Categorie.NOM, Categorie.PRENOM):
            for part in _WORD.findall(flat[finding.start : finding.end]):
                if len(part) >= SHORTEST and (part not in names or names[part].score < finding.score):
                    names[part] = finding
    return names


def _inside_words(text: str, flat: str, names: dict[str, Finding]) -> Iterator[Finding]:
    for start, end, name in occurrences(flat, names):
        left, right = start, end
        while left and flat[left - 1].isalpha() and start - left < LONGEST_TOKEN:
            left -= 1
        while right < len(flat) and flat[right].isalpha() and right - end < LONGEST_TOKEN:
            right += 1
        before, after = flat[left:start], flat[end:right]
        made = _in_made_name(text, left, right)
        if before or after:
            glued = all(
                not rest or rest in names or rest in TITLES or len(rest) == 1 for rest in (before, after)
            )
            if (
                not glued
                or len(name) <= SHORTEST
                or is_word(flat[left:right])
                or is_medical(flat[left:right])
            ):
                continue
            if not made and (text[left:right].islower() or first_name(flat[left:right])):
                continue
        elif not made or (is_word(name) and not _another(flat, left, right, names)):
            continue
        yield Finding(start, end, names[name].label, SCORE, RULE, names[name].attributes)


def _token(text: str, start: int, end: int) -> tuple[int, int]:
    """The run of characters without a blank around a stretch, bounded."""
    lowest, highest = max(0, start - LONGEST_TOKEN), min(len(text), end + LONGEST_TOKEN)
    while start > lowest and not text[start - 1].isspace():
        start -= 1
    while end < highest and not text[end].isspace():
        end += 1
    return start, end


def _in_made_name(text: str, start: int, end: int) -> bool:
    """Whether a word stands in a file name, an address, an identifier."""
    left, right = _token(text, start, end)
    around = text[left:start] + " " + text[end:right].rstrip(".,;:)")
    touching = text[start - 1 : start] + text[end : end + 1]
    return bool(_MADE_NAME.search(around)) and any(c in "@_/\\.-" or c.isdigit() for c in touching)


def _another(flat: str, start: int, end: int, names: dict[str, Finding]) -> bool:
    left, right = _token(flat, start, end)
    return sum(word in names for word in _WORD.findall(flat[left:right])) > 1


def _misspelled(text: str, flat: str, names: dict[str, Finding]) -> Iterator[Finding]:
    """A capitalised word one letter away from the patient's surname, that is nothing else."""
    wanted = [
        name
        for name, finding in names.items()
        if finding.attributes.get("RolePER") == "Patient" and finding.label == Categorie.NOM and len(name) > 5
    ][:20]
    judged: dict[str, str | None] = {}
    if not wanted:
        return
    for match in _CAPITALISED.finditer(text):
        word = flat[match.start() : match.end()]
        if word not in judged:
            close = word not in names and next((name for name in wanted if is_misspelt(word, name)), None)
            real = is_word(word) or is_medical(word) or first_name(word)
            judged[word] = close if close and not real else None
        name = judged[word]
        if name:
            yield Finding(*match.span(), names[name].label, SCORE, RULE, names[name].attributes)


def _initials(text: str, flat: str, findings: Iterable[Finding]) -> Iterator[Finding]:
    letters: dict[str, set[str]] = {Categorie.NOM: set(), Categorie.PRENOM: set()}
    for finding in findings:
        if finding.label in letters and finding.attributes.get("RolePER") == "Patient":
            letters[finding.label].add(flat[finding.start])
    for pattern in (_PAIR, _SAID_INITIALS):
        for match in pattern.finditer(text):
            one, two = flat[match.start(1)], flat[match.start(2)]
            for first, second in (
                (Categorie.PRENOM, Categorie.NOM),
                (Categorie.NOM, Categorie.PRENOM),
            ):
                if one in letters[first] and two in letters[second]:
                    for group, label in ((1, first), (2, second)):
                        end = match.end(group) + (text[match.end(group) : match.end(group) + 1] == ".")
                        yield Finding(match.start(group), end, label, SCORE, RULE, {"RolePER": "Patient"})
                    break


def _numbers(text: str, findings: Iterable[Finding]) -> Iterator[Finding]:
    known: dict[str, Finding] = {}
    for finding in findings:
        if finding.label in _NUMBERS:
            digits = re.sub(r"\D", "", text[finding.start : finding.end])
            if len(digits) >= SHORTEST + 2:
                known[digits] = finding
    if not known:
        return
    for match in _NUMBER.finditer(text):
        origin = known.get(re.sub(r"\D", "", match[0]))
        if origin:
            yield Finding(*match.span(), origin.label, SCORE, RULE, origin.attributes)


_FIRST_DAY = re.compile(
    r"\b(?:[Dd]u|[Ll]e|[Ll]es|[Dd]es|nuit du|entre le) (\d{1,2}(?:er)?) ?(?:au|et|et le|et du|ou|-|/|,|&) ?(?:le |du )?$"
)


def _first_days(text: str, findings: Iterable[Finding]) -> Iterator[Finding]:
    """The « 6 » of « du 6 au 21 octobre », which says the day and would not move with the date."""
    for finding in findings:
        if finding.label in DATES and text[finding.start : finding.start + 1].isdigit():
            before = _FIRST_DAY.search(text, max(0, finding.start - 24), finding.start)
            if before and 1 <= int(re.sub(r"\D", "", before[1])) <= 31:
                yield Finding(*before.span(1), Categorie.DATE_IDENTIFIANTE, SCORE, RULE)


def count_residues(document: Document, spans: Iterable[Span], rendered: str) -> int:
    """How many values that were found can still be read in the rendered text.

    Names that are common words are not counted: they may well be the words.
    """
    values: set[str] = set()
    flat = flattened(document.text)
    for span in spans:
        quoted = flat[span.start : span.end]
        if span.label in (Categorie.NOM, Categorie.PRENOM):
            values |= {
                part
                for part in _WORD.findall(quoted)
                if len(part) >= SHORTEST and not is_word(part) and not is_medical(part)
            }
        elif span.label in (*_NUMBERS, Categorie.EMAIL) and sum(c.isalnum() for c in quoted) >= SHORTEST + 2:
            values.add(quoted)
    left = flattened(rendered)
    count = 0
    for start, end, value in occurrences(left, values):
        inside = (start and left[start - 1].isalpha()) or (end < len(left) and left[end].isalpha())
        if not (inside and value.isalpha()):
            count += 1
    return count
