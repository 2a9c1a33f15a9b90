"""A conclusion composed of what the report supports, when a small model writes: several drafts, and what they agree on.

A model of a few hundred million parameters invents in one sentence and is right in the next, and what it invents changes from
a draft to another. So it writes several; their sentences that the report supports, in its own words or everyday ones, and those of
the extractive draft, are the only ones kept; and the conclusion is made of them so as to be, on average, as near as possible to all these drafts
(minimum Bayes risk: Kumar and Byrne, 2004; over samples: Eikema and Aziz, 2020), with ROUGE-L for nearness.
"""

from collections.abc import Sequence

from partages.text import fold, rouge_l
from partages.usecases.conclude import facts
from partages.usecases.conclude.checking import check_in, index

DRAWN = 5
"""Drafts drawn after the likeliest one."""
SHORTEST = 4
"""Letters of a word that is looked up; shorter ones are mostly abbreviations and grammar."""
SHARED = 0.7
"""Share of a sentence's words that another one says already, above which it is left out."""


def compose(drafts: Sequence[str], quoted: str, text: str, place: tuple[int, int] | None, most: int) -> str:
    """The conclusion; empty when the report supports nothing of what it could be made of.

    Args:
        drafts: what the model wrote, tidied.
        quoted: the extractive draft.
        text, place: the report, and where its own conclusion stands, which supports nothing.
        most: sentences, at most.
    """
    pool: list[str] = []
    drafts = [*drafts, quoted]
    read = index(text, place)
    held = {form for token in facts.tokens(text) for form in (token.meaning, facts.stem(token.word))}
    for draft in drafts:
        pool += [
            one.text
            for one in check_in(draft, read)
            if one.supported and one.text not in pool and not _strange(one.text, held)
        ]
    kept: list[str] = []
    reached = 0.0
    while len(kept) < most:
        trials = [
            (_nearness([*kept[:at], sentence, *kept[at:]], drafts), at, sentence)
            for sentence in pool
            if not _is_said(sentence, kept)
            for at in range(len(kept) + 1)
        ]
        best = max(trials, default=None, key=lambda trial: trial[0])
        if best is None or best[0] <= reached:
            break
        reached, at, sentence = best
        kept.insert(at, sentence)
    return " ".join(kept)


def _strange(sentence: str, held: set[str]) -> bool:
    """Whether a word of the sentence is neither the report's nor everyday French: what the check lets a physician write, a small
    model makes up (« atteinte arbédienne »)."""
    return any(
        token.word.isalpha()
        and len(token.word) >= SHORTEST
        and not token.stop
        and held.isdisjoint((token.meaning, facts.stem(token.word)))
        and facts.stem(token.word) not in facts.general()
        for token in facts.tokens(sentence)
    )


def _nearness(sentences: Sequence[str], drafts: Sequence[str]) -> float:
    conclusion = " ".join(sentences)
    return sum(rouge_l(draft, conclusion) for draft in drafts) / len(drafts)


def _is_said(sentence: str, kept: Sequence[str]) -> bool:
    words = set(fold(sentence).split())
    return any(len(words & set(fold(one).split())) > SHARED * len(words) for one in kept)
