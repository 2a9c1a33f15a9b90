"""Dates moved by a number of days, in the form they were written in."""

import datetime
import re
from collections.abc import Callable

from partages.text import strip_accents
from partages.usecases.pseudonymise.dates import MONTHS

_PREFIXES = {strip_accents(month)[:4]: number for number, month in enumerate(MONTHS, 1)} | {
    strip_accents(month)[:3]: number for number, month in enumerate(MONTHS, 1) if number not in (6, 7)
}
_UNITS = (
    "zéro", "un", "deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf", "dix", "onze", "douze", "treize",
    "quatorze", "quinze", "seize", "dix-sept", "dix-huit", "dix-neuf",
)  # fmt: skip
_TENS = {20: "vingt", 30: "trente", 40: "quarante", 50: "cinquante", 60: "soixante", 80: "quatre-vingt"}


def in_words(number: int) -> str:
    """A number from 0 to 2099 in French words (hyphenated as before 1990, without plural of cent)."""
    if number >= 2000:
        rest = number - 2000
        return "deux mille" + (f" {in_words(rest)}" if rest else "")
    if number >= 1900:
        rest = number - 1900
        return "mille neuf cent" + (f" {in_words(rest)}" if rest else "")
    if number < 20:
        return _UNITS[number]
    tens = max(ten for ten in _TENS if ten <= number)
    rest = number - tens
    if not rest:
        return _TENS[tens] + ("s" if tens == 80 else "")
    joint = " et " if rest in (1, 11) and tens != 80 else "-"
    return f"{_TENS[tens]}{joint}{_UNITS[rest]}"


_IN_WORDS = {
    strip_accents(in_words(number)).replace("-", " "): number
    for number in [*range(1, 32), *range(1900, 2100)]
}
_IN_WORDS |= {key.replace("neuf cent ", "neuf cents "): value for key, value in _IN_WORDS.items()}
_IN_WORDS["premier"] = 1


def month_number(word: str) -> int | None:
    """1 to 12 for a month's name or abbreviation."""
    plain = strip_accents(word).lower().rstrip(".")
    return _PREFIXES.get(plain[:4]) or _PREFIXES.get(plain[:3])


def shift(written: str, days: int, year: int) -> str | None:
    """The date ``days`` later, written the same way; None when it cannot be read.

    Args:
        written: as found in the text.
        days: offset, may be negative.
        year: assumed where the date has none.
    """
    flat = re.sub(r"\s+", " ", written)
    for reader in (_numeric, _with_month_name):
        moved = reader(flat, days, year)
        if moved is not None:
            return moved.upper() if written.isupper() and any(map(str.isalpha, written)) else moved
    return None


def _date(year: int, month: int, day: int, days: int) -> datetime.date | None:
    try:
        return datetime.date(year, month, day) + datetime.timedelta(days)
    except (ValueError, OverflowError):
        return None


def _full_year(text: str) -> int:
    value = int(text)
    return value if len(text) == 4 else value + (2000 if value < 50 else 1900)


def _numeric(text: str, days: int, year: int) -> str | None:
    if match := re.fullmatch(r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})", text):
        moved = _date(int(match[1]), int(match[3]), int(match[4]), days)
        return f"{moved.year}{match[2]}{moved.month:02}{match[2]}{moved.day:02}" if moved else None
    if match := re.fullmatch(r"(\d{1,2})( ?[/.\-] ?)(\d{1,2})( ?[/.\-] ?)(\d{2}|\d{4})", text):
        moved = _date(_full_year(match[5]), int(match[3]), int(match[1]), days)
        if moved is None:
            return None
        written_year = f"{moved.year}" if len(match[5]) == 4 else f"{moved.year % 100:02}"
        day, month = _padding(match[1])(moved.day), _padding(match[3])(moved.month)
        return f"{day}{match[2]}{month}{match[4]}{written_year}"
    if match := re.fullmatch(r"(\d{2})(\d{2})(\d{4})", text):
        moved = _date(int(match[3]), int(match[2]), int(match[1]), days)
        return f"{moved.day:02}{moved.month:02}{moved.year}" if moved else None
    if match := re.fullmatch(r"(\d{1,2})/(\d{4})", text):
        moved = _date(int(match[2]), int(match[1]), 15, days)
        return f"{moved.month:02}/{moved.year}" if moved else None
    if match := re.fullmatch(r"(\d{1,2})([/.])(\d{1,2})", text):
        moved = _date(year, int(match[3]), int(match[1]), days)
        return (
            f"{_padding(match[1])(moved.day)}{match[2]}{_padding(match[3])(moved.month)}" if moved else None
        )
    return None


def _padding(written: str) -> Callable[[int], str]:
    return (lambda value: f"{value:02}") if len(written) == 2 else str


def _with_month_name(text: str, days: int, year: int) -> str | None:
    match = re.fullmatch(
        r"(?:(?P<day>\d{1,2}(?:er)?|[a-zéèA-ZÉ][a-zéèA-ZÉ -]*?)(?P<gap>[ -]?))??(?P<month>[A-Za-zéûÉÛ]{3,9}\.?)"
        r"(?P<tail>[ -]*(?:de l'année )?)(?P<year>'?\d{2,4}|(?:deux|mille)[a-zé -]*)?",
        text,
        re.I,
    )
    month = match and month_number(match["month"])
    if not match or not month:
        return None
    day_text, year_text = match["day"], match["year"]
    day = 15
    if day_text:
        plain = strip_accents(day_text).lower().replace("-", " ").strip()
        number = int(re.match(r"\d+", plain).group()) if plain[0].isdigit() else _IN_WORDS.get(plain)  # type: ignore[union-attr]
        if number is None:
            return None
        day = number
    if year_text:
        digits = year_text.lstrip("'")
        read = (
            _full_year(digits)
            if digits.isdigit()
            else _IN_WORDS.get(strip_accents(digits).lower().replace("-", " "))
        )
        if read is None:
            return None
        year = read
    moved = _date(year, month, day, days)
    if moved is None:
        return None
    parts = ""
    if day_text:
        spelled = not day_text[0].isdigit()
        parts = (
            (in_words(moved.day) if moved.day > 1 else "premier")
            if spelled
            else ("1er" if moved.day == 1 else str(moved.day))
        )
        parts += match["gap"] or ""
    name = MONTHS[moved.month - 1]
    if len(match["month"].rstrip(".")) < len(MONTHS[month - 1]):
        name = name[:4].rstrip(".") + ("." if match["month"].endswith(".") and len(name) > 4 else "")
    parts += name.capitalize() if match["month"][0].isupper() else name
    if year_text:
        digits = year_text.lstrip("'")
        written_year = str(moved.year) if len(digits) == 4 else f"{moved.year % 100:02}"
        parts += (match["tail"] or "") + (
            year_text[: len(year_text) - len(digits)] + written_year
            if digits.isdigit()
            else in_words(moved.year)
        )
    return parts
