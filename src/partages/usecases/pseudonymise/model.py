"""The span model: a linear-chain conditional random field over tokens, for the decision that rules cannot take.

Lafferty et al., ICML 2001; CRFsuite (Okazaki, 2007) through ``python-crfsuite``. It reads the features of ``features.py``,
findings of the rules included, and gives each token the probability of each category. The weights come from
``scripts/train_pseudonymise.py``; docs/models-pseudonymise.md says from what.
"""

import tempfile
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pycrfsuite

from partages.usecases.pseudonymise.features import Token, features, tokenise
from partages.usecases.pseudonymise.finding import Finding
from partages.usecases.pseudonymise.gazetteers import DATA
from partages.usecases.pseudonymise.schema import Categorie

OUTSIDE = "O"
WEIGHTS = "spans.crfsuite.xz"
THRESHOLD = 0.2
"""Probability of being identifying from which a token is masked; chosen on generated and ``dev`` reports (see the page)."""
PIECE = 4_000
"""Tokens decided at a time: memory stays flat on a very long line."""


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
    """Weights and threshold."""

    def __init__(self, weights: bytes, threshold: float = THRESHOLD) -> None:
        self.threshold = threshold
        self._tagger = pycrfsuite.Tagger()
        self._weights = weights  # CRFsuite reads them in place
        self._tagger.open_inmemory(weights)
        self.labels: list[str] = [label for label in self._tagger.labels() if label != OUTSIDE]

    def decide(self, text: str, findings: Sequence[Finding]) -> Decided:
        """Judge each token of a view, given what the rules found in it."""
        tokens = tokenise(text)
        rows = features(text, tokens, findings)
        probabilities: list[float] = []
        proposed: list[Finding] = []
        for start in range(0, len(tokens), PIECE):
            piece = slice(start, start + PIECE)
            proposed += self._spans(text, tokens[piece], rows[piece], probabilities)
        return Decided(proposed, [token.start for token in tokens], probabilities)

    def _spans(
        self, text: str, tokens: list[Token], rows: list[list[bytes]], probabilities: list[float]
    ) -> Iterator[Finding]:
        tagger = self._tagger
        tagger.set(rows)
        run: list[tuple[Token, str, float]] = []
        for at, token in enumerate(tokens):
            likely = 1 - tagger.marginal(OUTSIDE, at)
            probabilities.append(likely)
            if likely < self.threshold:
                if run:
                    yield from joined(run)
                    run = []
                continue
            shares = [tagger.marginal(name, at) for name in self.labels]
            label = self.labels[shares.index(max(shares))]
            if run and (label != run[-1][1] or "\n" in text[run[-1][0].end : token.start]):
                yield from joined(run)
                run = []
            run.append((token, label, likely))
        if run:
            yield from joined(run)


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
    import lzma

    return SpanModel(lzma.decompress((DATA / WEIGHTS).read_bytes()))


def train(
    sequences: Iterable[tuple[list[list[bytes]], list[str]]],
    *,
    iterations: int = 80,
    c1: float = 0.2,
    c2: float = 0.05,
) -> bytes:
    """Weights learnt from feature rows and labels (L-BFGS with elastic net; deterministic)."""
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
