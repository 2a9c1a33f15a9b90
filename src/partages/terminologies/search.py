"""Search of CIM-10 by what a clinician wrote: which code does this mention stand for?

Every code is described by one or more phrases: its long label, clinicians' terms
(``data/synonyms.tsv``), and, for the code that an unspecified mention gets, the labels of the categories
above it. A phrase and a passage are compared three ways, and the scores added:

- words: cosine of TF-IDF over canonical words (``partages.terminologies.words``);
- coverage: the share of the phrase, weighted by IDF, that the passage holds: an incidental word cannot
  carry a phrase whose other words are absent;
- characters: cosine of TF-IDF over 2-4-grams inside words, which forgives spelling and derivation.

The sum is then lowered for codes that demand what the passage does not say (``data/qualifiers.tsv``),
that MCO forbids, or that are external causes. Ablations: docs/experiments-code.md.
"""

import hashlib
import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from partages.terminologies import cim10, words
from partages.terminologies.cim10 import MCO, Hit, Nomenclature

Scores = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Weights:
    """How the parts add up. Chosen on the tuning half of the golden passages."""

    words: float = 0.45
    coverage: float = 0.2
    characters: float = 0.35
    synonym: float = 1.0
    category: float = 0.97
    """Factor on a phrase that is a category's label, credited to its default leaf."""
    forbidden: float = 0.55
    external: float = 0.75
    never_principal: float = 0.97
    residual: float = 0.96
    """Factor on "Autres ..."."""
    finer: float = 0.98
    """Factor a level below a code that may itself be used: the coarser one needs no further word."""
    segment: float = 0.97
    """Factor on a score reached by a part of the passage only."""


WEIGHTS = Weights()
GRAMS = (2, 3, 4)
COMMONEST = 0.35
"""Share of phrases above which a 2-4-gram is left out: it costs much and tells little."""
_CUT = re.compile(r"[\n.;:,()/]|\b(?:avec|et|sur|chez|dans|pour|compliquée?s?|associée?s?)\b", re.IGNORECASE)
LONG = 6
"""Canonical words from which the parts of a passage are also searched one by one."""


def grams(tokens: Iterable[str]) -> list[str]:
    """2-4-grams of each word, with its edges marked by spaces."""
    out = []
    for token in tokens:
        padded = f" {token} "
        for size in GRAMS:
            out += [padded[i : i + size] for i in range(len(padded) - size + 1)]
    return out


class _Postings:
    """A sparse matrix by feature: which phrases hold it, with what weight."""

    def __init__(self, phrases: Sequence[Sequence[str]], commonest: float = 1.0) -> None:
        frequency = Counter(feature for phrase in phrases for feature in set(phrase))
        size = len(phrases)
        kept = [feature for feature, n in frequency.items() if n <= max(commonest * size, 1)]
        self.ids = {feature: i for i, feature in enumerate(kept)}
        self.idf = np.array([math.log((1 + size) / (1 + frequency[f])) + 1 for f in kept], dtype=np.float32)
        rows, cols, values = [], [], []
        for row, phrase in enumerate(phrases):
            for feature, n in Counter(phrase).items():
                column = self.ids.get(feature)
                if column is not None:
                    rows.append(row)
                    cols.append(column)
                    values.append(1 + math.log(n) if n > 1 else 1.0)
        row_array, col_array = np.array(rows, dtype=np.int32), np.array(cols, dtype=np.int32)
        weight = np.array(values, dtype=np.float32) * self.idf[col_array]
        norm = np.sqrt(np.bincount(row_array, weight**2, size))
        total = np.bincount(row_array, self.idf[col_array], size)
        order = np.argsort(col_array, kind="stable")
        self.rows = row_array[order]
        self.cosine = (weight / np.maximum(norm[row_array], 1e-9))[order].astype(np.float32)
        self.share = (self.idf[col_array] / np.maximum(total[row_array], 1e-9))[order].astype(np.float32)
        counts = np.bincount(col_array, minlength=len(kept))
        self.start = np.concatenate([[0], np.cumsum(counts)])
        self.size = size

    def query(self, features: Sequence[str]) -> tuple[NDArray[np.intp], Scores]:
        """Known features and their normalised weights."""
        counts = Counter(f for f in features if f in self.ids)
        if not counts:
            return np.empty(0, np.intp), np.empty(0, np.float32)
        columns = np.array([self.ids[f] for f in counts])
        weight = self.idf[columns] * np.array([1 + math.log(n) for n in counts.values()], dtype=np.float32)
        return columns, weight / float(np.sqrt((weight**2).sum()))

    def scores(self, columns: NDArray[np.intp], weight: Scores) -> tuple[Scores, Scores]:
        """Cosine with each phrase, and share of each phrase that is covered."""
        if not len(columns):
            nothing = np.zeros(self.size, np.float32)
            return nothing, nothing
        slices = [slice(self.start[c], self.start[c + 1]) for c in columns]
        rows = np.concatenate([self.rows[s] for s in slices])
        cosine = np.concatenate([self.cosine[s] * w for s, w in zip(slices, weight, strict=True)])
        share = np.concatenate([self.share[s] for s in slices])
        return (
            np.bincount(rows, cosine, self.size).astype(np.float32),
            np.bincount(rows, share, self.size).astype(np.float32),
        )


@dataclass(frozen=True, slots=True)
class Phrase:
    """A way to say a code. ``factor`` multiplies its score."""

    code: int
    tokens: tuple[str, ...]
    factor: float


@dataclass(frozen=True, slots=True)
class Match:
    """A phrase that a passage resembles: its code, the score, the share of it covered, its words."""

    code: str
    score: float
    covered: float
    tokens: tuple[str, ...]


def synonyms() -> list[tuple[str, str]]:
    """Clinicians' terms: (code, term)."""
    text = files(__package__).joinpath("data", "synonyms.tsv").read_text(encoding="utf-8")
    pairs = []
    for line in text.splitlines():
        if line and not line.startswith("#"):
            code, terms = line.split("\t")
            pairs += [(code, term.strip()) for term in terms.split(";")]
    return pairs


_OPTIONAL = re.compile(r"\([^()]*\)")


def _forms(label: str) -> set[tuple[str, ...]]:
    """Canonical words of a label, with and without what it puts in parentheses.

    In ICD-10, words in parentheses may be absent from the diagnosis (WHO, ICD-10 volume 2, 3.1.4).
    """
    texts = [words.without_denied(label), words.without_denied(_OPTIONAL.sub(" ", label))]
    return {tokens for text in texts if (tokens := tuple(words.canonical(words.cut(text))))}


class Index:
    """The searchable nomenclature. Building it takes some seconds; see ``load``."""

    def __init__(self, nomenclature: Nomenclature, weights: Weights = WEIGHTS) -> None:
        self.nomenclature = nomenclature
        self.weights = weights
        self.names = list(nomenclature)
        self.numbers = {name: i for i, name in enumerate(self.names)}
        phrases = sorted(self._phrases(), key=lambda phrase: phrase.code)
        self._phrase_tokens = [p.tokens for p in phrases]
        self._codes = np.array([p.code for p in phrases])
        self._factor = np.array([p.factor for p in phrases], dtype=np.float32)
        self._first = np.flatnonzero(np.diff(self._codes, prepend=-1))
        self._present = self._codes[self._first]
        self.by_words = _Postings([p.tokens for p in phrases])
        self.by_grams = _Postings(
            [() if self._is_accident(self.names[p.code]) else grams(p.tokens) for p in phrases], COMMONEST
        )
        self.speller = words.Speller(self.by_words.ids)
        self._qualifiers(phrases)

    def _is_accident(self, name: str) -> bool:
        return name[0] in "VWXY" and self.nomenclature[name].type is MCO.EXTERNAL_CAUSE and len(name) > 4

    def _phrases(self) -> Iterable[Phrase]:
        w = self.weights
        for name, code in self.nomenclature.items():
            number = self.numbers[name]
            if code.retired:
                continue
            factor = {
                MCO.FREE: 1.0,
                MCO.NEVER_PRINCIPAL: w.never_principal,
                MCO.EXTERNAL_CAUSE: w.external,
                MCO.FORBIDDEN: w.forbidden,
                MCO.NOT_DP: w.never_principal,
            }[code.type]
            if code.label.startswith(("Autre", "Autres")) or "autres" in code.label.lower():
                factor *= w.residual
            finer = sum(self.nomenclature[parent].type is not MCO.FORBIDDEN for parent in code.parents)
            factor *= w.finer**finer
            forms = _forms(code.label)
            for tokens in forms:
                yield Phrase(number, tokens, factor)
            leaf = self.nomenclature.default_leaf(name)
            if leaf != name and self.nomenclature[leaf].type is not MCO.FORBIDDEN:
                for tokens in forms:
                    yield Phrase(self.numbers[leaf], tokens, w.category)
        for name, term in synonyms():
            leaf = self.nomenclature.default_leaf(name)
            yield Phrase(self.numbers[leaf], tuple(words.canonical(words.expand(term))), w.synonym)

    def _qualifiers(self, phrases: Sequence[Phrase]) -> None:
        text = files(__package__).joinpath("data", "qualifiers.tsv").read_text(encoding="utf-8")
        lines = (line.split("\t") for line in text.splitlines() if line and not line.startswith("#"))
        demanded = {words.stem(word): math.log(float(factor)) for word, factor in lines}
        self._demand = np.zeros(len(phrases), np.float32)
        self._demanders: dict[str, tuple[NDArray[np.intp], float]] = {}
        for word, penalty in demanded.items():
            holding = np.array([i for i, p in enumerate(phrases) if word in p.tokens], dtype=np.intp)
            if len(holding):
                self._demand[holding] += penalty
                self._demanders[word] = (holding, penalty)

    def tokens(self, text: str) -> list[str]:
        """Canonical words of a passage, misspelt ones corrected."""
        expanded = words.expand(words.without_denied(text))
        return [self.speller.correct(word) for word in words.canonical(expanded)]

    def _by_phrase(self, tokens: Sequence[str]) -> tuple[Scores, Scores]:
        """Score of each phrase, and share of each that the passage covers."""
        w = self.weights
        cosine, covered = self.by_words.scores(*self.by_words.query(tokens))
        near, _ = self.by_grams.scores(*self.by_grams.query(grams(tokens)))
        total = w.words * cosine + w.coverage * covered * np.minimum(1, 2 * cosine) + w.characters * near
        demand = self._demand.copy()
        for token in set(tokens) & self._demanders.keys():
            holding, penalty = self._demanders[token]
            demand[holding] -= penalty
        return total * self._factor * np.exp(demand), covered

    def _score(self, tokens: Sequence[str]) -> Scores:
        total, _ = self._by_phrase(tokens)
        by_code = np.zeros(len(self.names), np.float32)
        by_code[self._present] = np.maximum.reduceat(total, self._first)
        return by_code

    def scores(self, text: str) -> Scores:
        """How near a passage is to each code, in the order of the table, from 0 to 1."""
        tokens = self.tokens(text)
        best = self._score(tokens)
        if len(tokens) >= LONG:
            parts = {tuple(self.tokens(part)) for part in _CUT.split(text)}
            for part in sorted(parts):
                if 0 < len(part) < len(tokens):
                    np.maximum(best, self.weights.segment * self._score(part), out=best)
        return best

    def match(self, tokens: Sequence[str], top: int) -> list[Match]:
        """The phrases nearest to a short passage, best first, one a code."""
        total, covered = self._by_phrase(tokens)
        count = min(4 * top, len(total))
        chosen = np.argpartition(-total, count - 1)[:count]
        ordered = chosen[np.lexsort((chosen, -total[chosen]))]
        found: dict[str, Match] = {}
        for row in ordered:
            name = self.names[self._codes[row]]
            score, share = float(min(1, total[row])), float(min(1, covered[row]))
            found.setdefault(name, Match(name, score, share, self._phrase_tokens[row]))
        return list(found.values())[:top]

    def search(self, text: str, top: int) -> list[Hit]:
        """The nearest codes, best first; fewer than ``top`` only when nothing else has any word in common."""
        scores = self.scores(text)
        return self.rank(scores, top)

    def rank(self, scores: Scores, top: int) -> list[Hit]:
        top = min(top, len(scores))
        chosen = np.argpartition(-scores, top - 1)[:top] if top < len(scores) else np.arange(len(scores))
        ordered = chosen[np.lexsort((chosen, -scores[chosen]))]
        return [Hit(self.names[i], round(float(min(1, scores[i])), 4)) for i in ordered]


def fingerprint() -> str:
    """SHA-256 of all that an index is made from: the table, the data files and this code."""
    digest = hashlib.sha256(cim10.table_bytes())
    package = files(__package__)
    for name in ("search.py", "words.py", "cim10.py"):
        digest.update(package.joinpath(name).read_bytes())
    for name in ("abbreviations.tsv", "words.tsv", "common.txt", "synonyms.tsv", "qualifiers.tsv"):
        digest.update(package.joinpath("data", name).read_bytes())
    return digest.hexdigest()


@cache
def index() -> Index:
    """The index of the whole nomenclature, once per process."""
    return Index(cim10.load())
