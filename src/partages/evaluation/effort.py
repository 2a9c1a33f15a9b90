"""Time to correct a draft against working from nothing: a keystroke-level model, in seconds.

Card, Moran & Newell 1980 (Comm. ACM 23:396-410): K keystroke of an average non-secretary
typist (40 words a minute), P pointing, B button press, H hand between keyboard and mouse, M mental
preparation. Reading: Brysbaert 2019 (J. Mem. Lang. 109:104047), 238 words a minute. It models an
expert's routine work without errors: no hesitation, no interruption, no search for information. It
ranks engines; it does not promise minutes.
"""

from collections import Counter
from collections.abc import Sequence

from rapidfuzz.distance import Levenshtein

from partages.documents import Span

K, P, B, H, M = 0.28, 1.10, 0.10, 0.40, 1.35
CLICK = P + 2 * B
READ_WORD = 60 / 238
QUERY = 8
"""Letters typed to search a code by its label: an assumption."""
LABEL_WORDS = 5
"""Words read for one proposed code: an assumption (median of CIM-10 labels)."""

MARK = M + P + B + P + B + CLICK
"""Select a passage by dragging, and choose its category."""
UNMARK = M + CLICK + K
RELABEL = M + 2 * CLICK
SEARCH = M + H + QUERY * K + M + LABEL_WORDS * READ_WORD + H + CLICK


def spans(gold: Sequence[Span], predicted: Sequence[Span]) -> tuple[float, float]:
    """(from nothing, from the draft): the reading of the text is needed either way and left out."""
    right, found = ({(span.start, span.end, span.label) for span in side} for side in (gold, predicted))
    lacking, wrong = (
        Counter((start, end) for start, end, _ in side) for side in (right - found, found - right)
    )
    relabelled = (lacking & wrong).total()
    seconds = (
        MARK * (lacking.total() - relabelled) + UNMARK * (wrong.total() - relabelled) + RELABEL * relabelled
    )
    return MARK * len(right), seconds


def codes(gold: Sequence[str], ranked: Sequence[str]) -> tuple[float, float]:
    """(from nothing, from the list): the list is read down to the last right code, else to its end."""
    ranks = [ranked.index(code) + 1 for code in gold if code in ranked]
    missing = len(gold) - len(ranks)
    read = len(ranked) if missing else max(ranks, default=0)
    draft = read * LABEL_WORDS * READ_WORD + len(ranks) * (M + CLICK) + missing * SEARCH
    return len(gold) * SEARCH, draft


def text(gold: str, predicted: str) -> tuple[float, float]:
    """(from nothing, from the draft): read it, then edit it word by word, or wipe it and write anew."""
    scratch = M + K * len(gold)
    if not predicted.strip():
        return scratch, scratch
    wanted, given = gold.split(), predicted.split()
    edits = 0.0
    for step in Levenshtein.opcodes(given, wanted):
        if step.tag != "equal":
            typed = sum(len(word) + 1 for word in wanted[step.dest_start : step.dest_end])
            edits += M + H + CLICK + B + H + K * max(typed, 1)
    return scratch, len(given) * READ_WORD + min(edits, M + 2 * K + scratch)
