"""What the model adds to the rules: what rules find stays, the model widens it and fills what is left."""

import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import pairwise

from partages.text import fold
from partages.usecases.pseudonymise.finding import Finding
from partages.usecases.pseudonymise.gazetteers import is_acronym, is_first_name, is_medical, is_word, listed
from partages.usecases.pseudonymise.identifiers import (
    line_before,
    luhn,
    nir_key,
    numbers_a_product,
    owner,
)
from partages.usecases.pseudonymise.model import Decided
from partages.usecases.pseudonymise.persons import OTHER, STAFF, nearby_role
from partages.usecases.pseudonymise.schema import Categorie
from partages.usecases.pseudonymise.wording import matches, openings

SURE = 0.97
"""Score from which a rule's finding stays whatever the model thinks."""
PLAIN_WORD = 0.3
"""Probability under which the model's name is none when it is a common word without capital (``épanchement rose``)."""
UNLIKELY = 0.03
"""Probability of being identifying, best token of a rule's finding, under which the model discards it."""
_NAMES = (Categorie.NOM, Categorie.PRENOM)
_STAFF_BEFORE = re.compile(
    r"(?i)\b(?:dr[es]?|docteure?s?|pr|prof\w*|interne|ide|chirurgien\w*|m[ée]decin)\b[^,;.]{0,25}\.?\s*$"
)
_CODE_TYPES = (
    ("NDA", re.compile(r"(?i)\b(?:nda|s[ée]jour|sej|venue|admission|iep|hospit\w*)\W")),
    ("NIPouIPP", re.compile(r"(?i)\b(?:i\.?p\.?p|nip|patient|dossier)\W")),
    ("INS", re.compile(r"\bINS\b")),
    ("FINESS", re.compile(r"(?i)\bfiness\b")),
    ("RPPS", re.compile(r"(?i)\b(?:rpps|adeli)\b")),
)


def unlikely(finding: Finding, decided: Decided) -> bool:
    """Whether the model is sure that a finding of the rules is nothing, and the rule is not of those that cannot err."""
    return finding.score < SURE and decided.likely(finding.start, finding.end) < UNLIKELY


def merge(text: str, settled: list[Finding], proposed: Iterable[Finding]) -> list[Finding]:
    """The findings of the rules (ordered, disjoint) with those of the model.

    A model's span around findings of its own family replaces them by one that covers all; of one that
    crosses others, only the pieces that nobody covers are added.
    """
    starts = [finding.start for finding in settled]
    removed: set[int] = set()
    added: list[Finding] = []
    for finding in proposed:
        first = max(0, bisect_left(starts, finding.start) - 1)
        touched = []
        for at in range(first, len(settled)):
            if settled[at].start >= finding.end:
                break
            if settled[at].end > finding.start:
                touched.append(at)
        if not touched:
            added.append(replace(finding, attributes=attributes(text, finding)))
            continue
        inside = [settled[at] for at in touched]
        if any(other.label in _EXACT for other in inside):
            continue  # an address of the web ends where its rule says
        if finding.label == Categorie.CODE and any(
            _LABEL_BETWEEN.search(text, left.end, right.start) for left, right in pairwise(inside)
        ):
            continue  # several numbers with their labels, not one
        if not removed & set(touched) and all(
            other.start >= finding.start
            and other.end <= finding.end
            and _family(other.label) == _family(finding.label)
            for other in inside
        ):
            removed.update(touched)
            best = max(inside, key=lambda other: other.score)
            label = inside[0].label if len(inside) == 1 else finding.label
            added.append(replace(best, start=finding.start, end=finding.end, label=label))
            continue
        at = finding.start
        for other in [*inside, None]:
            end = other.start if other else finding.end
            piece = text[at:end]
            if any(c.isalnum() for c in piece) and end > at:
                left = len(piece) - len(piece.lstrip(" ,;:/-.^|'_()\n"))
                right = len(piece) - len(piece.rstrip(" ,;:/-.^|'_()\n"))
                cut = replace(finding, start=at + left, end=end - right)
                added.append(replace(cut, attributes=attributes(text, cut)))
            at = max(at, other.end) if other else at
    kept = [finding for at, finding in enumerate(settled) if at not in removed]
    return join(text, _disjoint(sorted([*kept, *added], key=lambda f: (f.start, -f.end))))


_LABEL_BETWEEN = re.compile(r"[^\W\d_]{3}")
_EXACT = frozenset({Categorie.EMAIL, Categorie.URL})
_PROPER = frozenset({*_NAMES, Categorie.VILLE, Categorie.ETABLISSEMENT})


def credible(text: str, proposed: Iterable[Finding]) -> list[Finding]:
    """What the model proposes, without the names and places made of the language of reports alone (``BILAN BIO``), nor short phones that nothing announces, nor numbers of batches
    and forms, nor doubtful common words."""
    return [
        finding
        for finding in proposed
        if not (
            finding.label == Categorie.CODE
            and numbers_a_product(text, finding.start, _first_digit(text, finding))
        )
        and (finding.label != Categorie.TELEPHONE or _is_called(text, finding))
        and not (finding.label in _NAMES and _is_doubtful_name(text, finding))
        and (
            finding.label not in _PROPER
            or finding.score >= SURE
            or not (words := re.findall(r"[^\W\d_]+", text[finding.start : finding.end]))
            or not all(fold(word) in listed("termes") or is_acronym(word) for word in words)
        )
    ]


_CITATION = re.compile(r"(?<!\w)[Aa]rt(?:icles?)?\.? ?[LRD]\.? ?\d{1,5}(?:-\d{1,4}){0,4}")
_CITATION_OPENINGS = openings("art")


def without_citations(text: str, findings: list[Finding]) -> list[Finding]:
    """The findings that are not in the number of an article of law (``art. L. 3212-1``)."""
    cited = [match.span() for match in matches(_CITATION, text, _CITATION_OPENINGS)]
    if not cited:
        return findings
    return [f for f in findings if not any(start <= f.start and f.end <= end for start, end in cited)]


def _is_doubtful_name(text: str, finding: Finding) -> bool:
    """Whether a name of the model is a common word without capital that it is not sure of, or the letter of a number (``12.5-B``)."""
    value = text[finding.start : finding.end]
    if len(value) == 1:
        return text[max(0, finding.start - 2) : finding.start].rstrip("-./")[-1:].isdigit()
    return finding.score < PLAIN_WORD and value.islower() and is_word(value)


def _first_digit(text: str, finding: Finding) -> int:
    """Where the number of a code begins, or its end when it has none."""
    return next((at for at in range(finding.start, finding.end) if text[at].isdigit()), finding.end)


_CALL = re.compile(
    r"(?i)(?<![^\W_])(?:t[ée]l\w*|fax|poste|port|mobile|bip|dect|gsm|num|standard|secr|appel|joindre|joignable|rappel|contact|astreinte|ligne|garde|interne|au|ext|n°|t)\b|[(+☎📞@]"
)


def _is_called(text: str, finding: Finding) -> bool:
    """Whether a short number that the model takes for a phone has a word of calling before it on its line: a laboratory's table has none."""
    digits = sum(map(str.isdigit, text[finding.start : finding.end]))
    return digits > 7 or (digits > 1 and _CALL.search(line_before(text, finding.start)[-40:]) is not None)


_JOINED = frozenset({*_NAMES, Categorie.VILLE, Categorie.ETABLISSEMENT, Categorie.ADRESSE})
_LINK = re.compile(r" ?['-]{0,2} ?|\.[ -]?")
_OPEN_NAME = re.compile(r"(?i)-(?:le|la|de|du|des|van|von|el|al|ben|da|dos)$")
_LINK_OF_ADDRESS = re.compile(r"[ ,-]{1,3}")


def join(text: str, findings: list[Finding]) -> list[Finding]:
    """Neighbours of one category parted by a space, a hyphen or an apostrophe are one (``Van`` ``Hoa``)."""
    kept: list[Finding] = []
    for finding in findings:
        last = kept[-1] if kept else None
        if (
            last
            and last.label == finding.label
            and finding.label in _JOINED
            and finding.start - last.end < 4
            and (_LINK_OF_ADDRESS if last.label == Categorie.ADRESSE else _LINK).fullmatch(
                text, last.end, finding.start
            )
            and (text[last.end] != "." or last.end - last.start == 1 == finding.end - finding.start)
        ):
            kept[-1] = replace(last, end=finding.end, score=max(last.score, finding.score))
        elif (
            last
            and last.label in _NAMES
            and finding.label in _NAMES
            and text[last.end : finding.start] == " "
            and _OPEN_NAME.search(text, last.start, last.end)
        ):
            kept[-1] = replace(last, end=finding.end, label=Categorie.NOM)
        else:
            kept.append(finding)
    return kept


_WEEKDAY_BEFORE = re.compile(
    r"(?i)(?<![^\W_])(?:lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche|(?:lun|mar|mer|jeu|ven|sam|dim)\.?)[ ,]{1,2}(?:le )?$"
)
_ARTICLE_BEFORE = re.compile(r"(?i)(?<=[\w.\"«:] )(?:du|des|de la|de l'(?=$)) ?$|(?<=[\w.] )de l'$")
_WORD_BEFORE = re.compile(r"(?<![\w'.@-])([^\W\d_]{3,20}(?:-[^\W\d_]{3,20})?) $")
_WORD_AFTER = re.compile(r" ([^\W\d_]{3,20}(?:-[^\W\d_]{3,20})?)(?![\w'@-])")
_FARTHEST = 24  # characters of a weekday with its article


def widen(text: str, findings: list[Finding]) -> list[Finding]:
    """What belongs to a span although it identifies nobody alone, whichever part found the span.

    The day of the week of a date, the article in a hospital's name (``du Parc``), a usual first name without capital
    beside a surname, the building between two pieces of one address, the rest of a number that some part cut at its marks.
    """
    wider: list[Finding] = []
    for at, finding in enumerate(findings):
        floor = wider[-1].end if wider else 0
        before = text[max(floor, finding.start - _FARTHEST) : finding.start]
        ceiling = findings[at + 1].start if at + 1 < len(findings) else len(text)
        if finding.label.startswith("Date"):
            if told := _WEEKDAY_BEFORE.search(before):
                finding = replace(finding, start=finding.start - len(told.group()))
            elif wider and wider[-1].label == finding.label and _first_day(text, wider[-1], finding):
                finding = replace(finding, start=wider.pop().start)
        elif finding.label == Categorie.ETABLISSEMENT:
            if told := _ARTICLE_BEFORE.search(before):
                finding = replace(finding, start=finding.start - len(told.group()))
        elif (
            finding.label == Categorie.ADRESSE
            and wider
            and wider[-1].label in (finding.label, Categorie.ETABLISSEMENT)
        ) and _BUILDING_BETWEEN.fullmatch(text, wider[-1].end, finding.start):
            finding = replace(finding, start=wider.pop().start)
        if wider and finding.end <= wider[-1].end:
            continue  # in what a number was widened to
        if finding.label == Categorie.CODE:
            if rest := _REST_OF_CODE.match(text, finding.end):
                finding = replace(finding, end=rest.end())
            if (opening := _OPENING_OF_CODE.search(before)) and not _IS_LABEL.match(opening.group()):
                finding = replace(finding, start=finding.start - len(opening.group()))
        elif _is_short_number(text, finding) and (opening := _CAPITALS_GLUED.search(before)):
            start = finding.start - len(opening.group())  # ``TFH.26.1333`` is neither a date nor a phone
            finding = replace(finding, start=start, label=Categorie.CODE, attributes={})
        if finding.label in _NAMES and (login := _login(text, finding, before)):
            finding = login
        elif finding.label in _NAMES:
            finding = _whole_initials(text, finding, floor, ceiling)
        if finding.label == Categorie.NOM:
            if (told := _WORD_BEFORE.search(before)) and _given(told[1]):
                start = finding.start - len(told.group())
                wider.append(replace(finding, start=start, end=finding.start - 1, label=Categorie.PRENOM))
            elif (told := _WORD_AFTER.match(text, finding.end, ceiling)) and _given(told[1]):
                wider.append(finding)
                finding = replace(finding, start=told.start(1), end=told.end(1), label=Categorie.PRENOM)
        wider.append(finding)
    return wider


_REST_OF_CODE = re.compile(
    r"(?:(?<=\w)[-/._]?\d[\dA-Za-z]{0,19}|(?<=\w)-[A-Z]{1,3}(?!\w)|(?<=\d)[A-Z]{1,3}(?!\w)){1,6}(?![\w])"
)
"""No letters after a slash (``123456/UF 4312``), no long word after a number glued to it."""

_OPENING_OF_CODE = re.compile(r"(?<![\w.,/-])(?:[A-Za-z]{1,4}[._-]?|\d{1,2}[.-])$")
_IS_LABEL = re.compile(
    r"(?i)(?:ipp|nip|nda|iep|s[ée]j|nir|ins|nss|ss|id|num|no?|n°|r[ée]f|t[ée]l|rpps|am|lot|sn|doss?|bip|hdj|uf|bp|cs)[._-]?$"
)

_CAPITALS_GLUED = re.compile(r"(?<![\w.,/-])[A-Z]{1,4}[.-]$")


def _is_short_number(text: str, finding: Finding) -> bool:
    return (
        finding.label in (Categorie.DATE_IDENTIFIANTE, Categorie.TELEPHONE)
        and sum(map(str.isdigit, text[finding.start : finding.end])) < 9
        and text[finding.start].isdigit()
    )


_DAY_ALONE = re.compile(r"(?:1er|\d{1,2})")
_TO = re.compile(r" (?:au|à) | ?[-–] ?")


def _first_day(text: str, day: Finding, date: Finding) -> bool:
    """Whether a date opens with a day that only makes sense with it (``2 au 9 novembre``)."""
    return (
        _TO.fullmatch(text, day.end, date.start) is not None
        and _DAY_ALONE.fullmatch(text, day.start, day.end) is not None
    )


_LETTERS_BEFORE = re.compile(r"(?<!\w)[A-Za-z]{1,3}$")
_DIGITS_AFTER = re.compile(r"\d{1,6}(?!\w)")


def _login(text: str, finding: Finding, before: str) -> Finding | None:
    """The whole of a login or a code made from a name (``pmartin69``, ``DUPOJE01``), if the name is part of one."""
    after = _DIGITS_AFTER.match(text, finding.end)
    if after is None:
        return None
    letters = _LETTERS_BEFORE.search(before)
    start = finding.start - len(letters.group()) if letters else finding.start
    return replace(finding, start=start, end=after.end(), label=Categorie.CODE, attributes={})


_INITIALS_BEFORE = re.compile(r"(?<![\w.'-])(?:[A-ZÀ-Þ]\.[ -]?){1,2}$")
_INITIALS_AFTER = re.compile(r"(?:\.[ -]?[A-ZÀ-Þ](?=\.)){0,2}\.")


def _whole_initials(text: str, finding: Finding, floor: int, ceiling: int) -> Finding:
    """An initial with its full stop, and those around it (``A.-C.``, ``B.K.``)."""
    start, end = finding.start, finding.end
    if not (text[end - 1].isupper() and (end - start == 1 or not text[end - 2].isalnum())):
        return finding
    if after := _INITIALS_AFTER.match(text, end, ceiling):
        end = after.end()
    told = _INITIALS_BEFORE.search(text[max(floor, start - 6) : start]) if finding.end - start == 1 else None
    if told and not told.group().startswith("M. "):
        start -= len(told.group())
    return replace(finding, start=start, end=end)


_BUILDING_BETWEEN = re.compile(
    r"(?i)(?:[ ,-]{1,3}(?:b[âa]t(?:iment)?|appt?|appartement|apt|esc(?:alier)?|porte|[ée]tage|entr[ée]e|immeuble|imm|n°)?\.? ?[\w°]{1,12}){1,4}[ ,-]{0,3}"
)


def _given(word: str) -> bool:
    """Whether a word is a usual first name and nothing else."""
    return is_first_name(word) and not is_word(word) and not is_medical(word)


def _disjoint(findings: list[Finding]) -> list[Finding]:
    kept: list[Finding] = []
    for finding in findings:
        if kept and finding.start < kept[-1].end:
            if finding.end <= kept[-1].end:
                continue
            finding = replace(finding, start=kept[-1].end)
        kept.append(finding)
    return kept


def _family(label: str) -> str:
    return "name" if label in _NAMES else "date" if label.startswith("Date") else str(label)


def attributes(text: str, finding: Finding) -> Mapping[str, str]:
    """Roles and types of a span that the model found, from what stands around it."""
    label, start, end = finding.label, finding.start, finding.end
    if label in _NAMES:
        before = line_before(text, start)[-40:]
        role = STAFF if _STAFF_BEFORE.search(before) else nearby_role(text, start, end)
        return {"RolePER": role}
    if label == Categorie.CODE:
        return _code(text, start, end)
    if label in (Categorie.TELEPHONE, Categorie.EMAIL, Categorie.URL):
        return {"RoleNUM": owner(text, start)}
    if label == Categorie.ETABLISSEMENT:
        return {"RoleLOC": "Hopital"}
    if label in (Categorie.VILLE, Categorie.ADRESSE, Categorie.CODE_POSTAL, Categorie.PAYS):
        return {"RoleLOC": "Patient" if label != Categorie.PAYS else OTHER}
    return {}


def _code(text: str, start: int, end: int) -> Mapping[str, str]:
    digits = re.sub(r"\W", "", text[start:end])
    before = line_before(text, start)[-30:] + " "
    for kind, pattern in _CODE_TYPES:
        if pattern.search(before):
            role = {"FINESS": "Hopital", "RPPS": "PersonnelSante"}.get(kind, "Patient")
            return {"CodeType": kind, "RoleNUM": role}
    if len(digits) == 15 and digits.isdigit() and nir_key(digits[:13]) == int(digits[13:]):
        return {"CodeType": "NIR", "RoleNUM": "Patient"}
    if len(digits) == 11 and digits.isdigit() and luhn(digits):
        return {"CodeType": "RPPS", "RoleNUM": "PersonnelSante"}
    return {"CodeType": "AUTRE", "RoleNUM": "Patient"}
