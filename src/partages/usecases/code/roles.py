"""Which code leads, which follow, and how much each weighs.

Sources: guide méthodologique de production des informations relatives à l'activité médicale et à sa
facturation en MCO (ATIH), chapter on the coding of the DP and of the DAS. The DP is the health problem that
motivated the admission, known at the end of the stay; a code of type 1, 2, 3 or 4 may not be it; symptoms
(chapter XVIII) and chapter XXI give way to a diagnosis. Weights are this project's; they order, they do not
calibrate.
"""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from partages.context import Context
from partages.terminologies.cim10 import MCO, Nomenclature
from partages.usecases.code import rules
from partages.usecases.code.confidence import confidence, measures
from partages.usecases.code.rules import Mention, Stay
from partages.usecases.code.schema import Role

MIN_STANDING = 0.3
"""Under it a code is not proposed; chosen by reading proposals on FRASIMED cases."""
SYMPTOM = 0.6
"""Factor on a symptom, where a disease is there too."""
CIRCUMSTANCE = 0.7
"""Factor on chapter XXI."""
PAST = 0.7
"""Factor on a lasting disease that only the history mentions."""
REPEATED = 0.1
"""Gain each time the number of mentions doubles."""
MOST = "diagnostic le plus appuyé par le texte"
"""Why a code leads where no rule favours it."""
FULL = 1.3
"""Weight that a score of 1 stands for: a perfect match in the conclusion."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """A code with its role, how often such a proposal is right (0 to 1), and its mentions in order.

    ``measures``: what the score is computed from, columns ``confidence.NAMES``.
    """

    code: str
    role: Role
    score: float
    mentions: tuple[Mention, ...]
    reasons: tuple[str, ...] = ()
    measures: tuple[float, ...] = ()


def rank(
    kept: Iterable[tuple[Mention, Context]], nomenclature: Nomenclature, text: str, acts: tuple[str, ...] = ()
) -> list[Ranked]:
    """The DP first, if any code may be it, then the DAS, heaviest first. ``acts`` are CCAM codes."""
    places: dict[str, list[tuple[Mention, Context]]] = {}
    for mention, said in kept:
        places.setdefault(mention.code, []).append((mention, said))
    stay = _stay(places, text, acts)
    weight = {
        code: _weight(code, [mention for mention, _ in found], code in stay.codes, stay.disease)
        for code, found in places.items()
    }
    order = [code for code in places if weight[code] >= MIN_STANDING]
    order = _most_specific(sorted(order, key=lambda code: (-weight[code], places[code][0][0].start)))
    order = rules.one_a_category(rules.without_excluded(order))
    leads = {code: rules.lead_factor(code, stay) for code in order}
    principal = max(
        (code for code in order if code in stay.codes and _may_lead(nomenclature, code, stay)),
        key=lambda code: weight[code] * leads[code][0],
        default=None,
    )
    associated = [
        code
        for code in order
        if code != principal and rules.may_associate(code, places[code], principal, text, stay)
    ]
    out = []
    for code in [principal, *associated] if principal else associated:
        leading = code == principal
        led = weight[code] * (leads[code][0] if leading else 1)
        measured = measures(code, places[code], min(1.0, led / FULL), leading, stay)
        out.append(
            Ranked(
                code,
                "DP" if leading else "DAS",
                round(confidence(measured), 3),
                tuple(mention for mention, _ in places[code]),
                (tuple(leads[code][1]) or (MOST,)) if leading else (),
                measured,
            )
        )
    out += _manifestations(out, nomenclature)
    out += _births(out, text)
    return sorted(out, key=lambda found: (found.role != "DP", -found.score))


_ASTERISK = re.compile(r"\(([A-Z]\d\d(?:\.\d)?)\*\)")


def _manifestations(found: Sequence[Ranked], nomenclature: Nomenclature) -> list[Ranked]:
    """The asterisk code of each dagger code whose label names it: "Méningite tuberculeuse (G01*)" goes with G01.

    WHO, ICD-10 volume 2, 3.1.3: the dagger code (cause) is primary and the asterisk code (manifestation) is added.
    """
    proposed = {each.code for each in found}
    out = []
    for each in found:
        for match in _ASTERISK.finditer(nomenclature[each.code].label):
            name = match.group(1).replace(".", "")
            if name in nomenclature and nomenclature[name].type is not MCO.FORBIDDEN and name not in proposed:
                proposed.add(name)
                out.append(Ranked(name, "DAS", each.score, each.mentions))
    return out


_BORN = re.compile(r"\b(?:vivante?|Apgar|nouveau-née?|bébé)\b", re.IGNORECASE)
_NOT_ONE_ALIVE = re.compile(
    r"\b(?:mort-née?s?|MFIU|mort fœtale|décès (?:fœtal|néonatal)|jum(?:eaux|elles?)|gémell\w+|triplés)\b",
    re.IGNORECASE,
)


def _births(found: Sequence[Ranked], text: str) -> list[Ranked]:
    """Z37.0 beside a delivery whose report tells of one living child.

    Guide: the outcome of a delivery (Z37) is an associated diagnosis of every delivery stay. What the report
    says otherwise (twins, stillbirth) is left to the reader.
    """
    delivery = next((each for each in found if rules.is_delivery(each.code)), None)
    if delivery is None or any(each.code[:3] == "Z37" for each in found):
        return []
    if _NOT_ONE_ALIVE.search(text) or not _BORN.search(text):
        return []
    return [Ranked("Z370", "DAS", delivery.score, delivery.mentions)]


def _stay(places: dict[str, list[tuple[Mention, Context]]], text: str, acts: tuple[str, ...]) -> Stay:
    current = [
        mention
        for found in places.values()
        for mention, said in found
        if not said.history and mention.passage.section != "history"
    ]
    current.sort(key=lambda mention: mention.start)
    opening: list[Mention] = []
    for section in ("conclusion", "reason"):
        first = [
            m
            for m in current
            if m.passage.section == section
            and m.code[0] not in "RZ"
            and not rules.listed(m.code, "consequences.txt")
        ][:1]
        opening = opening or first
    return Stay(
        codes=frozenset(mention.code for mention in current),
        opening=frozenset(mention.code for mention in opening),
        reason=frozenset(m.code for m in current if m.passage.section == "reason" or _is_reason(text, m)),
        session=rules.is_session_stay(text),
        acts=acts,
        concluded=any(m.passage.section == "conclusion" and m.code[0] not in "RZ" for m in current),
        ambulatory=rules.is_ambulatory(text),
        purposes=frozenset(m.code for m in current if rules.is_purpose(m.code) and _is_object(text, m)),
    )


_DONE = re.compile(
    r"\b(?:ablation|pose|mise en place|retrait|changement|cr[ée]ation|ponction|contr[ôo]le|surveillance|d[ée]pistage|r[ée]alis\w+|b[ée]n[ée]fici\w+"
    r"|vient|venue?|se pr[ée]sente|admise?|hospitalis[ée]e?|programm[ée]e? pour|r[ée]vision|indication|motif|conclusion|au total|ce jour|s[ée]ance)\b",
    re.IGNORECASE,
)
_LATER = re.compile(
    r"\b(?:pr[ée]vue?s?|programm[ée]e?s?(?! pour)|envisag\w+|propos[ée]\w*|à pr[ée]voir|prochaine?s?|dans (?:\d+|un|une|deux|trois|quatre|cinq|six|quinze)"
    r" (?:jours?|semaines?|mois|ans)|a [ée]t[ée] (?:opéré|trait)|en (?:19|20)\d\d|poursuiv\w+|à \d+ (?:semaines|mois))\b",
    re.IGNORECASE,
)
TITLE = 160
"""Characters at the head of a report that say what it is about."""


def _is_object(text: str, mention: Mention) -> bool:
    """Whether a circumstance is what is done in this stay, not what was done before or will be."""
    left = max(text.rfind(mark, 0, mention.start) for mark in (". ", "\n"))
    stops = [at for mark in (". ", ".\n") if (at := text.find(mark, mention.end)) >= 0]
    sentence = text[left + 1 : min(stops, default=len(text))][:600]
    if _LATER.search(sentence):
        return False
    return (
        mention.passage.section in ("conclusion", "reason")
        or mention.start < TITLE
        or _DONE.search(sentence) is not None
        or _is_reason(text, mention)
    )


_ADMITTED = re.compile(
    r"\b(?:hospitalis|admis|amen|adress|transf[ée]r|venu|entr[ée]|consult|op[ée]r)\w*[^.\n]{0,40}?\b(?:pour|devant|en raison d\w+|d['’]une?|suite à)\b[^.\n]{0,40}$",
    re.IGNORECASE,
)


def _is_reason(text: str, mention: Mention) -> bool:
    """« Patiente de 51 ans hospitalisée pour ... »: the mention closes such a turn of phrase."""
    return _ADMITTED.search(text, max(0, mention.start - 110), mention.start) is not None


def _may_lead(nomenclature: Nomenclature, code: str, stay: Stay) -> bool:
    """Whether MCO allows a code as DP, and no diagnosis stands before it."""
    if rules.is_session(code) and stay.session:
        return nomenclature[code].type is not MCO.FORBIDDEN
    if code in stay.purposes and not rules.is_session(code):
        return nomenclature[code].type is MCO.FREE
    if rules.listed(code, "asterisks.txt"):
        return False
    return nomenclature[code].type is MCO.FREE and not (stay.disease and code[0] in "RZ")


def _weight(code: str, found: Sequence[Mention], current: bool, disease: bool) -> float:
    best = max(mention.score * mention.passage.weight for mention in found)
    best *= 1 + REPEATED * math.log2(len(found))
    if disease and code[0] == "R" and not rules.listed(code, "lasting_symptoms.txt"):
        best *= SYMPTOM
    if code[0] == "Z":
        best *= CIRCUMSTANCE
    return best if current else best * PAST


def _most_specific(order: Sequence[str]) -> list[str]:
    """Less the unspecified leaf of a category when a precise one is there, and C79.8 beside a named site."""
    precise = {code[:3] for code in order if not _vague(code)}
    secondary = any(rules.is_secondary(code) and code[:4] != "C798" for code in order)
    return [
        code
        for code in order
        if not (_vague(code) and code[:3] in precise) and not (code[:4] == "C798" and secondary)
    ]


def _vague(code: str) -> bool:
    return len(code) > 3 and code[3] == "9"
