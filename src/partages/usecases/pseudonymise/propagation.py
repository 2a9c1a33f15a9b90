"""A name found once is found everywhere in the document."""

import re
from collections.abc import Iterable, Iterator

from partages.usecases.pseudonymise.finding import Finding
from partages.usecases.pseudonymise.gazetteers import is_first_name, is_medical, is_word
from partages.usecases.pseudonymise.persons import after_prefix_of_eponym
from partages.usecases.pseudonymise.schema import Categorie
from partages.usecases.pseudonymise.wording import flattened, occurrences

SHORTEST = 3
"""Letters a name needs to be looked for elsewhere."""
SCORE = 0.55
"""Below any rule that reads the context: what is propagated only fills what was left."""
PROPAGATED = (
    Categorie.NOM,
    Categorie.PRENOM,
    Categorie.CODE,
    Categorie.TELEPHONE,
    Categorie.ETABLISSEMENT,
    Categorie.VILLE,
)


def _key(text: str) -> str:
    """Same length as ``text``: lower case, accents out, hyphens as spaces."""
    return flattened(text).replace("-", " ")


def propagate(text: str, findings: Iterable[Finding]) -> Iterator[Finding]:
    """Propose the other occurrences of what was found, in any case, with or without accents.

    A name that is also a common word (Petit, Rose) is taken again only where it is
    capitalised inside a sentence or in capitals.
    """
    known: dict[str, Finding] = {}
    for finding in findings:
        if finding.label not in PROPAGATED or finding.score < 0.6:
            continue
        value = text[finding.start : finding.end]
        if len(value) < SHORTEST or value.endswith(".") or not any(c.isalnum() for c in value):
            continue
        if finding.label == Categorie.VILLE and (is_word(value) or is_first_name(value)):
            continue
        if finding.label == Categorie.CODE and len(value) < 6:
            continue
        parts = [value]
        if finding.label in (Categorie.NOM, Categorie.PRENOM):
            parts += [
                part
                for part in re.split(r"[- ]", value)
                if len(part) > SHORTEST and "-" in value and not is_word(part)
            ]
        for part in parts:
            key = _key(part)
            if key not in known or known[key].score < finding.score:
                known[key] = finding
    for start, end, key in occurrences(_key(text), known):
        if (start and (text[start - 1].isalnum() or text[start - 1] == "_")) or (
            end < len(text) and (text[end].isalnum())
        ):
            continue
        if after_prefix_of_eponym(text, start):
            continue
        origin, value = known[key], text[start:end]
        if origin.label in (Categorie.NOM, Categorie.PRENOM) and not _is_name_here(
            text, start, end, value, text[origin.start : origin.end]
        ):
            continue
        yield Finding(start, end, origin.label, SCORE, "propagation", origin.attributes)


def without_months_of_names(text: str, findings: list[Finding]) -> list[Finding]:
    """Without the lone months that a name of the document explains (``Mme AVRIL``, then ``J. AVRIL``): they will be found as names."""
    names = {
        text[finding.start : finding.end].casefold()
        for finding in findings
        if finding.label in (Categorie.NOM, Categorie.PRENOM) and finding.score >= 0.6
    }
    return [
        finding
        for finding in findings
        if finding.label != Categorie.DATE_NON_IDENTIFIANTE
        or text[finding.start].islower()
        or text[finding.start : finding.end].casefold() not in names
    ]


def _is_name_here(text: str, start: int, end: int, value: str, found: str) -> bool:
    if value.islower():
        return not is_word(value) and not is_medical(value) and len(value) > SHORTEST
    if not is_word(value) and not is_medical(value):
        return True
    if is_first_name(value) and value[0].isupper() and is_first_name(found) and not value.isupper():
        return True
    if value.isupper() and found.isupper():
        return not text[max(0, start - 30) : start].isupper() or not text[end : end + 30].isupper()
    before = text[:start].rstrip(" ")[-1:] if start < 5 else text[start - 5 : start].rstrip(" ")[-1:]
    return value[0].isupper() and before not in (".", "\n", "", ":", "-", "•", "!", "?")
