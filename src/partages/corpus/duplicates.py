"""Near duplicates: candidates by MinHash, verified word by word; repeated sentences, counted.

A document is a set of pairs of neighbouring content words (``shingles``): pairs survive the change of a word in five where
the 5-word shingles of web pipelines do not, and leaving out small words keeps unrelated texts apart. ``HASHES`` MinHash
values (Broder 1997) in ``BANDS`` bands of ``ROWS`` propose pairs of documents (locality-sensitive hashing; Leskovec,
Rajaraman, Ullman, Mining of Massive Datasets, ch. 3). A pair is a near duplicate when the words of the later one are, in
order, those of the earlier one for ``SAME`` of them at least (at most one word in five changed) and the others are edits
rather than passages: two leaflets of one template that differ by a section are both kept. So is it when ``MOVED`` of its
``MOVED_WORDS``-word sequences are those of the earlier one, in whatever order: the same paragraphs, moved.

The earlier document is kept: commercial sources come first, so a research-only text never takes the place of one.
"""

import numpy as np
from numpy.typing import NDArray

from partages.corpus.words import Hashes, grams, numbers, scramble

BANDS, ROWS = 80, 3
HASHES = BANDS * ROWS
SHORTEST = 8
"""Shingles; a shorter document has exact duplicates only."""
CANDIDATE = 0.20
"""Estimated Jaccard similarity of shingles from which a pair is verified; 0.33 to 0.47 is expected when a word in five changed."""
SAME = 0.80
"""Share of the later document's words found, in order, in the earlier one, from which it is its near duplicate."""
SCATTERED = 0.72
"""The same where hardly any of the other words stand together: edits, not a passage of its own."""
PASSAGE = 6
"""Words in a row that make a passage."""
OWN = {SAME: 0.10, SCATTERED: 0.05}
"""Share of the words in passages of its own, at most, from each of these shares on: with more, it says something else too."""
BRIEF, BRIEF_SAME = 40, 0.90
"""Words under which a document is brief, and what its share must be: a prescription is another one by a word."""
MOVED, MOVED_WORDS = 0.90, 5
"""Share of the later document's sequences of so many words that the earlier one has somewhere, from which it is the same text moved about."""
BLOCK = 2048

_SMALL = np.unique(
    numbers(
        "a ai ainsi alors apres au aucun aucune aussi autre autres aux avant avec avoir c ce cela ces cet cette ceux chez ci "
        "comme contre d dans de des deux doit doivent donc dont du elle elles en encore entre est et etaient etait ete etre eu "
        "fait faut il ils j je l la le les leur leurs lors lorsque lui m mais meme memes moins n ne ni non nous on ont ou par "
        "parfois pas pendant peu peut peuvent plus plusieurs pour puis qu quand que quel quelle quelques qui s sa sans se selon "
        "ses si soit son sont sous sur t tous tout toute toutes tres trois un une vers vous y".split()
    )
)
_multipliers = scramble(
    np.arange(1, HASHES + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
) | np.uint64(1)


def shingles(words: Hashes) -> Hashes:
    """The distinct pairs of neighbouring content words, from the numbers of all words; sorted."""
    at = np.searchsorted(_SMALL, words)
    at[at == len(_SMALL)] = 0
    return np.unique(grams(words[_SMALL[at] != words], 2))


def signature(shingled: Hashes) -> NDArray[np.uint32]:
    """``HASHES`` MinHash values (their high halves), or zeros for a document too short to have any."""
    if len(shingled) < SHORTEST:
        return np.zeros(HASHES, dtype=np.uint32)
    least = np.full(HASHES, np.iinfo(np.uint64).max, dtype=np.uint64)
    for start in range(0, len(shingled), BLOCK):
        block = shingled[start : start + BLOCK]
        np.minimum(least, np.multiply.outer(_multipliers, block).min(axis=1), out=least)
    return (least >> np.uint64(32)).astype(np.uint32)


def band_keys(signatures: NDArray[np.uint32], band: int) -> Hashes:
    """One number a document for a band; 0 for documents too short to have a signature."""
    rows = signatures[:, band * ROWS : (band + 1) * ROWS].astype(np.uint64)
    keys = np.full(len(rows), band + 1, dtype=np.uint64)
    for row in range(ROWS):
        keys = scramble(keys * np.uint64(0x9E3779B97F4A7C15) + rows[:, row])
    keys[~rows.any(axis=1)] = 0
    return keys


def likeness(first: NDArray[np.uint32], second: NDArray[np.uint32]) -> NDArray[np.float64]:
    """Estimated Jaccard similarity of signatures, row by row; standard error 0.04 at most."""
    return (first == second).mean(axis=1)


def pairs_in(keys: Hashes, documents: NDArray[np.int64]) -> NDArray[np.int64]:
    """Pairs (earlier, later) of documents that share a key, shape (n, 2); key 0 is shared by none.

    In a group of more than ``CROWD`` each document is paired with the first ones and with its neighbours: enough for each
    to meet one that is kept.
    """
    held = keys != 0
    if not held.any():
        return np.zeros((0, 2), dtype=np.int64)
    keys, documents = keys[held], documents[held]
    order = np.lexsort((documents, keys))
    keys, documents = keys[order], documents[order]
    starts = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]])
    ends = np.r_[starts[1:], len(keys)]
    found: list[NDArray[np.int64]] = []
    for start, end in zip(starts, ends, strict=True):
        size = end - start
        if size < 2:
            continue
        group = documents[start:end]
        if size <= CROWD:
            first, second = np.triu_indices(size, 1)
        else:
            late = np.repeat(np.arange(1, size), 2 * REPRESENTATIVES)
            offsets = np.tile(np.arange(REPRESENTATIVES), size - 1)
            near = np.arange(1, size)[:, None] - 1 - np.arange(REPRESENTATIVES)[None, :]
            first = np.concatenate([offsets.reshape(size - 1, -1), near], axis=1).ravel()
            keep = (first >= 0) & (first < late)
            first, second = first[keep], late[keep]
        found.append(np.stack([group[first], group[second]], axis=1))
    if not found:
        return np.zeros((0, 2), dtype=np.int64)
    return np.unique(np.concatenate(found), axis=0)


CROWD, REPRESENTATIVES = 16, 4


def near(earlier: NDArray[np.uint32], later: NDArray[np.uint32]) -> float:
    """Share of the later document that the earlier one has: words in the same order, or sequences moved; 0 if they are no near duplicates.

    Args:
        earlier, later: numbers of words, in order; shape (words,).
    """
    from rapidfuzz.distance import LCSseq

    if not len(later):
        return 0.0
    first, second = earlier.tolist(), later.tolist()
    least = BRIEF_SAME if len(second) < BRIEF else SCATTERED
    share = float(LCSseq.similarity(first, second, score_cutoff=int(least * len(second)))) / len(second)
    if share < least:
        return moved(earlier, later)
    own = OWN[SAME] if share >= SAME else OWN[SCATTERED]
    if 1 - share <= own:
        return share
    passages = run = 0
    for tag, _, _, start, end in [*LCSseq.opcodes(first, second), ("equal", 0, 0, 0, PASSAGE)]:
        if tag == "equal" and end - start >= 2:  # a word in common by chance does not end a passage
            passages += run if run >= PASSAGE else 0
            run = 0
        elif tag != "equal":
            run += end - start
    return share if passages <= own * len(second) else moved(earlier, later)


def moved(earlier: NDArray[np.uint32], later: NDArray[np.uint32]) -> float:
    """Share of the later document's distinct sequences that the earlier one has, in any order; 0 under ``MOVED``, and for briefs."""
    if len(later) < BRIEF:
        return 0.0
    first, second = (np.unique(grams(words.astype(np.uint64), MOVED_WORDS)) for words in (earlier, later))
    share = float(np.isin(second, first, assume_unique=True).mean())
    return share if share >= MOVED else 0.0
