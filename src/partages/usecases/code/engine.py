"""From a report to its codes: passages, search, context, roles; or from a passage to its ranking.

A mention counts when the text affirms it of the patient, now: what is denied, supposed or of a relative is
set aside, and a past disease that has gone is not an associated diagnosis (guide méthodologique MCO, ATIH).
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from partages import context
from partages.context import Context
from partages.documents import Document
from partages.terminologies import precision, words
from partages.terminologies.cim10 import MCO, Code, Nomenclature
from partages.terminologies.search import Index, Match, index
from partages.usecases.base import Evidence
from partages.usecases.code import persons
from partages.usecases.code.acts import disagreement, read_acts
from partages.usecases.code.attestation import attested
from partages.usecases.code.passages import passages
from partages.usecases.code.roles import Ranked, rank
from partages.usecases.code.rules import Mention, listed, past_tumour
from partages.usecases.code.schema import (
    Alternative,
    CodeResult,
    Level,
    Options,
    Proposal,
    Reason,
    Role,
    SetAside,
)

MIN_SCORE = 0.62
"""Score under which a resemblance is not a mention; chosen by reading proposals on FRASIMED cases."""
VAGUE = frozenset({"maladi", "lesion", "troubl", "anomali", "alteration", "atteint"})
"""First words of labels that name no disease: "Maladie osseuse, sans précision"."""
CLOSE = 0.85
"""Share of the best score from which another code is an alternative to it."""
CONSIDERED = 4
"""Codes looked at for one passage: the one proposed, and its alternatives."""
MIN_COVERED = 0.9
"""Share of a phrase (weighted by IDF) that a passage must hold."""
OWN_WORD = 0.25
"""Share of a word's phrases that must be of the chapter of a code for the word alone to name it in a report:
"appendicite" does, "occlusion" (of an artery, of the bowel, of a tube) does not."""
SHORT_WORD = 3
"""Letters up to which a word alone may be a grade or a type, not an abbreviation."""


def code(document: Document, options: Options, folder: Path | None = None) -> CodeResult:
    """Propose codes for a report, or rank the nomenclature for a passage.

    Args:
        folder: where the index is kept; by default that of the settings.

    Raises:
        BadDocument: an act is not written as a CCAM code.
        EmptyDocument: there is nothing to read.
        UnknownCode: ``options.code`` is not a code of the nomenclature.
    """
    document.require_text()
    searched = index(folder)
    return _rank(document, options, searched) if options.passage else _propose(document, options, searched)


def _rank(document: Document, options: Options, searched: Index) -> CodeResult:
    asked = searched.nomenclature.lookup(options.code) if options.code else None
    reading = searched.read(document.text, [searched.numbers[asked.code]] if asked else [])
    hits = searched.rank(reading.scores, options.top)
    return CodeResult(
        id=document.id,
        codes=[_proposal(searched.nomenclature, hit.code, None, hit.score, []) for hit in hits],
        flags=[] if asked is None else _about(asked),
        attested=None if asked is None else attested(searched, reading, asked.code),
    )


def _about(asked: Code) -> list[str]:
    """What to know of the code that a passage comes with, when MCO does not take it."""
    if asked.retired_in is not None:
        return [f"{asked.dotted} est retiré de la CIM-10 FR depuis {asked.retired_in} : il ne se code plus."]
    if asked.type is MCO.FORBIDDEN:
        return [f"{asked.dotted} est subdivisé : il ne se code pas tel quel en MCO."]
    return []


def ranked(document: Document, options: Options, folder: Path | None = None) -> list[Ranked]:
    """Proposals of a report with what their score is computed from."""
    acts = read_acts([*options.acts, *options.ccam])
    searched = index(folder)
    kept, _ = _sorted(document.text, _mentions(document.text, searched))
    return rank(kept, searched.nomenclature, document.text, acts)


def _sorted(
    text: str, mentions: Sequence[Mention]
) -> tuple[list[tuple[Mention, Context]], list[tuple[Mention, Reason]]]:
    """Mentions that count, and those that do not with the reason."""
    contexts = context.qualify(text, [(m.start, m.end) for m in mentions])
    patient = persons.read(text)
    kept: list[tuple[Mention, Context]] = []
    refused: list[tuple[Mention, Reason]] = []
    for read, said in zip(mentions, contexts, strict=True):
        past = past_tumour(read, said, text)
        mention = replace(read, code=past, others=()) if past else read
        reason = _reason(mention, said) or persons.excluded(mention.code, patient)
        if reason is None:
            kept.append((mention, said))
        else:
            refused.append((mention, reason))
    return kept, refused


def _propose(document: Document, options: Options, searched: Index) -> CodeResult:
    acts = read_acts([*options.acts, *options.ccam])
    mentions = _mentions(document.text, searched)
    kept, refused = _sorted(document.text, mentions)
    proposals = [
        _proposal(
            searched.nomenclature,
            found.code,
            found.role,
            found.score,
            [Evidence(start=m.start, end=m.end) for m in found.mentions],
            _alternatives(found.mentions, searched.nomenclature),
            found.reasons,
        )
        for found in rank(kept, searched.nomenclature, document.text, acts)[: options.top]
    ]
    proposed = {proposal.code for proposal in proposals}
    principal = next((proposal.code for proposal in proposals if proposal.role == "DP"), None)
    disagrees = disagreement(principal, acts) if principal else None
    return CodeResult(
        id=document.id,
        codes=proposals,
        flags=[disagrees] if disagrees else [] if mentions else [_nothing(document.text)],
        acts=acts,
        specialty=options.specialty,
        set_aside=_set_aside(refused, proposed, searched.nomenclature, options.top),
    )


_FRENCH = re.compile(r"\b(?:le|la|les|des|une?|du|est|et|pas|pour|avec|patiente?)\b", re.IGNORECASE)
_ENGLISH = re.compile(r"\b(?:the|of|and|was|is|with|for|no|his|her|patient|were)\b", re.IGNORECASE)
HEAD = 5000
"""Characters by which the language of a text is told."""


def _nothing(text: str) -> str:
    """What to say of a text in which no diagnosis was read."""
    head = text[:HEAD]
    if len(_ENGLISH.findall(head)) > 2 * len(_FRENCH.findall(head)):
        return "Aucun diagnostic reconnu : ce texte semble écrit en anglais, et seul le français est lu."
    return "Aucun diagnostic reconnu dans ce texte."


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
    if (said.history or mention.passage.section == "history") and not listed(mention.code, "chronic.txt"):
        return "antécédent"
    return None


def _mentions(text: str, searched: Index) -> list[Mention]:
    seen: dict[tuple[str, ...], list[Match]] = {}
    found: list[Mention] = []
    words_of: list[frozenset[str]] = []
    said = precision.read(context.soften(text))
    for passage in passages(text):
        piece = text[passage.start : passage.end]
        tokens = tuple(searched.tokens(piece))
        if not tokens:
            continue
        if tokens not in seen:
            seen[tokens] = _accept(searched, tokens)
        if seen[tokens]:
            match, *others = seen[tokens]
            held = frozenset(match.tokens)
            if passage.joined:
                near = [
                    i for i in range(max(0, len(found) - 4), len(found)) if found[i].start >= passage.start
                ]
                if any(words_of[i] >= held or not (words_of[i] & held) for i in near) or not near:
                    continue  # one side says it all, or each says a thing of its own
                if any(not words_of[i] <= held and found[i].code[:3] != match.code[:3] for i in near):
                    continue  # it would take a word from what one side says whole
                for i in reversed(
                    [i for i in near if words_of[i] <= held or found[i].code[:3] == match.code[:3]]
                ):
                    del found[i], words_of[i]
            if _is_small(match, piece):
                continue
            start, end = _tighten(piece, match, searched)
            words_of.append(held)
            found.append(
                Mention(
                    precision.refine(match.code, said, searched.nomenclature),
                    passage.start + start,
                    passage.start + end,
                    match.score,
                    passage,
                    tuple(
                        (other.code, other.score) for other in others if other.score >= CLOSE * match.score
                    ),
                )
            )
    return found


def _accept(searched: Index, tokens: Sequence[str]) -> list[Match]:
    """Codes that the words of a passage name, best first; none where they name nothing surely."""
    if searched.covered(tokens) < MIN_COVERED:
        return []
    return [
        match
        for match in searched.match(tokens, CONSIDERED)
        if _is_named(match, searched.nomenclature) and not _is_ambiguous(match, searched)
    ]


def _is_named(match: Match, nomenclature: Nomenclature) -> bool:
    # Official labels of chapters XX and XXI are made of everyday words ("conseil", "présence", "sport").
    official = match.code[0] in "VWXYZ" and not match.clinical
    vague = not match.clinical and len(match.tokens) <= 2 and match.tokens[0] in VAGUE
    return (
        nomenclature[match.code].type is not MCO.FORBIDDEN
        and not official
        and not vague
        and match.score >= MIN_SCORE
        and match.covered >= MIN_COVERED
    )


def _is_ambiguous(match: Match, searched: Index) -> bool:
    """Whether the code hangs on one word that means other things elsewhere."""
    if len(set(match.tokens)) > 1 or match.code.startswith(("R", "Z9")):
        return False
    return searched.share(match.tokens[0], match.code) < OWN_WORD


def _is_small(match: Match, piece: str) -> bool:
    """Whether the code hangs on a word of a few letters that the text writes partly in capitals ("Forrest IIa")."""
    word = match.tokens[0]
    if len(set(match.tokens)) > 1 or len(word) > SHORT_WORD:
        return False
    written = [m.group() for m in words.WORD.finditer(piece) if m.group().lower() == word]
    return bool(written) and not any(each.isupper() or each.islower() for each in written)


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


def _alternatives(mentions: Iterable[Mention], nomenclature: Nomenclature) -> list[Alternative]:
    scores: dict[str, float] = {}
    for name, score in (other for mention in mentions for other in mention.others):
        scores[name] = max(score, scores.get(name, 0))
    best = sorted(scores.items(), key=lambda item: -item[1])[: CONSIDERED - 1]
    return [
        Alternative(code=name, label=nomenclature[name].label, score=round(min(1.0, score), 3))
        for name, score in best
    ]


def _proposal(
    nomenclature: Nomenclature,
    name: str,
    role: Role | None,
    score: float,
    evidence: list[Evidence],
    alternatives: Iterable[Alternative] = (),
    reasons: Iterable[str] = (),
) -> Proposal:
    levels = [Level(code=step, label=label) for step, label in nomenclature.hierarchy(name)]
    return Proposal(
        code=name,
        label=nomenclature[name].label,
        role=role,
        score=score,
        evidence=evidence,
        hierarchy=levels,
        alternatives=list(alternatives),
        reasons=list(reasons),
    )


def warm(folder: Path | None = None) -> None:
    """Load the nomenclature, its index and the qualifiers."""
    index(folder)
    context.warm()
