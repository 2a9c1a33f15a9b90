"""The span model: a linear-chain conditional random field over tokens, for the decision that rules cannot take.

Lafferty et al., ICML 2001; CRFsuite (Okazaki, 2007) through ``python-crfsuite``. It reads the features of ``features.py``,
findings of the rules included, and gives each token the probability of each category. The weights come from
``scripts/train_pseudonymise.py``; docs/models-pseudonymise.md says from what.
"""

import lzma
import re
import struct
import tempfile
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from partages.usecases.pseudonymise.features import (
    FIXED,
    NEIGHBOURS,
    OUT,
    TEMPLATES,
    Columns,
    Token,
    Word,
    columns,
    tokenise,
)
from partages.usecases.pseudonymise.finding import Finding
from partages.usecases.pseudonymise.gazetteers import DATA
from partages.usecases.pseudonymise.schema import Categorie

OUTSIDE = "O"
WEIGHTS = "spans.crfsuite.xz"
THRESHOLD = 0.1
"""Probability of being identifying from which a token is masked: see docs/models-pseudonymise.md."""
PIECE = 4_000
"""Tokens decided at a time: memory stays flat on a very long line."""
REMEMBERED = 50_000
"""Words whose weights are remembered."""


@dataclass(frozen=True)
class Decided:
    """What the model proposes, and how likely each token of the text is to identify."""

    proposed: list[Finding]
    starts: list[int]
    probabilities: list[float]

    def likely(self, start: int, end: int) -> float:
        """The highest probability among the tokens of a stretch."""
        first = max(0, bisect_right(self.starts, start) - 1)
        return max(self.probabilities[first : max(first + 1, bisect_left(self.starts, end))], default=1.0)


class SpanModel:
    """Weights, as CRFsuite writes them, and threshold.

    Scores and marginals are those of CRFsuite (a test compares them); computing them here spares a string for each feature,
    which took longer than all the rules.
    """

    def __init__(self, weights: bytes, threshold: float = THRESHOLD) -> None:
        self.threshold = threshold
        learnt = read_weights(weights)
        self.labels = learnt.labels
        self._outside = learnt.labels.index(OUTSIDE)
        self._learnt = learnt
        self._words: dict[Word, _Known] = {}
        self._codes: dict[str, dict[str | None, int]] = {_KINDS.get(name, name): {} for name in _COLUMNS}
        self._singles: list[tuple[str, int, NDArray[np.intp]]] = []
        self._several: list[tuple[tuple[str, int], ...]] = []
        self._read_templates(learnt.attributes)
        self._fixed = {name: self._numbered(name, values) for name, values in FIXED.items()}
        size = len(learnt.labels)
        self._transitions = np.zeros((2 * size, 2 * size))
        self._transitions[:size, :size] = np.exp(learnt.transitions)
        self._transitions[size:, size:] = np.exp(learnt.transitions.T)

    def decide(self, text: str, findings: Sequence[Finding]) -> Decided:
        """Judge each token of a view, given what the rules found in it."""
        tokens = tokenise(text)
        probabilities: list[float] = []
        proposed: list[Finding] = []
        if tokens:
            seen = columns(text, tokens, findings)
            for start, scores in self._scores(seen):
                shares = marginals(scores, self._transitions)
                likely = 1 - shares[:, self._outside]
                shares[:, self._outside] = 0
                proposed += self._spans(tokens, start, likely, shares, seen.new_line)
                probabilities += likely.tolist()
        return Decided(proposed, [token.start for token in tokens], probabilities)

    def scores(self, text: str, findings: Sequence[Finding]) -> NDArray[np.float64]:
        """Sum of the weights of the features of each token, a column for each of ``labels``."""
        tokens = tokenise(text)
        pieces = [scores for _, scores in self._scores(columns(text, tokens, findings))] if tokens else []
        return np.concatenate([np.empty((0, len(self.labels))), *pieces])

    def _read_templates(self, attributes: dict[str, int]) -> None:
        """Number the values of each column from 1, and find the row of weights of each value, or of values together."""
        together: dict[int, int] = {}
        by_name: dict[str, list[tuple[str, int]]] = {}
        for attribute, row in attributes.items():
            by_name.setdefault(attribute.partition("=")[0], []).append((attribute, row))
        for written, parts in TEMPLATES:
            codes = [self._codes[_KINDS.get(column, column)] for column, _ in parts]
            pattern = re.compile(
                re.escape(written)
                .replace(r"\{\}", "{}")
                .format(*(_VALUES.get(column, "([^|]*)") for column, _ in parts))
            )
            rows = {}
            for attribute, row in by_name.get(written.partition("=")[0], ()):
                if match := pattern.fullmatch(attribute):
                    number = len(self._several)
                    for value, numbers in zip(match.groups() or ("",), codes, strict=True):
                        number = number * _MOST + numbers.setdefault(value, len(numbers) + 1)
                    rows[number] = row
            if len(parts) > 1:
                self._several.append(parts)
                together |= rows
            else:
                table = {number % _MOST: row for number, row in rows.items()}
                self._singles.append(
                    (*parts[0], np.array([table.get(n, 0) for n in range(max(table, default=0) + 1)]))
                )
        known = sorted(together)
        self._known = np.array([*known, _LAST], np.int64)
        self._known_rows = np.array([*(together[number] for number in known), 0], np.intp)
        sizes = {name: len(codes) + 1 for name, codes in self._codes.items()}
        self._singles = [
            (column, step, np.pad(table, (0, sizes[_KINDS.get(column, column)] - len(table))))
            for column, step, table in self._singles
        ]

    def _numbered(self, column: str, values: Sequence[str | None]) -> NDArray[np.int64]:
        """Numbers of what stands outside the text, then of values; 0 where unknown."""
        get = self._codes[_KINDS.get(column, column)].get
        return np.array([get(OUT, 0), *(get(value, 0) for value in values)])

    def _scores(self, seen: Columns) -> Iterator[tuple[int, NDArray[np.float64]]]:
        """First token and scores of each piece of the text."""
        words = [self._word(word) for word in seen.words]
        own = np.concatenate([word.scores for word in words]).reshape(len(words), -1)
        of_words = (
            np.concatenate([_NO_WORD, *(word.numbers for word in words), _NO_WORD])
            .reshape(-1, len(_OF_WORDS))
            .T
        )
        of_words[:, 0] = [self._codes[kind].get(OUT, 0) for kind in _OF_WORDS]
        numbers = dict(zip(_OF_WORDS, of_words, strict=True)) | self._fixed
        count = len(seen.at)
        placed = {}
        for name, column in seen.by_name.items():
            kind = _KINDS.get(name, name)
            known = numbers.get(kind)
            if known is None:
                known = numbers[kind] = self._numbered(name, column.values)
            placed[name] = at = np.full(count + 2 * NEIGHBOURS, known[0])
            known[1:].take(column.at, out=at[NEIGHBOURS : count + NEIGHBOURS])
        for start in range(0, count, PIECE):
            size = min(PIECE, count - start)
            first = start + NEIGHBOURS
            rows = np.empty((len(self._singles) + len(self._several), size), np.intp)
            for into, (name, step, table) in zip(rows, self._singles, strict=False):
                table.take(placed[name][first + step : first + step + size], out=into)
            keys = np.empty((len(self._several), size), np.int64)
            for number, parts in enumerate(self._several):
                key = keys[number]
                key[:] = number
                for name, step in parts:
                    key *= _MOST
                    key += placed[name][first + step : first + step + size]
            found = np.searchsorted(self._known[:-1], keys)
            found[self._known[found] != keys] = len(self._known) - 1
            self._known_rows.take(found, out=rows[len(self._singles) :])
            yield start, own.take(seen.at[start : start + size], 0) + self._learnt.states.take(rows, 0).sum(0)

    def _word(self, word: Word) -> "_Known":
        """What the weights say of a word by itself."""
        known = self._words.get(word)
        if known is None:
            if len(self._words) >= REMEMBERED:
                self._words.clear()
            rows = [row for feature in word.own if (row := self._learnt.attributes.get(feature))]
            numbers = [
                self._codes[kind].get(value, 0)
                for kind, value in zip(_OF_WORDS, (word.folded, word.form, word.kind, word.look), strict=True)
            ]
            known = self._words[word] = _Known(self._learnt.states[rows].sum(0), np.array(numbers, np.int64))
        return known

    def _spans(
        self,
        tokens: list[Token],
        start: int,
        likely: NDArray[np.float64],
        shares: NDArray[np.float64],
        new_line: NDArray[np.bool_],
    ) -> Iterator[Finding]:
        """Runs of likely tokens of one category on one line."""
        hits = np.flatnonzero(likely >= self.threshold)
        labels = shares[hits].argmax(1)
        run: list[tuple[Token, str, float]] = []
        for hit, label, chance in zip(hits.tolist(), labels.tolist(), likely[hits].tolist(), strict=True):
            at, name = start + hit, self.labels[label]
            if run and (tokens[at - 1] is not run[-1][0] or name != run[-1][1] or new_line[at - 1]):
                yield from joined(run)
                run = []
            run.append((tokens[at], name, chance))
        if run:
            yield from joined(run)


class _Known(NamedTuple):
    """Sum of the weights of a word by itself, and the numbers of its values in the columns of ``_OF_WORDS``."""

    scores: NDArray[np.float64]
    numbers: NDArray[np.int64]


_COLUMNS = {column for _, parts in TEMPLATES for column, _ in parts}
_KINDS = {
    "head": "folded", "label": "folded", "chunk before": "around", "chunk after": "around", "named look": "look", "far": "position", "inside": "position",
}  # fmt: skip
"""Columns that hold the same values as another."""
_MARK = r"(\||[^|]*)"  # a bar is a token too
_VALUES = {
    "folded": r"(\||[^| ]*)", "head": "(.*)", "label": _MARK, "form": _MARK, "look": "(.*)", "named look": "(.*)",
    "chunk": "(.*)", "chunk before": "(.*)", "chunk after": "(.*)", "gap": "(.*)",
}  # fmt: skip
"""How the values of a column are written, as a pattern; the others hold no bar."""
_OF_WORDS = ("folded", "form", "kind", "look")
_NO_WORD = np.zeros(len(_OF_WORDS), np.int64)
_MOST = 1 << 18
"""Values a column may have; three columns and the number of a template fit in 63 bits."""
_LAST = (1 << 63) - 1


def marginals(scores: NDArray[np.float64], transitions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probability of each label of each token of a linear chain, by forward and backward passes made at once.

    Args:
        scores: tokens by labels.
        transitions: exponentials of the weights from label to label, and the same transposed, as two blocks.
    """
    count, size = scores.shape
    alone = np.exp(scores - scores.max(1, keepdims=True))
    both = np.concatenate([alone, alone[::-1]], 1)
    received = np.ones((count, 2 * size))
    state = both[0].copy()
    for step, (into, own) in enumerate(zip(received[1:], both[1:], strict=True)):
        np.dot(state, transitions, into)
        np.multiply(into, own, state)
        if step % 16 == 15:  # before they leave what a float holds
            halves = state.reshape(2, size)
            halves /= halves.max(1, keepdims=True)
    shares = received[:, :size] * alone * received[::-1, size:]
    return shares / shares.sum(1, keepdims=True)


@dataclass(frozen=True)
class Learnt:
    """Weights of a linear-chain CRF.

    Attributes:
        attributes: row of ``states`` of each known feature.
        states: weights of the features, a column for each label; row 0 is nought.
        transitions: weights from label to label.
    """

    labels: list[str]
    attributes: dict[str, int]
    states: NDArray[np.float64]
    transitions: NDArray[np.float64]


_FEATURE = np.dtype([("type", "<u4"), ("source", "<u4"), ("target", "<u4"), ("weight", "<f8")])


def read_weights(data: bytes) -> Learnt:
    """Read a file of CRFsuite 0.12 (``crf1d_model.c`` and ``cqdb.c`` say how it is laid out).

    Raises:
        ValueError: it is not such a file.
    """
    if data[:4] != b"lCRF" or data[8:12] != b"FOMC":
        raise ValueError("not a CRFsuite model")
    features_at, labels_at, attributes_at = struct.unpack_from("<3I", data, 28)
    (count,) = struct.unpack_from("<I", data, features_at + 8)
    read = np.frombuffer(data, _FEATURE, count, features_at + 12)
    labels, names = _strings(data, labels_at), _strings(data, attributes_at)
    states = np.zeros((len(names) + 1, len(labels)))
    transitions = np.zeros((len(labels), len(labels)))
    of_state, of_move = read[read["type"] == 0], read[read["type"] == 1]
    states[of_state["source"] + 1, of_state["target"]] = of_state["weight"]
    transitions[of_move["source"], of_move["target"]] = of_move["weight"]
    return Learnt(labels, {name: row for row, name in enumerate(names, 1)}, states, transitions)


def _strings(data: bytes, at: int) -> list[str]:
    """The strings of a constant database, by number."""
    count, offsets_at = struct.unpack_from("<2I", data, at + 16)
    found = []
    for offset in np.frombuffer(data, "<u4", count, at + offsets_at).tolist():
        (size,) = struct.unpack_from("<I", data, at + offset + 4)
        found.append(data[at + offset + 8 : at + offset + 7 + size].decode())
    return found


def joined(run: list[tuple[Token, str, float]]) -> Iterator[Finding]:
    """One span of a run of tokens of one category, without the marks at its ends."""
    while run and not run[0][0].text[0].isalnum() and run[0][0].text not in "(+":
        run = run[1:]
    while run and not run[-1][0].text[0].isalnum():
        run = run[:-1]
    if run:
        score = sum(likely for _, _, likely in run) / len(run)
        label = run[0][1]
        yield Finding(run[0][0].start, run[-1][0].end, label, score, "model", {})


@cache
def span_model() -> SpanModel:
    """The model that ships with the package."""
    return SpanModel(lzma.decompress((DATA / WEIGHTS).read_bytes()))


def train(
    sequences: Iterable[tuple[list[list[str]], list[str]]],
    *,
    iterations: int = 80,
    c1: float = 0.2,
    c2: float = 0.05,
) -> bytes:
    """Weights learnt from feature rows and labels (L-BFGS with elastic net; deterministic)."""
    import pycrfsuite

    trainer = pycrfsuite.Trainer(verbose=False)
    trainer.set_params(
        {
            "c1": c1,
            "c2": c2,
            "max_iterations": iterations,
            "feature.possible_transitions": True,
            "feature.minfreq": 2,
        }
    )
    for rows, labels in sequences:
        trainer.append(rows, labels)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "weights"
        trainer.train(str(path))
        return path.read_bytes()


def labelled(tokens: Sequence[Token], spans: Sequence[Any]) -> list[str]:
    """The category of each token; a token that a span cuts belongs to it."""
    labels = [OUTSIDE] * len(tokens)
    at = 0
    for span in sorted(spans, key=lambda span: span.start):
        while at < len(tokens) and tokens[at].end <= span.start:
            at += 1
        while at < len(tokens) and tokens[at].start < span.end:
            labels[at] = str(Categorie(span.label))
            at += 1
    return labels
