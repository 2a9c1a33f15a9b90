"""Dates: numeric, in words, spelled out, partial; of birth where the context says so."""

import re
from collections.abc import Iterator

from partages.usecases.pseudonymise.finding import Finding
from partages.usecases.pseudonymise.schema import Categorie

MONTHS = (
    "janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre",
    "décembre",
)  # fmt: skip
_MONTH = (
    r"(?:janv(?:ier)?|f[ée]v(?:r(?:ier)?)?|mars|avr(?:il)?|mai|juin|juil(?:let)?|ao[uû]t|sept(?:embre)?|oct(?:obre)?"
    r"|nov(?:embre)?|d[ée]c(?:embre)?)\b\.?"
)
_YEAR = r"(?:19|20)\d{2}"
_DAY = r"(?:3[01]|[12]\d|0?[1-9])"
_NUMBER = r"(?:1[0-2]|0?[1-9])"
_UNITS = (
    r"(?:un|premier|deux|trois|quatre|cinq|six|sept|huit|neuf|dix|onze|douze|treize|quatorze|quinze|seize)"
)
_SPELLED_DAY = rf"(?:trente(?:[ -]et[ -]un)?|(?:vingt|dix)(?:[ -](?:et[ -])?{_UNITS})?|{_UNITS})"
_SPELLED_YEAR = r"(?:deux[ -]mille|mille[ -]neuf[ -]cents?)(?:[ -][a-zéè]{2,9}){0,5}"

PATTERNS: tuple[tuple[str, float, re.Pattern[str]], ...] = (
    ("iso", 0.97, re.compile(rf"(?<![\d./-]){_YEAR}([-/.]){_NUMBER}\1{_DAY}(?![\d-])")),
    (
        "numeric",
        0.97,
        re.compile(rf"(?<![\d.,/-]){_DAY} ?([/.\-]) ?{_NUMBER} ?\1 ?(?:{_YEAR}|\d{{2}})(?![\d/]|[.,-]\d)"),
    ),
    ("compact", 0.7, re.compile(rf"(?<=le )(?:3[01]|[12]\d|0[1-9])(?:1[0-2]|0[1-9]){_YEAR}\b")),
    (
        "day month year",
        0.97,
        re.compile(
            rf"(?<!\d)(?:1er|{_DAY})[ -]?{_MONTH}(?:[ -]*(?:{_YEAR}|(?<=[ -])'?\d{{2}}\b(?! ?[a-z%/])))?",
            re.I,
        ),
    ),
    (
        "spelled",
        0.97,
        re.compile(rf"\b(?<=[ '\n]){_SPELLED_DAY} {_MONTH} {_SPELLED_YEAR}(?<=[a-zé])", re.I),
    ),
    ("month year", 0.9, re.compile(rf"\b{_MONTH}[ -]*(?:de l'année )?{_YEAR}\b", re.I)),
    ("numeric month", 0.85, re.compile(rf"(?<![\d.,/-]){_NUMBER}/{_YEAR}(?![\d/])")),
)
# A day and month without a year look like a ratio or a score: only after words that announce a date.
_ANNOUNCED = re.compile(
    r"\b(?:le|du|au|depuis le|dès le|jusqu'au|vers le|de|et(?: le)?|entre le|RDV|rdv|vu|revue?|sortie?|entrée?|"
    r"lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche|prélevée?s?|reçue?|édité|le :|bilan)\s*:?\s"
    rf"({_DAY}([/.]){_NUMBER})(?![\d/%]|[.,]\d| ?(?:mg|g|ml|mmol|mm|cm|kg|UI|fois|comprim))",
    re.I,
)
_LINE_START = re.compile(
    rf"(?m)^[ \-•*]*({_DAY}/(?:1[0-2]|0[1-9]))(?= ?[:h–-]| \d{{1,2}}[h:]\d{{2}}| [A-Za-zÀ-ÿ])"
)
_LONE_YEAR = re.compile(
    rf"\b(?:en|depuis|année|dès|vers|fin|début|courant|de|jusqu'en|avant|après|printemps|été|automne|hiver)"
    rf" (?:l'année |l'été |l'hiver )?({_YEAR})\b(?![.,]\d| ?(?:mg|ml|g/|UI|kcal|/mm|mL))|\(({_YEAR})\)",
    re.I,
)
_BIRTH = re.compile(
    r"(?:\bn(?:é|ee|É|EE)(?:\(?e\)?)?|ddn|d\.d\.n\.?|naissance|\bnaiss?\.?|date de nais\w*|\bn\(e\))"
    r"[\s:.,|*]{0,8}(?:[A-ZÉ][\w'É-]{0,20}\s+){0,3}(?:le\s*:?\s*)?(?:(?:lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche)\s)?$",
    re.I,
)
_BIRTH_REACH = 48  # characters before a date in which the words of birth are looked for


def find_dates(text: str) -> Iterator[Finding]:
    """Propose every date of the view."""
    for rule, score, pattern in PATTERNS:
        for match in pattern.finditer(text):
            start, end = match.span()
            if "apgar" in text[max(0, start - 20) : start].casefold():
                continue
            if text[end - 1] == "." and rule != "spelled" and not text[end - 2].isdigit():
                end -= text[end:].lstrip(" ")[:1].isupper() or end == len(text)
            yield _dated(text, start, end, score, rule)
    for pattern, rule in ((_ANNOUNCED, "announced"), (_LINE_START, "line start")):
        for match in pattern.finditer(text):
            yield _dated(text, match.start(1), match.end(1), 0.75, rule)
    for match in _LONE_YEAR.finditer(text):
        start, end = match.span(1) if match.group(1) else match.span(2)
        yield Finding(start, end, Categorie.DATE_NON_IDENTIFIANTE, 0.6, "lone year")


def _dated(text: str, start: int, end: int, score: float, rule: str) -> Finding:
    birth = _BIRTH.search(text[max(0, start - _BIRTH_REACH) : start])
    label = Categorie.DATE_NAISSANCE if birth else Categorie.DATE_IDENTIFIANTE
    return Finding(start, end, label, score, rule)
