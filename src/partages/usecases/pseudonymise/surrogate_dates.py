"""Dates moved by a number of days, in the form they were written in.

Whatever the form, the date is read, moved, and written again in its place; what stands around it
(day of the week, hour, « à », « et ») is kept. Days of the week stay right when the offset is a
whole number of weeks, which is the caller's choice.
"""

import datetime
import re

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
_IN_WORDS |= {key.replace("vingt et un", "vingt un"): value for key, value in _IN_WORDS.items()}
_IN_WORDS["premier"] = 1

_MONTH = (
    r"(?:janv(?:ier)?|jan|f[ée]v(?:r(?:ier)?)?|mars?|avr(?:il)?|mai|juin|juil(?:let)?|ao[uû]t?|sep(?:t(?:embre)?)?"
    r"|oct(?:obre)?|nov(?:embre)?|d[ée]c(?:embre)?)(?![a-zéû])\.?"
)
_UNIT = r"(?:un|deux|trois|quatre|cinq|six|sept|huit|neuf|dix|onze|douze|treize|quatorze|quinze|seize)"
_DAY_WORDS = rf"(?:premier|trente(?:[ -]et)?(?:[ -]un)?|(?:vingt|dix)(?:[ -](?:et[ -])?{_UNIT})?|{_UNIT})"
_YEAR_WORDS = r"(?:deux[ -]mille|mille[ -]neuf[ -]cents?)(?:[ -](?:et[ -])?[a-zéè]{2,9}){0,4}"
_ONE_DAY = rf"(?:\d{{1,2}}(?:er)?|{_DAY_WORDS})"
_NAMED = re.compile(
    rf"(?<![a-zé\d])(?:(?P<days>{_ONE_DAY}(?:(?: ?[,/&-] ?| et (?:le |du )?| au | ou )\d{{1,2}}(?:er)?){{0,6}})"
    rf"(?P<gap>[ .-]{{0,2}}))?(?P<month>{_MONTH})"
    rf"(?:(?P<tail>[ .,/-]{{0,3}}(?:de l'année |en )?)(?P<year>'?(?:\d{{4}}|\d{{2}})(?!\d| ?[hH:])|{_YEAR_WORDS}))?",
    re.I,
)
_ISO = re.compile(r"(?<!\d)(\d{4})([-/.])(\d{1,2})\2(\d{1,2})(?!\d)")
_NUMERIC = re.compile(r"(?<!\d)(\d{1,2})( ?[/.\-_\\ ] ?)(\d{1,2})( ?[/.\-_\\ ] ?)(\d{4}|\d{2})(?!\d| ?[hH:])")
_COMPACT = re.compile(r"(?<!\d)(\d{8}|\d{6})(?!\d)")
_MONTH_YEAR = re.compile(r"(?<!\d)(\d{1,2})( ?[/.\-] ?)(\d{4})(?!\d)")
_DAY_MONTH = re.compile(r"(?<!\d)(\d{1,2})( ?[/.\-] ?)(\d{1,2})(?!\d| ?[hH:])")
_HOUR = re.compile(r"\d{1,2} ?(?:[hH]|:)(?: ?\d{2})?(?::\d{2})?|(?<=[Tt])\d{4,6}\b")
LONGEST = 200
"""Characters; beyond, a span is no date."""
_CONFUSED = str.maketrans("OoIlSB", "001158")


def month_number(word: str) -> int | None:
    """1 to 12 for a month's name or abbreviation."""
    plain = strip_accents(word).lower().rstrip(".")
    return _PREFIXES.get(plain[:4]) or _PREFIXES.get(plain[:3])


def shift(written: str, days: int, year: int) -> str | None:
    """The date ``days`` later, written the same way; None when it cannot be read.

    Args:
        written: as found in the text; may hold an hour, a day of the week, several dates.
        days: offset, may be negative.
        year: assumed where the date has none.
    """
    if len(written) > LONGEST:
        return None
    flat = re.sub(r"\s+", " ", written)
    for candidate in dict.fromkeys((flat, _scanned(flat))):
        moved = _all_moved(candidate, days, year)
        if moved is not None:
            return moved
    return None


def _scanned(text: str) -> str:
    """What optical recognition confuses, and letters spaced out, put right: ``l2/O3/2O21``."""
    right = re.sub(r"\b[OoIlSB\d]*\d[OoIlSB\d]*\b", lambda match: match[0].translate(_CONFUSED), text)
    if re.fullmatch(r"(?:[\d/.\-] ?)+", right):
        return right.replace(" ", "")
    return right


def _all_moved(text: str, days: int, year: int) -> str | None:
    """Every date of the text moved; None where a digit belongs to none, or nothing is a date."""
    pieces: list[str] = []
    at = read = 0
    while at < len(text):
        found = None
        for pattern, mover in _READERS:
            match = pattern.search(text, at)
            if match and (found is None or match.start() < found[0].start()):
                moved = mover(match, days, year)
                if moved is not None:
                    found = match, moved
        if found is None:
            break
        match, moved = found
        pieces += [text[at : match.start()], moved]
        at, read = match.end(), read + 1
    pieces.append(text[at:])
    kept = _HOUR.sub("", "".join(pieces[0::2]))
    if not read or any(character.isdigit() for character in kept):
        return None
    return "".join(pieces)


def _date(year: int, month: int, day: int, days: int) -> datetime.date | None:
    try:
        return datetime.date(year, month, day) + datetime.timedelta(days)
    except (ValueError, OverflowError):
        return None


def _full_year(text: str) -> int:
    value = int(text)
    return value if len(text) == 4 else value + (2000 if value < 50 else 1900)


def _like(written: str, value: int) -> str:
    return f"{value:02}" if len(written) == 2 else str(value)


def _year_like(written: str, value: int) -> str:
    return f"{value:04}" if len(written) == 4 else f"{value % 100:02}"


def _iso(match: re.Match[str], days: int, year: int) -> str | None:  # noqa: ARG001
    moved = _date(int(match[1]), int(match[3]), int(match[4]), days)
    if moved is None:
        return None
    return f"{moved.year:04}{match[2]}{_like(match[3], moved.month)}{match[2]}{_like(match[4], moved.day)}"


def _numeric(match: re.Match[str], days: int, year: int) -> str | None:  # noqa: ARG001
    moved = _date(_full_year(match[5]), int(match[3]), int(match[1]), days)
    if moved is None:
        return None
    day, month = _like(match[1], moved.day), _like(match[3], moved.month)
    return f"{day}{match[2]}{month}{match[4]}{_year_like(match[5], moved.year)}"


def _compact(match: re.Match[str], days: int, year: int) -> str | None:  # noqa: ARG001
    digits = match[1]
    if len(digits) == 6:
        moved = _date(_full_year(digits[4:]), int(digits[2:4]), int(digits[:2]), days)
        return f"{moved.day:02}{moved.month:02}{moved.year % 100:02}" if moved else None
    if moved := _plausible(_date(int(digits[4:]), int(digits[2:4]), int(digits[:2]), days)):
        return f"{moved.day:02}{moved.month:02}{moved.year:04}"
    moved = _plausible(_date(int(digits[:4]), int(digits[4:6]), int(digits[6:]), days))
    return f"{moved.year:04}{moved.month:02}{moved.day:02}" if moved else None


def _plausible(date: datetime.date | None) -> datetime.date | None:
    return date if date and 1850 < date.year < 2150 else None


def _month_year(match: re.Match[str], days: int, year: int) -> str | None:  # noqa: ARG001
    moved = _date(int(match[3]), int(match[1]), 15, days)
    return f"{_like(match[1], moved.month)}{match[2]}{moved.year}" if moved else None


def _day_month(match: re.Match[str], days: int, year: int) -> str | None:
    moved = _date(year, int(match[3]), int(match[1]), days)
    if moved is None and int(match[1]) == 29:
        moved = _date(year - year % 4, int(match[3]), 29, days)
    return f"{_like(match[1], moved.day)}{match[2]}{_like(match[3], moved.month)}" if moved else None


def _words(text: str) -> int | None:
    return _IN_WORDS.get(strip_accents(text).lower().replace("-", " ").strip())


def _named(match: re.Match[str], days: int, year: int) -> str | None:
    """``12 mars``, ``1er, 2 et 4 mai 2024``, ``douze mars deux mille vingt``, ``mars 2024``, ``mars``."""
    month = month_number(match["month"])
    assert month
    year_text = match["year"]
    digits = year_text.lstrip("'") if year_text else ""
    if year_text:
        read = _full_year(digits) if digits.isdigit() else _words(digits)
        if read is None:
            return None
        year = read
    if match["days"] is None:
        moved = _date(year, month, 15, days)
        if moved is None:
            return None
        parts = ""
    else:
        pieces = re.split(rf"({_ONE_DAY})", match["days"], flags=re.I)
        dates = []
        for piece in pieces[1::2]:
            number = int(re.sub(r"\D", "", piece)) if piece[0].isdigit() else _words(piece)
            date = _date(year, month, number, days) if number else None
            if date is None and number == 29 and month == 2 and not year_text:
                date = _date(year - year % 4, month, number, days)
            if date is None:
                return None
            dates.append(date)
        moved = dates[-1]
        for index, date in enumerate(dates):
            written = _day_like(pieces[2 * index + 1], date.day)
            if (date.month, date.year) != (moved.month, moved.year):
                written += " " + _month_like(match["month"], month, date.month)
            pieces[2 * index + 1] = written
        parts = "".join(pieces) + match["gap"]
    parts += _month_like(match["month"], month, moved.month)
    if year_text:
        new_year = _year_like(digits, moved.year) if digits.isdigit() else in_words(moved.year)
        if year_text.isupper():
            new_year = new_year.upper()
        parts += match["tail"] + year_text[: len(year_text) - len(digits)] + new_year
    return parts


def _day_like(written: str, day: int) -> str:
    if not written[0].isdigit():
        spelled = "premier" if day == 1 else in_words(day)
        return spelled.upper() if written.isupper() else spelled
    if len(written) == 2 and written[0] == "0":
        return f"{day:02}"
    return "1er" if day == 1 else str(day)


def _month_like(written: str, old: int, new: int) -> str:
    name = MONTHS[new - 1]
    stem = written.rstrip(".")
    if len(stem) < len(MONTHS[old - 1]):
        dot = "." if written.endswith(".") else ""
        name = name if len(name) <= 4 else ("juil" if new == 7 else name[:4]) + dot
    if strip_accents(written) == written and strip_accents(MONTHS[old - 1]) != MONTHS[old - 1]:
        name = strip_accents(name)
    if written.isupper():
        return name.upper()
    return name.capitalize() if written[0].isupper() else name


_READERS = (
    (_ISO, _iso),
    (_NUMERIC, _numeric),
    (_NAMED, _named),
    (_COMPACT, _compact),
    (_MONTH_YEAR, _month_year),
    (_DAY_MONTH, _day_month),
)
"""In order of preference where two begin at the same place."""
