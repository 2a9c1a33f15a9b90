"""What the hospital already knows of a patient, found wherever the text says it.

Names are looked for by part, in any order, case and accents aside: typing errors (optimal string
alignment distance: one letter added, dropped, replaced, or two swapped), parts split by a space, a
hyphen or a line end, glued to another word, abbreviated to an initial beside another part. Numbers are
found whatever separates their digits, the birth date however it is written. Everything is one
pass over the words of the text, and a dictionary of its distinct words: linear in its length.
"""

import datetime
import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from rapidfuzz.distance import OSA

from partages.text import fold, strip_accents
from partages.usecases.pseudonymise.finding import Finding
from partages.usecases.pseudonymise.gazetteers import first_name, is_medical, is_word
from partages.usecases.pseudonymise.patient import CIVILITIES, MAX_LENGTH, TITLES, KnownPatient, KnownPerson
from partages.usecases.pseudonymise.schema import Categorie
from partages.usecases.pseudonymise.surrogate_dates import in_words
from partages.usecases.pseudonymise.wording import flattened

RULE = "known"
SURE, FUZZY, INITIAL = 1.0, 0.9, 0.85
"""Scores: written as known; with a typing error; an initial."""
_WORD = re.compile(r"[^\W\d_]+")
_PARTICLES = frozenset(
    "d de du des la le les l von van der den el al ben bin da do dos di saint sainte st ste".split()
)
_STREETS = {
    "rue": "rue r", "avenue": "avenue av ave", "boulevard": "boulevard bd bld blvd bvd boul", "allee": "allee allees all",
    "impasse": "impasse imp", "chemin": "chemin ch che chem", "place": "place pl", "route": "route rte",
    "square": "square sq", "residence": "residence res", "lotissement": "lotissement lot", "quai": "quai",
    "cours": "cours crs", "faubourg": "faubourg fg fbg", "hameau": "hameau ham", "lieu": "lieu",
}  # fmt: skip
_STREET_OF = {short: name for name, forms in _STREETS.items() for short in forms.split()}
_MONTHS = (
    "janvier janv? jan", "fevrier fevr? fev", "mars mar", "avril avr", "mai", "juin jui jun", "juillet juil? jui jul", "aout aou",
    "septembre sept? sep", "octobre oct", "novembre nov", "decembre dec",
)  # fmt: skip
_OCR = {"0": "[0oq]", "1": "[1li|]", "2": "[2z]", "5": "[5s]", "6": "[6b]", "8": "[8b]"}
_BETWEEN_DIGITS = r"[\s.,/_|()-]{0,3}"
_BETWEEN_DATES = r"[\s./\\_,;:|-]{0,3}"
_INSIDE_NAME = re.compile(r"[\s\-'’.]{0,4}")


def is_misspelt(word: str, known: str) -> bool:
    """Whether one typing error (two, in a long name) tells the two apart."""
    errors = 0 if len(known) < 5 else 1 if len(known) < 8 else 2
    return bool(
        errors
        and abs(len(word) - len(known)) <= errors
        and OSA.distance(word, known, score_cutoff=errors) <= errors
    )


def speller(known: KnownPatient) -> Callable[[str], str]:
    """A function from a folded name part to the known spelling of it; to itself where it is another name."""
    people = [known, *([known.general_practitioner] if known.general_practitioner else []), *known.relatives]
    parts = {
        part
        for person in people
        for name in (*person.names, *person.first_names, *getattr(person, "birth_names", ()))
        for part in _WORD.findall(flattened(name))
    }

    def spelling(part: str) -> str:
        if part in parts:
            return part
        close = [name for name in parts if is_misspelt(part, name)]
        return min(close, key=lambda name: (OSA.distance(part, name), name), default=part)

    return spelling


def find_known(text: str, known: KnownPatient) -> list[Finding]:
    """Every occurrence of what is known, in a view's text; in order, without overlap."""
    flat = flattened(text)
    findings = [
        *_numbers(flat, known),
        *_birth_dates(flat, known.birth_date),
        *_exact(flat, known),
    ]
    words = [(match.start(), match.end()) for match in _WORD.finditer(flat)]
    people = [(known, "Patient"), *((person, "Autre") for person in known.relatives)]
    if known.general_practitioner:
        people.append((known.general_practitioner, "PersonnelSante"))
    for person, role in people:
        findings += _streets(flat, words, person.addresses, role)
        findings += _towns(text, flat, words, person, role)
    findings += _names(text, flat, words, people)
    return _without_overlap(findings)


def overlay(others: Iterable[Finding], known: Iterable[Finding]) -> list[Finding]:
    """What is known and what the others found, together: nothing that either saw is left.

    Of the others, one that holds a known value whole stays as it is (an address with a name in
    it), one that overlaps a known value gives what is beyond it.
    """
    others = sorted(others, key=lambda finding: finding.start)
    starts = [finding.start for finding in others]
    kept = []
    for finding in sorted(known, key=lambda finding: finding.start):
        index = bisect_left(starts, finding.start + 1) - 1
        holder = others[index] if index >= 0 else None
        if holder and finding.end <= holder.end and _length(holder) > _length(finding):
            same = holder.label == finding.label
            attributes = {**holder.attributes, **finding.attributes} if same else holder.attributes
            others[index] = replace(holder, score=max(holder.score, finding.score), attributes=attributes)
        else:
            kept.append(finding)
    ends = [finding.end for finding in kept]
    result = list(kept)
    for other in others:
        at = other.start
        index = bisect_left(ends, other.start + 1)
        while at < other.end and index < len(kept) and kept[index].start < other.end:
            if kept[index].start > at:
                result.append(replace(other, start=at, end=kept[index].start))
            at = max(at, kept[index].end)
            index += 1
        if at < other.end:
            result.append(replace(other, start=at))
    return sorted(result, key=lambda finding: finding.start)


def _length(finding: Finding) -> int:
    return finding.end - finding.start


def trimmed(findings: Iterable[Finding], text: str) -> Iterator[Finding]:
    """Without blanks and punctuation at the edges that ``overlay`` cut; nothing for what is left empty."""
    for finding in findings:
        start, end = finding.start, finding.end
        if finding.rule != RULE:
            while start < end and not text[start].isalnum() and text[start] not in "+(":
                start += 1
            while end > start and not text[end - 1].isalnum() and text[end - 1] not in ".)":
                end -= 1
        if end > start:
            yield (
                finding
                if (start, end) == (finding.start, finding.end)
                else replace(finding, start=start, end=end)
            )


def _without_overlap(findings: Iterable[Finding]) -> list[Finding]:
    """The union: of two that overlap the longer stays, lengthened by the other."""
    merged: list[Finding] = []
    for finding in sorted(findings, key=lambda f: (f.start, -f.end, -f.score)):
        if merged and finding.start < merged[-1].end:
            if finding.end > merged[-1].end:
                merged[-1] = replace(merged[-1], end=finding.end)
        else:
            merged.append(finding)
    return merged


# --- numbers, e-mail addresses ---------------------------------------------------------------


def _spaced(number: str) -> str:
    """A pattern for the letters and digits of a number, whatever separates them, as scanned too."""
    characters = [c for c in flattened(number) if c.isalnum()]
    return _BETWEEN_DIGITS.join(_OCR.get(c, re.escape(c)) for c in characters)


def _numbers(flat: str, known: KnownPatient) -> Iterator[Finding]:
    codes = [(value, "NIPouIPP") for value in known.ipp] + [(value, "NDA") for value in known.nda]
    for value in known.nir:
        codes.append((value, "NIR"))
        bare = re.sub(r"\W", "", value)
        if len(bare) == 15:
            codes.append((bare[:13], "NIR"))
    for value, kind in codes:
        if sum(c.isalnum() for c in value) < 3:
            continue
        bare = re.sub(r"[\W_]", "", value)
        significant = bare.lstrip("0") if len(bare.lstrip("0")) >= SHORT else bare
        pattern = rf"(?:(?<![0-9a-z])(?:0[\s./_-]?){{0,8}}|(?<=[a-z])0{{0,6}}){_spaced(significant)}(?![0-9])"
        for match in re.finditer(pattern, flat):  # IPP8004512 too
            if sum(c.isdigit() for c in match[0]) * 2 >= sum(c.isdigit() for c in significant):
                yield _code(*match.span(), kind, SURE)
    yield from _mistyped(flat, codes)
    for person, role in _phone_owners(known):
        for phone in person.phones:
            digits = re.sub(r"\D", "", phone)
            if len(digits) < 6:
                continue
            national = digits[-9:] if len(digits) >= 9 else digits
            pattern = rf"(?<![0-9])(?:(?:\+|00){_BETWEEN_DIGITS}33{_BETWEEN_DIGITS})?(?:\(?0\)?{_BETWEEN_DIGITS})?{_spaced(national)}(?![0-9])"
            for match in re.finditer(pattern, flat):
                yield Finding(*match.span(), Categorie.TELEPHONE, SURE, RULE, {"RoleNUM": role})


def _phone_owners(known: KnownPatient) -> Iterator[tuple[KnownPerson, str]]:
    yield known, "Patient"
    if known.general_practitioner:
        yield known.general_practitioner, "PersonnelSante"
    for person in known.relatives:
        yield person, "Autre"


def _code(start: int, end: int, kind: str, score: float) -> Finding:
    return Finding(start, end, Categorie.CODE, score, RULE, {"RoleNUM": "Patient", "CodeType": kind})


_LONG_NUMBER = re.compile(r"(?<![0-9])[0-9](?:[ .\-/]?[0-9]){6,24}(?![0-9])")
SHORT = 4
"""Digits that make a number; leading zeros may be left out of what is longer."""
LONG = 7
"""Digits from which one wrong digit, or two swapped, does not make it another number."""


def _mistyped(flat: str, codes: list[tuple[str, str]]) -> Iterator[Finding]:
    digits_of = [(re.sub(r"\D", "", value).lstrip("0"), kind) for value, kind in codes]
    long = [(digits, kind) for digits, kind in digits_of if len(digits) >= LONG]
    if not long:
        return
    for match in _LONG_NUMBER.finditer(flat):
        found = re.sub(r"\D", "", match[0]).lstrip("0")
        for digits, kind in long:
            if abs(len(found) - len(digits)) <= 1 and OSA.distance(found, digits, score_cutoff=1) <= 1:
                yield _code(match.start(), match.end(), kind, FUZZY)
                break


def _exact(flat: str, known: KnownPatient) -> Iterator[Finding]:
    for person, _ in _phone_owners(known):
        for email in person.emails:
            pieces = [re.escape(piece) for piece in re.split(r"([.@_-])", flattened(email)) if piece]
            for match in re.finditer(r"(?<![a-z0-9])" + r"\s?".join(pieces) + r"(?![a-z0-9])", flat):
                yield Finding(*match.span(), Categorie.EMAIL, SURE, RULE)


# --- birth date ------------------------------------------------------------------------------


def _birth_dates(flat: str, date: datetime.date | None) -> Iterator[Finding]:
    if date is None:
        return
    whole, partial = _birth_patterns(date)
    for match in whole.finditer(flat):
        end = match.start() + len(match.group().rstrip())
        yield Finding(match.start(), end, Categorie.DATE_NAISSANCE, SURE, RULE)
    for match in partial.finditer(flat):
        yield Finding(*match.span(1), Categorie.DATE_NAISSANCE, SURE, RULE)


def _digits_like(value: int, width: int = 2) -> str:
    """``3`` or ``03``, as scanned too."""
    text = "".join(_OCR.get(c, c) for c in str(value))
    return f"{_OCR['0']}?{text}" if width == 2 and value < 10 else text


def _in_letters(number: int) -> str:
    spelled = strip_accents(in_words(number)).replace("-", " ")
    pattern = re.escape(spelled).replace(r"\ ", r"[\s-]+(?:et[\s-]+)?").replace("cent", "cents?")
    return pattern.replace(r"(?:et[\s-]+)?et[\s-]+", r"(?:et[\s-]+)?")


def _birth_patterns(date: datetime.date) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Of the whole date, and, where the text speaks of birth, of a part of it."""
    gap = _BETWEEN_DATES
    apart = r"[\s./\\_;:|-]{1,3}"
    day, month = _digits_like(date.day), _digits_like(date.month)
    long = "".join(_spaced_digit(c) for c in str(date.year))
    year = rf"(?:{long}|'?{_digits_like(date.year % 100) if date.year % 100 > 9 else f'0{date.year % 100}'})"
    full_year = "".join(_OCR.get(c, c) for c in str(date.year))
    names = "|".join(_MONTHS[date.month - 1].split())
    first = "|1er|premier" if date.day == 1 else ""
    said_day = rf"(?:{day}|{_in_letters(date.day)}{first})"
    said_month = rf"(?:{names})\b\.?"
    said_year = rf"(?:{year}|{_in_letters(date.year)})"
    tail = r"(?:[\s.,/-]{0,3}(?:de[\s]l'annee[\s]|en[\s])?)"
    spaced_day, spaced_month = (
        r"\s?".join(_OCR.get(c, c) for c in f"{value:02}") for value in (date.day, date.month)
    )
    alternatives = [  # the year first: 1911-11-19 also begins as the 19th of the 11th of 11
        rf"(?<![0-9]){full_year}{gap}{spaced_month}{gap}{spaced_day}(?![0-9])",
        rf"(?<![0-9]){full_year}{apart}{month}{apart}{day}(?![0-9])",
        rf"(?<![0-9]){spaced_day}{gap}{spaced_month}{gap}{year}(?![0-9])",
        rf"(?<![0-9]){day}{apart}{month}{apart}{year}(?![0-9])",
        rf"(?<![0-9]){month}[/.-]{day}[/.-]{full_year}(?![0-9])",
        rf"(?<![0-9a-z]){said_day}[\s.-]{{0,3}}{said_month}{tail}{said_year}(?![0-9])",
    ]
    partial = (
        r"\bn(?:e|ee|aissance|aiss)\b[\s:.(e)]{0,4}(?:le|en|vers|au[\s]mois[\s]de|courant)?[\s]{0,2}"
        rf"({said_day}[\s/.-]{{0,3}}(?:{month}|{said_month})|{said_month}{tail}{said_year}|{month}{gap}{full_year}|{full_year})"
        r"(?![0-9])"
    )
    return re.compile("|".join(alternatives)), re.compile(partial)


def _spaced_digit(character: str) -> str:
    return _OCR.get(character, character) + r"\s?"


# --- addresses and towns ---------------------------------------------------------------------


def _streets(
    flat: str, words: list[tuple[int, int]], addresses: Iterable[str], role: str
) -> Iterator[Finding]:
    for address in addresses:
        parts = _WORD.findall(flattened(address))
        at = next((index for index, part in enumerate(parts) if part in _STREET_OF), None)
        name = parts[at + 1 :] if at is not None else parts
        if not any(len(part) > 3 for part in name):
            continue
        name = name[:8]
        kind = _STREET_OF[parts[at]] if at is not None else None
        heads = frozenset(_STREETS[kind].split()) if kind else None
        for index, (start, end) in enumerate(words):
            if heads is not None and flat[start:end] not in heads:
                continue
            first = index + 1 if heads is not None else index
            last = _follows(flat, words, first, name)
            if last is None:
                continue
            before = re.search(
                r"(?:\b[0-9]{1,5}\s?(?:bis|ter|quater|[a-d])?[\s,]{1,3})$", flat[max(0, start - 16) : start]
            )
            begin = start - (len(before[0]) if before else 0)
            yield Finding(begin, words[last][1], Categorie.ADRESSE, SURE, RULE, {"RoleLOC": role})


def _follows(flat: str, words: list[tuple[int, int]], first: int, name: list[str]) -> int | None:
    """Index of the last word where ``name`` is written from word ``first`` on, typing errors included."""
    if first + len(name) > len(words):
        return None
    for offset, part in enumerate(name):
        start, end = words[first + offset]
        written = flat[start:end]
        if offset and start - words[first + offset - 1][1] > 4:
            return None
        if (
            written != part
            and not is_misspelt(written, part)
            and {written, part} not in ({"st", "saint"}, {"ste", "sainte"})
        ):
            return None
    return first + len(name) - 1


def _towns(
    text: str, flat: str, words: list[tuple[int, int]], person: KnownPerson, role: str
) -> Iterator[Finding]:
    for code in person.postal_codes:
        for match in re.finditer(rf"(?<![0-9]){_spaced(code)}(?![0-9])", flat):
            yield Finding(*match.span(), Categorie.CODE_POSTAL, SURE, RULE, {"RoleLOC": role})
    starts = _index(flat, words)
    for town in (*person.towns, *getattr(person, "birth_place", ())):
        parts = _WORD.findall(flattened(town))
        if not parts:
            continue
        firsts = {parts[0], *({"st"} if parts[0] == "saint" else {"ste"} if parts[0] == "sainte" else ())}
        candidates = {word for word in starts if word in firsts or is_misspelt(word, parts[0])}
        for word in candidates:
            for index in starts[word]:
                last = _follows(flat, words, index, parts)
                if last is None:
                    continue
                written = text[words[index][0] : words[last][1]]
                if written.islower() and is_word(written) and len(parts) == 1:
                    continue
                if (
                    fold(written) != fold(town)
                    and len(parts) == 1
                    and (is_word(written) or is_medical(written))
                ):
                    continue
                yield Finding(words[index][0], words[last][1], Categorie.VILLE, SURE, RULE, {"RoleLOC": role})


def _index(flat: str, words: list[tuple[int, int]]) -> dict[str, list[int]]:
    """Where each distinct word stands."""
    index: dict[str, list[int]] = {}
    for number, (start, end) in enumerate(words):
        index.setdefault(flat[start:end], []).append(number)
    return index


# --- names -----------------------------------------------------------------------------------


def _names(
    text: str, flat: str, words: list[tuple[int, int]], people: list[tuple[KnownPerson, str]]
) -> list[Finding]:
    """Whole names, even split or glued, then parts, then initials beside them."""
    names: list[tuple[list[str], str, str]] = []  # the parts, the label, the role
    for person, role in people:
        kinds: tuple[tuple[str, tuple[str, ...]], ...] = (
            (Categorie.NOM, (*person.names, *getattr(person, "birth_names", ()))),
            (Categorie.PRENOM, person.first_names),
        )
        for label, values in kinds:
            names += [(_WORD.findall(flattened(value)), label, role) for value in values]
    names = [(name, label, role) for name, label, role in names if name]
    if not names:
        return []
    parts: dict[str, tuple[str, str]] = {}
    spelled = {
        flattened(part): part
        for person, _ in people
        for value in (*person.names, *getattr(person, "birth_names", ()), *person.first_names)
        for part in _WORD.findall(value)
    }
    for name, label, role in names:
        only = all(part in _PARTICLES for part in name)
        for part in name:
            if len(part) > 1 and (part not in _PARTICLES or only):
                parts.setdefault(part, (label, role))
    found = [*_joined(text, flat, words, names, frozenset(parts)), *_parts(text, flat, words, parts, spelled)]
    merged = _together(text, found)
    return [*merged, *_initials(text, flat, words, names, merged)]


def _parts(
    text: str,
    flat: str,
    words: list[tuple[int, int]],
    parts: dict[str, tuple[str, str]],
    spelled: dict[str, str],
) -> Iterator[Finding]:
    """Args: spelled: each folded part as it was given, to tell « Marie » from « marié »."""
    index = _index(flat, words)
    meant: dict[str, str] = {}
    for word in index:
        if word in parts:
            meant[word] = word
        elif len(word) >= 4:
            close = [part for part in parts if is_misspelt(word, part)]
            if close and not is_word(word) and not is_medical(word) and not first_name(word):
                meant[word] = min(close, key=lambda part: (OSA.distance(word, part), part))
    hits = sorted((number, word) for word in meant for number in index[word])
    names_at = {number for number, _ in hits}
    for number, word in hits:
        start, end = words[number]
        written, part = text[start:end], meant[word]
        label, role = parts[part]
        exact = word == part
        beside = bool({number - 1, number + 1} & names_at) and _beside(text, words, number, names_at)
        title = flat[slice(*words[number - 1])] if number else ""
        titled = title in (CIVILITIES if written.islower() else TITLES)
        if is_word(word) and not (beside or titled):
            known = spelled.get(part, part)
            accented = exact and strip_accents(written) != written and written.casefold() != known.casefold()
            if written.islower() or (accented and not known.isupper()):
                continue
            if not written.isupper() and _opens_a_sentence(text, start) and not first_name(word):
                continue
            if written.isupper() and _all_capitals(text, start, end):
                continue
        yield Finding(start, end, label, SURE if exact else FUZZY, RULE, {"RolePER": role})


def _beside(text: str, words: list[tuple[int, int]], number: int, names_at: set[int]) -> bool:
    for near in (number - 1, number + 1):
        if near in names_at:
            left, right = sorted((number, near))
            if _INSIDE_NAME.fullmatch(text, words[left][1], words[right][0]):
                return True
    return False


def _opens_a_sentence(text: str, start: int) -> bool:
    before = text[max(0, start - 4) : start].rstrip(" ")
    return not before or before[-1] in ".\n:-•!?*"


def _all_capitals(text: str, start: int, end: int) -> bool:
    """Whether the words on both sides are in capitals too, so that capitals say nothing."""
    around = text[max(0, start - 25) : start] + text[end : end + 25]
    letters = [c for c in around if c.isalpha()]
    return len(letters) > 8 and sum(c.isupper() for c in letters) > 0.9 * len(letters)


def _joined(
    text: str,
    flat: str,
    words: list[tuple[int, int]],
    names: list[tuple[list[str], str, str]],
    parts: frozenset[str],
) -> Iterator[Finding]:
    """Names whose letters follow one another whatever stands between: split, glued, of several parts."""
    import ahocorasick

    automaton = ahocorasick.Automaton()
    for name, label, role in names:
        for whole in ("".join(name), *(part for part in name if len(part) >= 5)):
            if len(whole) >= 4 and whole not in automaton:
                automaton.add_word(whole, (len(whole), label, role))
    if not len(automaton):
        return
    automaton.make_automaton()
    firsts: list[int] = []  # place of each word's first letter in the letters alone
    total = 0
    for start, end in words:
        firsts.append(total)
        total += end - start
    firsts.append(total)
    letters = "".join(flat[start:end] for start, end in words)
    for last, (length, label, role) in automaton.iter(letters):
        begin, stop = last - length + 1, last + 1
        left = bisect_left(firsts, begin + 1) - 1
        right = bisect_left(firsts, stop) - 1
        start = words[left][0] + begin - firsts[left]
        end = words[right][0] + stop - firsts[right]
        if any(words[i + 1][0] - words[i][1] > 4 for i in range(left, right)):
            continue
        if any(not _INSIDE_NAME.fullmatch(text, words[i][1], words[i + 1][0]) for i in range(left, right)):
            continue
        pieces = [flat[slice(*words[i])] for i in range(left, right + 1)]
        if not (
            _edge(text, flat, words[left][0], start, parts) and _edge(text, flat, end, words[right][1], parts)
        ):
            continue
        written = text[start:end]
        if len(pieces) == 1 and (is_word(pieces[0]) or is_medical(pieces[0])):
            continue  # « saline » for Aline; a name that is a word is judged with the parts
        if len(pieces) > 1 and all(is_word(piece) for piece in pieces) and not written[0].isupper():
            continue
        if len(pieces) > 1 and all(is_word(piece) for piece in pieces) and written[1:].islower():
            continue  # « Le grand » at the head of a sentence, for LEGRAND
        if len(pieces) == 1 and begin == firsts[left] and stop == firsts[right + 1]:
            continue  # a word of its own: judged with the parts
        yield Finding(start, end, label, SURE, RULE, {"RolePER": role})


def _edge(text: str, flat: str, start: int, end: int, parts: frozenset[str]) -> bool:
    """Whether the letters of a word beyond a name may be glued to it: nothing, a title, a name, another
    case; an initial, in an address or the name of a file."""
    rest = flat[start:end]
    if not rest or rest in TITLES or rest in parts:
        return True
    if len(rest) == 1:
        left = start
        while left and flat[left - 1].isalpha() and start - left < MAX_LENGTH:
            left -= 1
        right = end
        while right < len(flat) and flat[right].isalpha() and right - end < MAX_LENGTH:
            right += 1
        return any(
            c in "@_./\\" or c.isdigit()
            for c in text[max(0, left - 1) : left] + text[right : right + 1].strip(".")
        )
    return text[start:end].islower() != text[end : end + len(rest)].islower() and (
        text[end : end + 2].isupper() or text[max(0, start - 2) : start].isupper()
    )


def _together(text: str, found: Iterable[Finding]) -> list[Finding]:
    """Parts of one name that a hyphen, a space or a line end parts are one span."""
    merged: list[Finding] = []
    for finding in _without_overlap(found):
        last = merged[-1] if merged else None
        if (
            last
            and last.label == finding.label
            and last.attributes == finding.attributes
            and re.fullmatch(r" ?[-'’]\s?", text[last.end : finding.start])
        ):
            merged[-1] = replace(last, end=finding.end, score=min(last.score, finding.score))
        else:
            merged.append(finding)
    return merged


def _title_before(text: str, flat: str, before: tuple[int, int] | None, start: int) -> str:
    """The word before an initial where nothing but a space, or the dot of « M. », parts them."""
    if not before:
        return ""
    title, between = flat[slice(*before)], text[before[1] : start]
    dot_allowed = len(title) <= 3
    return title if between == " " or (dot_allowed and between in (".", ". ")) else ""


def _acronym(text: str, start: int, end: int) -> bool:
    """Whether two dotted letters are part of more of them: P.A.A.F."""
    return bool(re.search(r"(?:^|\W)[A-Z]\.\s?$", text[max(0, start - 4) : start])) or bool(
        re.match(r"\s?[A-Z]\.", text[end : end + 3])
    )


def _initials(
    text: str,
    flat: str,
    words: list[tuple[int, int]],
    names: list[tuple[list[str], str, str]],
    found: list[Finding],
) -> Iterator[Finding]:
    """``E. DURAND``, ``Élise D.``, ``Mme D.``, ``E.D.``: letters that a known name begins with."""
    by_role: dict[str, dict[str, set[str]]] = {}
    for name, label, role in names:
        for part in name:
            if part not in _PARTICLES:
                by_role.setdefault(role, {}).setdefault(part[0], set()).add(label)
    starts = {finding.start: finding for finding in found}
    ends = {finding.end: finding for finding in found}
    single = [
        number
        for number, (start, end) in enumerate(words)
        if end - start == 1 and text[start].isupper() and not (start and text[start - 1].isdigit())
    ]
    singles = set(single)
    for number in single:
        start, end = words[number]
        letter = flat[start]
        after = words[number + 1] if number + 1 < len(words) else None
        before = words[number - 1] if number else None
        near = []
        if after and _INSIDE_NAME.fullmatch(text, end, after[0]) and after[0] in starts:
            near.append(starts[after[0]])
        if before and _INSIDE_NAME.fullmatch(text, before[1], start) and before[1] in ends:
            near.append(ends[before[1]])
        for role, letters in by_role.items():
            labels = letters.get(letter)
            if not labels:
                continue
            for neighbour in near:
                other = Categorie.PRENOM if neighbour.label == Categorie.NOM else Categorie.NOM
                if other in labels and neighbour.attributes.get("RolePER") == role:
                    dot = text[end : end + 1] == "."
                    yield Finding(start, end + dot, other, INITIAL, RULE, {"RolePER": role})
            dotted = text[end : end + 1] == "."
            if text[end : end + 1] in "'’":
                continue
            title = _title_before(text, flat, before, start)
            if title in TITLES and (dotted or (len(title) > 1 and title in CIVILITIES)):
                label = Categorie.NOM if Categorie.NOM in labels else Categorie.PRENOM
                yield Finding(start, end + dotted, label, INITIAL, RULE, {"RolePER": role})
            if (
                dotted
                and number + 1 in singles
                and after
                and after[0] - end <= 2
                and text[after[1] : after[1] + 1] == "."
                and not _acronym(text, start, after[1] + 1)
            ):
                second = letters.get(flat[after[0]], set())
                for one, two in ((Categorie.PRENOM, Categorie.NOM), (Categorie.NOM, Categorie.PRENOM)):
                    if one in labels and two in second:
                        yield Finding(start, end + 1, one, INITIAL, RULE, {"RolePER": role})
                        yield Finding(after[0], after[1] + 1, two, INITIAL, RULE, {"RolePER": role})
                        break
