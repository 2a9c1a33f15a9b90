"""From a report to its codes: passages, search, context, roles.

Roles follow the guide méthodologique de production des informations relatives à l'activité médicale en MCO
(ATIH): the DP is the problem that mainly mobilised care; codes of type 1, 2, 3 and 4 may not be it; a
symptom (chapter XVIII) is coded only when no diagnosis explains it; a past disease that has gone is not
an associated diagnosis.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np

from partages import context
from partages.context import Context
from partages.documents import Document
from partages.terminologies import words
from partages.terminologies.cim10 import MCO, Nomenclature
from partages.terminologies.search import Index, Match, index
from partages.usecases.base import Evidence
from partages.usecases.code.passages import Passage, passages
from partages.usecases.code.schema import CodeResult, Level, Options, Proposal, Reason, Role, SetAside

MIN_SCORE = 0.62
"""Score under which a resemblance is not a mention; chosen by reading proposals on FRASIMED cases."""
MIN_COVERED = 0.75
"""Share of a phrase (weighted by IDF) that a passage must hold."""


@dataclass(frozen=True, slots=True)
class Mention:
    """A code read at a place of the text."""

    code: str
    start: int
    end: int
    score: float
    passage: Passage


@cache
def _chronic() -> tuple[tuple[str, str], ...]:
    text = files(__package__).joinpath("data", "chronic.txt").read_text(encoding="utf-8")
    lines = (line.split() for line in text.splitlines() if line and not line.startswith("#"))
    return tuple((first, last) for first, last in lines)


def _lasts(code: str) -> bool:
    return any(first <= code[:3] <= last for first, last in _chronic())


def code(document: Document, options: Options) -> CodeResult:
    """Propose codes for a report, or rank the nomenclature for a passage.

    Raises:
        EmptyDocument: there is nothing to read.
        UnknownCode: ``options.code`` is not a code of the nomenclature.
    """
    document.require_text()
    return _rank(document, options) if options.passage else _propose(document, options)


def _rank(document: Document, options: Options) -> CodeResult:
    searched = index()
    asked = searched.nomenclature.lookup(options.code) if options.code else None
    scores = searched.scores(document.text)
    hits = searched.rank(scores, options.top)
    return CodeResult(
        id=document.id,
        codes=[_proposal(searched.nomenclature, hit.code, None, hit.score, []) for hit in hits],
        attested=None if asked is None else attested(searched, scores, asked.code),
    )


def attested(searched: Index, scores: np.ndarray, name: str) -> float:
    """How surely a passage attests a code, from 0 to 1, from the scores of the whole nomenclature."""
    own = float(scores[searched.numbers[name]])
    best = float(scores.max())
    if best <= 0:
        return 0.0
    return round(1 / (1 + math.exp(-(8 * own + 4 * own / best - 6))), 4)


def _propose(document: Document, options: Options) -> CodeResult:
    searched = index()
    mentions = _mentions(document.text, searched)
    contexts = context.qualify(document.text, [(m.start, m.end) for m in mentions])
    kept: list[tuple[Mention, Context]] = []
    refused: list[tuple[Mention, Reason]] = []
    for mention, said in zip(mentions, contexts, strict=True):
        reason = _reason(mention, said)
        if reason is None:
            kept.append((mention, said))
        else:
            refused.append((mention, reason))
    proposals = _rank_mentions(kept, searched.nomenclature, options.top)
    proposed = {proposal.code for proposal in proposals}
    return CodeResult(
        id=document.id,
        codes=proposals,
        set_aside=_set_aside(refused, proposed, searched.nomenclature, options.top),
    )


def _reason(mention: Mention, said: Context) -> Reason | None:
    """Why a mention does not count, or None when it does."""
    if mention.code.startswith(("Z8", "Z9")):
        return "nié" if said.negated else None
    if said.negated:
        return "nié"
    if said.family:
        return "famille"
    if said.hypothesis:
        return "hypothèse"
    if (said.history or mention.passage.section == "history") and not _lasts(mention.code):
        return "antécédent"
    return None


def _mentions(text: str, searched: Index) -> list[Mention]:
    seen: dict[tuple[str, ...], Match | None] = {}
    found = []
    for passage in passages(text):
        piece = text[passage.start : passage.end]
        tokens = tuple(searched.tokens(piece))
        if not tokens:
            continue
        if tokens not in seen:
            seen[tokens] = _accept(searched, tokens)
        match = seen[tokens]
        if match is not None:
            start, end = _tighten(piece, match, searched)
            found.append(
                Mention(match.code, passage.start + start, passage.start + end, match.score, passage)
            )
    return found


def _accept(searched: Index, tokens: Sequence[str]) -> Match | None:
    if not any(token in searched.by_words.ids for token in tokens):
        return None
    for match in searched.match(tokens, 3):
        allowed = searched.nomenclature[match.code].type is not MCO.FORBIDDEN
        plain = match.code[0] == "Z" and len(match.tokens) == 1  # "conseil", "présence": everyday words
        if allowed and not plain and match.score >= MIN_SCORE and match.covered >= MIN_COVERED:
            return match
    return None


def _tighten(piece: str, match: Match, searched: Index) -> tuple[int, int]:
    """The shortest stretch of a passage that still holds the words of the phrase."""
    spots = [m.span() for m in words.WORD.finditer(piece)]
    goal = set(match.tokens) & set(searched.tokens(piece))
    first, last = 0, len(spots) - 1
    while first < last and goal <= set(searched.tokens(piece[spots[first + 1][0] : spots[last][1]])):
        first += 1
    while last > first and goal <= set(searched.tokens(piece[spots[first][0] : spots[last - 1][1]])):
        last -= 1
    return spots[first][0], spots[last][1]


def _rank_mentions(
    kept: Iterable[tuple[Mention, Context]], nomenclature: Nomenclature, top: int
) -> list[Proposal]:
    places: dict[str, list[Mention]] = {}
    weight: dict[str, float] = {}
    current: set[str] = set()
    for mention, said in kept:
        places.setdefault(mention.code, []).append(mention)
        value = mention.score * mention.passage.weight
        weight[mention.code] = max(weight.get(mention.code, 0), value) + 0.02
        if not said.history and mention.passage.section != "history":
            current.add(mention.code)
    disease = any(not code.startswith(("R", "Z")) for code in current)
    order = sorted(
        places, key=lambda c: (-_standing(c, weight[c], c in current, disease), places[c][0].start)
    )
    order = _most_specific(order)
    principal = next(
        (
            c
            for c in order
            if nomenclature[c].type is MCO.FREE and c in current and not (disease and c[0] in "RZ")
        ),
        None,
    )
    if principal is not None:
        order = [principal, *(c for c in order if c != principal)]
    return [
        _proposal(
            nomenclature,
            c,
            "DP" if c == principal else "DAS",
            round(min(1.0, _standing(c, weight[c], c in current, disease) / 1.3), 3),
            [Evidence(start=m.start, end=m.end) for m in places[c]],
        )
        for c in order[:top]
    ]


def _standing(code: str, weight: float, current: bool, disease: bool) -> float:
    """Weight of a code among the others: symptoms yield to diagnoses, the past to the present."""
    if disease and code[0] == "R":
        weight *= 0.6
    if code[0] == "Z":
        weight *= 0.7
    return weight if current else weight * 0.7


def _most_specific(order: Sequence[str]) -> list[str]:
    """Without a category's unspecified leaf when a precise leaf of the same category is there."""
    precise = {code[:3] for code in order if not _vague(code)}
    return [code for code in order if not (_vague(code) and code[:3] in precise)]


def _vague(code: str) -> bool:
    return len(code) > 3 and code[3] == "9"


def _set_aside(
    refused: Iterable[tuple[Mention, Reason]], proposed: set[str], nomenclature: Nomenclature, top: int
) -> tuple[SetAside, ...]:
    places: dict[tuple[str, Reason], list[Evidence]] = {}
    for mention, reason in refused:
        if mention.code not in proposed:
            places.setdefault((mention.code, reason), []).append(
                Evidence(start=mention.start, end=mention.end)
            )
    return tuple(
        SetAside(code=code, label=nomenclature[code].label, reason=reason, evidence=evidence)
        for (code, reason), evidence in list(places.items())[:top]
    )


def _proposal(
    nomenclature: Nomenclature, name: str, role: Role | None, score: float, evidence: list[Evidence]
) -> Proposal:
    levels = [Level(code=step, label=label) for step, label in nomenclature.hierarchy(name)]
    return Proposal(
        code=name,
        label=nomenclature[name].label,
        role=role,
        score=score,
        evidence=evidence,
        hierarchy=levels,
    )


def warm() -> None:
    """Load the nomenclature, its index and the qualifiers."""
    index()
    context.warm()
