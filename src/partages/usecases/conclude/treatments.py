"""Which drug is stopped, and which goes on: read clause by clause, since one sentence often says both.

« Arrêt du fébuxostat, allopurinol maintenu »: a word for the course of a treatment says it of the drugs of its own clause, the
nearest ones when a clause holds several such words, and of those listed after it (« arrêt de l'aspirine, du clopidogrel »).
"""

import re
from itertools import pairwise
from typing import Literal

from partages.usecases.conclude import contrasts, facts

Course = Literal["stopped", "started", "going on"]

LONGEST = 2000
"""Characters of a sentence; a longer one, which no punctuation ends, says nothing."""
_WORDS: dict[Course, re.Pattern[str]] = {
    "stopped": re.compile(
        r"arret(?:e|s|es|ee|ees|er)?|stop|stopp(?:e|es|ee|ees|er)|supprim(?:e|es|ee|ees|er)|suppression|proscri(?:t|te|ts|tes)"
        r"|suspen(?:du|due|dus|dues|dre|sion)|interr(?:ompu|ompue|ompus|ompues|ompre|uption)|retir(?:e|es|ee|ees)|retrait|sevrage"
        r"|termin(?:e|es|ee|ees)|deprescri(?:t|te|ts|tes|ption)"
    ),
    "started": re.compile(
        r"introdui(?:t|te|ts|tes)|introduction|debut(?:e|es|ee|ees|er)?|instaur(?:e|es|ee|ees|ation)|initi(?:e|es|ee|ees|ation)"
        r"|ajout(?:e|es|ee|ees)?|repri(?:s|se|ses)|reintrodui(?:t|te|ts|tes)|reintroduction"
    ),
    "going on": re.compile(
        r"repri(?:s|se|ses)|reintrodui(?:t|te|ts|tes)|reintroduction|mainten(?:u|ue|us|ues|ir)|maintien|pours(?:uite|uivi|uivie|uivis|uivies|uivre|uit)|continu(?:e|es|ee|ees|er|ation)"
        r"|inchange(?:e|s|es)?|conserv(?:e|es|ee|ees)|reconduit(?:e|s|es)?|diminu(?:e|es|ee|ees)"
        r"|major(?:e|es|ee|ees)|augment(?:e|es|ee|ees)"
    ),
}  # fmt: skip
_ALL: frozenset[Course] = frozenset(_WORDS)
_EITHER = re.compile(
    r"relais|relay(?:e|es|ee|ees)|rempla(?:ce|ces|cee|cees|cement)|substitu(?:e|es|ee|ees|tion)|switch"
)
"""One drug for another: which is which is not read."""
_CLAUSE = re.compile(r"[,;:()\n]|[.](?=\s)")
_DENIED = frozenset("pas sans ni jamais".split())
_LISTED = re.compile(
    r"arret|stop|suspension|interruption|maintien|poursuite|introduction|reprise|ajout|retrait|reintroduction"
)
"""Nouns that a list of drugs may follow."""


def is_drug(word: str) -> bool:
    """Whether a folded word names a drug, or a class of drugs."""
    return word in facts.drugs() or word in contrasts.classes()


def courses(text: str, start: int, end: int, *, nearest: bool) -> list[tuple[facts.Token, frozenset[Course]]]:
    """The drugs, and classes of drugs, of a sentence, ``text[start:end]``, with what it says of their course: often nothing.

    Args:
        text, start, end: what is read.
        nearest: of several courses in a clause about several drugs, only the one written nearest to each, rather than all that may be
            said of it.
    """
    if end - start > LONGEST:
        return []
    marks = [m.start() for m in _CLAUSE.finditer(text, start + 1, end)]
    found: list[tuple[facts.Token, frozenset[Course]]] = []
    listed: frozenset[Course] = frozenset()
    for left, right in pairwise([start, *marks, end]):
        if text[left] in ".;:\n":
            listed = frozenset()
        words = facts.tokens(text, left, right)
        denied = next((word.start for word in words if word.word in _DENIED), end)
        said = [
            (word, _ALL if denied < word.start else means) for word in words if (means := course(word.word))
        ]
        first = next((word.word for word in words if not word.stop), "")
        if not said and first and not is_drug(first) and text[left] != "(":
            listed = frozenset()
        drugs = [word for word in words if is_drug(word.word)]
        if (
            said
            and found
            and not drugs
            and not (nearest and (first != said[0][0].word or _LISTED.fullmatch(first)))
        ):
            drug, known = found[-1]  # « Morphine 10 mg, arrêtée le 3 mai »
            found[-1] = drug, known.union(*(means for _, means in said))
        for drug in drugs:
            near = sorted(said, key=lambda one: _apart(one[0], drug))
            if nearest and len(drugs) > 1:
                near = near[:1]
            found.append((drug, frozenset().union(*(means for _, means in near)) if near else listed))
        if said:
            last, means = said[-1]
            listed = means if _LISTED.fullmatch(last.word) else frozenset()
    return found


def course(word: str) -> frozenset[Course]:
    """What a folded word says of a treatment, if anything."""
    if _EITHER.fullmatch(word):
        return _ALL
    return frozenset(one for one, words in _WORDS.items() if words.fullmatch(word))


def _apart(one: facts.Token, other: facts.Token) -> int:
    return max(one.start, other.start) - min(one.end, other.end)
