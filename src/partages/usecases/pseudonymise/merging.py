"""What the model adds to the rules: what rules find stays, the model widens it and fills what is left."""

import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import replace

from partages.usecases.pseudonymise.finding import Finding
from partages.usecases.pseudonymise.identifiers import _owner, line_before, luhn, nir_key
from partages.usecases.pseudonymise.model import Decided
from partages.usecases.pseudonymise.persons import OTHER, STAFF, _nearby_role
from partages.usecases.pseudonymise.schema import Categorie

SURE = 0.97
"""Score from which a rule's finding stays whatever the model thinks."""
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


_JOINED = frozenset({*_NAMES, Categorie.VILLE, Categorie.ETABLISSEMENT, Categorie.ADRESSE})
_LINK = re.compile(r" ?['-]{0,2} ?|\.[ -]?")


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
            and _LINK.fullmatch(text, last.end, finding.start)
            and (text[last.end] != "." or last.end - last.start == 1 == finding.end - finding.start)
        ):
            kept[-1] = replace(last, end=finding.end, score=max(last.score, finding.score))
        else:
            kept.append(finding)
    return kept


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
        role = STAFF if _STAFF_BEFORE.search(before) else _nearby_role(text, start, end)
        return {"RolePER": role}
    if label == Categorie.CODE:
        return _code(text, start, end)
    if label in (Categorie.TELEPHONE, Categorie.EMAIL, Categorie.URL):
        return {"RoleNUM": _owner(text, start)}
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
