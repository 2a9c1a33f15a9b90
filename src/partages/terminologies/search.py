"""Search of CIM-10 by what a clinician wrote: which code does this mention stand for?

Every code is described by one or more phrases: its long label, clinicians' terms
(``data/synonyms.tsv``, ``data/synonyms/*.tsv``), and, for the code that an unspecified mention gets, the
labels of the categories above it. A phrase and a passage are compared three ways, and the scores added:

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
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from itertools import pairwise
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from partages.terminologies import cim10, kept, precision, ranking, words
from partages.terminologies.cim10 import MCO, Hit, Nomenclature
from partages.terminologies.postings import Postings
from partages.terminologies.sites import Sites

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
    retired: float = 0.5
    external: float = 0.75
    never_principal: float = 0.97
    residual: float = 0.96
    """Factor on "Autres ..."."""
    finer: float = 0.98
    """Factor a level below a code that may itself be used: the coarser one needs no further word."""
    usual: float = 0.99
    """Factor on a phrase credited to the usual subdivision ("sans plaie") of a code that MCO allows."""


WEIGHTS = Weights()
OPPOSITE = 0.8
"""Factor on a phrase that says the opposite of the passage."""
GRAMS = (2, 3, 4)
COMMONEST = 0.35
"""Share of phrases above which a 2-4-gram is left out: it costs much and tells little."""
_CUT = re.compile(r"[\n.;:,()/]|\b(?:avec|et|sur|chez|dans|pour|compliquée?s?|associée?s?)\b", re.IGNORECASE)
LONGEST = 20_000
"""Characters of a passage that are read; one mention of a diagnosis is never that long."""
MOST_PARTS = 24
"""Parts of a passage that are also searched one by one."""
PART_SHARE, HELD_SHARE = 0.5, 0.3
"""Weight of the best part, and of the words that the code's phrases hold together, beside the whole passage,
in what is near."""
LOOKED_AT = (250, 150, 100)
"""Candidates taken by nearness, by the whole passage, by the best part."""
NEAREST_CATEGORIES, MOST_KIN = 5, 100
"""Categories whose usable codes are all candidates, and how many codes of each."""
LEAST = 1e-12
"""Score under which codes are ordered by resemblance alone."""


def grams(tokens: Iterable[str]) -> list[str]:
    """2-4-grams of each word, with its edges marked by spaces."""
    return [gram for token in tokens for gram in _grams(token)]


@lru_cache(maxsize=65_536)
def _grams(token: str) -> tuple[str, ...]:
    padded = f" {token} "
    return tuple(padded[i : i + size] for size in GRAMS for i in range(len(padded) - size + 1))


def neighbours(tokens: Sequence[str]) -> list[str]:
    """Pairs of words that follow each other, whatever their order."""
    return ["_".join(sorted(pair)) for pair in pairwise(tokens)]


@dataclass(frozen=True, slots=True)
class Phrase:
    """A way to say a code. ``factor`` multiplies its score."""

    code: int
    tokens: tuple[str, ...]
    factor: float
    clinical: bool = False
    """A clinician's term, not an official label."""


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """One value a phrase: the score, its parts, and the share of its neighbouring words found as such."""

    total: Scores
    cosine: Scores
    covered: Scores
    near: Scores
    asked: Scores
    pairs: Scores

    def columns(self) -> tuple[Scores, ...]:
        return self.total, self.cosine, self.covered, self.near, self.pairs


@dataclass(frozen=True, eq=False)
class Reading:
    """What a passage says of each code.

    Attributes:
        numbers: the candidate codes, in the order of the table.
        rows: their figures, columns ``ranking.NAMES``.
        near: resemblance of every code, candidates or not.
    """

    numbers: NDArray[np.int64]
    rows: ranking.Figures
    near: Scores

    @cached_property
    def total(self) -> Scores:
        """One logit a candidate."""
        return ranking.total(self.rows)

    @cached_property
    def scores(self) -> Scores:
        """From 0 to 1 for every code: the share of each candidate, and the others below them by
        resemblance."""
        share = np.exp(self.total - self.total.max()).astype(np.float64)
        near = self.near[self.numbers]
        share = np.where(near > 0, share / share.sum() + LEAST + near * LEAST / 4, 0)
        out = self.near * np.float32(LEAST / 4)  # ``near`` is at most 3
        out[self.numbers] = share
        return out


@dataclass(frozen=True, slots=True)
class Match:
    """A phrase that a passage resembles: its code, the score, the share of it covered, its words."""

    code: str
    score: float
    covered: float
    tokens: tuple[str, ...]
    clinical: bool


def synonym_files() -> list[Traversable]:
    """Files of clinicians' terms: ``data/synonyms.tsv``, then those of its folder ``synonyms``, by name."""
    data = files(__package__).joinpath("data")
    alone, folder = data.joinpath("synonyms.tsv"), data.joinpath("synonyms")
    inside = sorted(folder.iterdir(), key=lambda file: file.name) if folder.is_dir() else []
    return [file for file in (alone, *inside) if file.is_file() and file.name.endswith(".tsv")]


def synonyms() -> list[tuple[str, str]]:
    """Clinicians' terms: (code, term), each pair once."""
    pairs: dict[tuple[str, str], None] = {}
    for file in synonym_files():
        for line in file.read_text(encoding="utf-8").splitlines():
            if line and not line.startswith("#"):
                code, terms = line.split("\t")
                pairs.update({(code, term): None for each in terms.split(";") if (term := each.strip())})
    return list(pairs)


Demanders = dict[str, tuple[NDArray[np.int64], float]]


def _demands(phrases: Sequence[tuple[str, ...]]) -> tuple[Scores, Demanders]:
    """Logarithm of the factor on each phrase when all it demands is absent; and who demands each word."""
    text = files(__package__).joinpath("data", "qualifiers.tsv").read_text(encoding="utf-8")
    lines = (line.split("\t") for line in text.splitlines() if line and not line.startswith("#"))
    cost = {words.stem(word): math.log(float(factor)) for word, factor in lines}
    holding: dict[str, list[int]] = {}
    for row, phrase in enumerate(phrases):
        for word in cost.keys() & set(phrase):
            holding.setdefault(word, []).append(row)
    demanders = {word: (np.array(rows), cost[word]) for word, rows in holding.items()}
    total = np.zeros(len(phrases), np.float32)
    for rows, penalty in demanders.values():
        total[rows] += penalty
    return total, demanders


def _opposites(phrases: Sequence[tuple[str, ...]]) -> list[tuple[str, str, NDArray[np.int64]]]:
    """For each ordered pair of opposites: the word said, the word it excludes, who holds that one alone."""
    text = files(__package__).joinpath("data", "opposites.tsv").read_text(encoding="utf-8")
    pairs = [line.split("\t") for line in text.splitlines() if line and not line.startswith("#")]
    members = {word for pair in pairs for word in pair}
    holding: dict[str, set[int]] = {word: set() for word in members}
    for row, phrase in enumerate(phrases):
        for word in members & set(phrase):
            holding[word].add(row)
    return [
        (said, denied, np.array(sorted(holding[denied] - holding[said]), dtype=np.int64))
        for pair in pairs
        for said, denied in (pair, pair[::-1])
    ]


_OPTIONAL = re.compile(r"\([^()]*\)")


def _forms(label: str) -> set[tuple[str, ...]]:
    """Canonical words of a label, with and without what it puts in parentheses.

    In ICD-10, words in parentheses may be absent from the diagnosis (WHO, ICD-10 volume 2, 3.1.4).
    """
    texts = [words.without_denied(label), words.without_denied(_OPTIONAL.sub(" ", label))]
    return {tokens for text in texts if (tokens := tuple(words.canonical(words.cut(text))))}


def _groups(keys: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where each run of equal keys begins, and the run of each place."""
    changes = np.array([True, *(first != second for first, second in pairwise(keys))])
    return np.flatnonzero(changes), np.cumsum(changes) - 1


class Index:
    """The searchable nomenclature. Building it takes some seconds; ``index`` keeps it in a file."""

    def __init__(
        self,
        nomenclature: Nomenclature,
        weights: Weights = WEIGHTS,
        stored: Mapping[str, NDArray[np.generic]] | None = None,
    ) -> None:
        self.nomenclature = nomenclature
        self.weights = weights
        self.names = list(nomenclature)
        self.numbers = {name: i for i, name in enumerate(self.names)}
        self._categories: dict[str, tuple[int, int]] = {}
        for number, name in enumerate(self.names):
            first, _ = self._categories.get(name[:3], (number, number))
            self._categories[name[:3]] = (first, number + 1)
        self._category_starts, self._category_of = _groups([name[:3] for name in self.names])
        self._subcategory_starts, self._subcategory_of = _groups([name[:4] for name in self.names])
        if stored is None:
            phrases = sorted(self._phrases(), key=lambda phrase: phrase.code)
            self._codes = np.array([p.code for p in phrases], dtype=np.int32)
            self._factor = np.array([p.factor for p in phrases], dtype=np.float32)
            self._clinical = np.array([p.clinical for p in phrases])
            self._phrase_tokens = [p.tokens for p in phrases]
            self.by_words = Postings.build(self._phrase_tokens)
            self.by_grams = Postings.build(
                [() if self._is_accident(self.names[p.code]) else grams(p.tokens) for p in phrases],
                COMMONEST,
            )
            self.by_pairs = Postings.build([neighbours(tokens) for tokens in self._phrase_tokens])
            self.by_code = Postings.build(self._together([p.code for p in phrases], len(self.names)))
            categories = [self._category_of[p.code] for p in phrases]
            self.by_category = Postings.build(self._together(categories, len(self._categories)))
        else:
            self._codes = stored["codes"].astype(np.int32)
            self._factor = stored["factor"].astype(np.float32)
            self._clinical = stored["clinical"].astype(bool)
            lines = stored["tokens"].tobytes().decode().split("\n")
            self._phrase_tokens = [tuple(line.split()) for line in lines]
            self.by_words = Postings.from_arrays(stored, "words")
            self.by_grams = Postings.from_arrays(stored, "grams")
            self.by_pairs = Postings.from_arrays(stored, "pairs")
            self.by_code = Postings.from_arrays(stored, "code")
            self.by_category = Postings.from_arrays(stored, "category")
        self._first = np.flatnonzero(np.diff(self._codes, prepend=-1))
        self._present = self._codes[self._first]
        self._mass = np.bincount(
            self.by_words.rows, np.repeat(self.by_words.idf, np.diff(self.by_words.start)), len(self._codes)
        ).astype(np.float32)
        self._lengths = np.array([len(tokens) for tokens in self._phrase_tokens], dtype=np.float32)
        terms = np.bincount(self._codes[self._clinical], minlength=len(self.names))
        self._fixed = ranking.fixed(
            nomenclature, terms, np.add.reduceat(terms, self._category_starts)[self._category_of]
        )
        self._free = np.array([nomenclature[name].type is MCO.FREE for name in self.names])
        self._sites = Sites(nomenclature)
        self.speller = words.Speller(self.by_words.ids)
        demand, self._demanders = _demands(self._phrase_tokens)
        self._asked = self._factor * np.exp(demand)
        self._against = _opposites(self._phrase_tokens)

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """All that ``stored`` needs to make this index again without building it."""
        lines = "\n".join(" ".join(tokens) for tokens in self._phrase_tokens)
        return {
            "codes": self._codes,
            "factor": self._factor,
            "clinical": self._clinical,
            "tokens": np.frombuffer(lines.encode(), dtype=np.uint8),
            **self.by_words.arrays("words"),
            **self.by_grams.arrays("grams"),
            **self.by_pairs.arrays("pairs"),
            **self.by_code.arrays("code"),
            **self.by_category.arrays("category"),
        }

    def _together(self, groups: Iterable[int], count: int) -> list[list[str]]:
        """The different words of the phrases of each group."""
        held: list[dict[str, None]] = [{} for _ in range(count)]
        for group, tokens in zip(groups, self._phrase_tokens, strict=True):
            held[group].update(dict.fromkeys(tokens))
        return [list(tokens) for tokens in held]

    def _is_accident(self, name: str) -> bool:
        return name[0] in "VWXY" and self.nomenclature[name].type is MCO.EXTERNAL_CAUSE and len(name) > 4

    def _phrases(self) -> Iterable[Phrase]:
        w = self.weights
        for name, code in self.nomenclature.items():
            number = self.numbers[name]
            if code.retired:  # never before the codes in use, but a passage may still attest one
                for tokens in _forms(code.title):
                    yield Phrase(number, tokens, w.retired)
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
            usual = self.nomenclature.usual_child(name)
            if usual is not None:
                for tokens in forms:
                    yield Phrase(self.numbers[usual], tokens, factor * w.usual)
            leaf = self.nomenclature.default_leaf(name)
            if leaf != name and self.nomenclature[leaf].type is not MCO.FORBIDDEN:
                for tokens in forms:
                    yield Phrase(self.numbers[leaf], tokens, w.category)
        for name, term in synonyms():
            leaf = self.nomenclature.default_leaf(name)
            tokens = tuple(words.canonical(words.expand(term)))
            yield Phrase(self.numbers[leaf], tokens, w.synonym, True)
            usual = self.nomenclature.usual_child(leaf)
            if usual is not None:
                yield Phrase(self.numbers[usual], tokens, w.synonym * w.usual, True)

    def tokens(self, text: str) -> list[str]:
        """Canonical words of a passage, misspelt ones corrected."""
        expanded = words.expand(words.without_denied(text))
        return [self.speller.correct(word) for word in words.canonical(expanded)]

    def _by_code(self, by_phrase: Scores) -> Scores:
        out = np.zeros(len(self.names), np.float32)
        out[self._present] = np.maximum.reduceat(by_phrase, self._first)
        return out

    def category(self, number: int) -> tuple[int, int]:
        """Where the category of a code begins and ends in the table."""
        start, stop = self._categories[self.names[number][:3]]
        return start, stop

    def read(self, text: str, also: Sequence[int] = (), without: NDArray[np.int64] | None = None) -> Reading:
        """Compare a passage with the whole nomenclature, then rank the nearest codes by learned weights.

        Args:
            also: numbers of codes to rank even if they are not near.
            without: phrases to do without, so that the weights are learned on terms the index does not hold.
        """
        text = text[:LONGEST]
        tokens = self.tokens(text)
        parts = dict.fromkeys(tuple(self.tokens(part)) for part in _CUT.split(words.without_denied(text)))
        apart = [part for part in parts if part and len(part) < len(tokens)][:MOST_PARTS]
        compared = self._compare(tokens)
        by_part = [self._compare(part, by_letters=False).total for part in apart]
        held = self.by_code.held(tokens)
        kin = self.by_category.held(tokens)
        if without is not None:
            for phrases in (*compared.columns(), *by_part):
                phrases[without] = 0
            self._withhold(held, kin, tokens, without)
        whole = self._by_code(compared.total)
        scores = [self._by_code(part) for part in by_part] or [whole]
        best_part = np.maximum.reduce(scores)
        near = whole + PART_SHARE * best_part + HELD_SHARE * (held + kin[self._category_of])
        numbers = self._candidates(near, whole, best_part, also)
        rows = self._rows(numbers, text, tokens, compared, whole, scores, [len(p) for p in apart] or [1])
        rows[:, ranking.NAMES.index("held_by_code")] = held[numbers]
        rows[:, ranking.NAMES.index("held_by_category")] = kin[self._category_of[numbers]]
        return Reading(numbers, rows, near)

    def _compare(self, tokens: Sequence[str], by_letters: bool = True) -> Compared:
        """Each phrase against some words.

        Args:
            by_letters: compare 2-4-grams and neighbours too; else words count for letters, at half the cost.
        """
        w = self.weights
        cosine, covered = self.by_words.scores(tokens)
        near = self.by_grams.cosines(grams(tokens)) if by_letters else cosine
        total = w.words * cosine + w.coverage * covered * np.minimum(1, 2 * cosine) + w.characters * near
        asked = self._asked.copy()
        for token in set(tokens) & self._demanders.keys():
            holding, penalty = self._demanders[token]
            asked[holding] *= math.exp(-penalty)
        for said, denied, holding in self._against:
            if said in tokens and denied not in tokens:
                asked[holding] *= OPPOSITE
        pairs = self.by_pairs.shares(neighbours(tokens)) if by_letters else cosine
        return Compared(total * asked, cosine, covered, near, asked, pairs)

    def _candidates(
        self, near: Scores, whole: Scores, best_part: Scores, also: Sequence[int]
    ) -> NDArray[np.int64]:
        """Codes worth a closer look: the nearest three ways, and the usable codes of the nearest
        categories."""
        first = [
            np.argpartition(-scores, count)[:count]
            for scores, count in zip((near, whole, best_part), LOOKED_AT, strict=True)
        ]
        best = np.argsort(-near[first[0]], kind="stable")
        kin: list[NDArray[np.int64]] = []
        seen: set[int] = set()
        for number in first[0][best]:
            category = int(self._category_of[number])
            if category not in seen:
                seen.add(category)
                start, stop = self.category(int(number))
                inside = np.arange(start, stop)
                kin.append(inside[self._free[start:stop]][:MOST_KIN])
            if len(seen) == NEAREST_CATEGORIES:
                break
        return np.unique(np.concatenate([*first, *kin, np.array(also, dtype=np.int64)]))

    def _rows(
        self,
        numbers: NDArray[np.int64],
        text: str,
        tokens: Sequence[str],
        compared: Compared,
        whole: Scores,
        scores: Sequence[Scores],
        lengths: Sequence[int],
    ) -> ranking.Figures:
        """Columns ``ranking.NAMES`` of some codes."""
        chosen = np.zeros(len(self.names), bool)
        chosen[numbers] = True
        phrases = np.flatnonzero(chosen[self._codes])
        order = phrases[np.lexsort((-compared.total[phrases], self._codes[phrases]))]
        nearest = order[np.flatnonzero(np.diff(self._codes[order], prepend=-1))]
        place = np.full(len(self.names), -1)
        place[self._codes[nearest]] = nearest
        phrase = place[numbers]
        there = phrase >= 0
        columns: dict[str, Scores] = {}
        for name, values in (
            ("words", compared.cosine),
            ("covered", compared.covered),
            ("letters", compared.near),
            ("asked", compared.asked),
            ("pairs", compared.pairs),
            ("one_word", self._lengths == 1),
            ("length", self._lengths),
            ("clinical", self._clinical),
            ("mass", self._mass * compared.covered),
        ):
            columns[name] = np.where(there, values[phrase], 0)
        columns["length"] = np.log1p(columns["length"])
        columns["mass"] = np.log1p(columns["mass"])
        at = np.stack([part[numbers] for part in scores])
        columns["whole"] = whole[numbers]
        columns["best_part"] = at.max(axis=0)
        columns["first_part"] = at[0]
        columns["early_part"] = (at * ranking.LATE ** np.arange(len(at))[:, None]).max(axis=0)
        columns["shared_parts"] = (at * np.array(lengths)[:, None]).sum(axis=0) / sum(lengths)
        best_part = np.maximum.reduce(scores)
        columns["category_whole"] = np.maximum.reduceat(whole, self._category_starts)[
            self._category_of[numbers]
        ]
        columns["category_part"] = np.maximum.reduceat(best_part, self._category_starts)[
            self._category_of[numbers]
        ]
        columns["subcategory_whole"] = np.maximum.reduceat(whole, self._subcategory_starts)[
            self._subcategory_of[numbers]
        ]
        columns["behind_category"] = columns["category_whole"] - columns["whole"]
        columns["behind_best"] = whole.max() - columns["whole"]
        columns["behind_best_part"] = best_part.max() - columns["best_part"]
        columns["site"] = self._sites.agreement(text, numbers)
        columns["contradicted"] = precision.contradicted(
            [self.names[number] for number in numbers], text, self.nomenclature
        )
        columns["passage_length"] = np.full(len(numbers), math.log1p(len(tokens)))
        columns["best_whole"] = np.full(len(numbers), whole.max())
        out = np.zeros((len(numbers), len(ranking.NAMES)), np.float32)
        for column, name in enumerate(ranking.FROM_PASSAGE):
            if name in columns:
                out[:, column] = columns[name]
        out[:, len(ranking.FROM_PASSAGE) :] = self._fixed[numbers]
        return out

    def _withhold(self, held: Scores, kin: Scores, tokens: Sequence[str], without: NDArray[np.int64]) -> None:
        """Take from what codes and categories hold of a passage the words that only some phrases give
        them."""
        gone = set(without.tolist())
        said = set(tokens)
        for number in {int(n) for n in self._codes[without]}:
            first, last = np.searchsorted(self._codes, [number, number + 1])
            kept = said & self._words_of(first, last, gone)
            held[number] = self.by_code.held_by(kept, tokens)
            start, stop = self.category(number)
            first, last = np.searchsorted(self._codes, [start, stop])
            kept = said & self._words_of(first, last, gone)
            kin[self._category_of[number]] = self.by_category.held_by(kept, tokens)

    def _words_of(self, first: int, last: int, gone: set[int]) -> set[str]:
        return {token for i in range(first, last) if i not in gone for token in self._phrase_tokens[i]}

    def scores(self, text: str) -> Scores:
        """How likely a passage means each code, in the order of the table, from 0 to 1."""
        return self.read(text).scores

    def covered(self, tokens: Sequence[str]) -> float:
        """The largest share of any phrase that a passage holds: much cheaper than ``match``."""
        return float(self.by_words.shares(tokens).max())

    def share(self, word: str, name: str) -> float:
        """Share of the phrases holding a word that are of the chapter (first letter) of a code."""
        at = self.by_words.ids.get(word)
        if at is None:
            return 0.0
        codes = self._codes[self.by_words.rows[self.by_words.start[at] : self.by_words.start[at + 1]]]
        return sum(self.names[code][0] == name[0] for code in codes) / len(codes)

    def match(self, tokens: Sequence[str], top: int) -> list[Match]:
        """The phrases nearest to a short passage, best first, one a code."""
        compared = self._compare(tokens)
        total, covered = compared.total, compared.covered
        count = min(4 * top, len(total))
        chosen = np.argpartition(-total, count - 1)[:count]
        ordered = chosen[np.lexsort((chosen, -total[chosen]))]
        found: dict[str, Match] = {}
        for row in ordered:
            name = self.names[self._codes[row]]
            score, share = float(min(1, total[row])), float(min(1, covered[row]))
            found.setdefault(
                name, Match(name, score, share, self._phrase_tokens[row], bool(self._clinical[row]))
            )
        return list(found.values())[:top]

    def search(self, text: str, top: int) -> list[Hit]:
        """The nearest codes, best first; fewer than ``top`` only when nothing else has any word in common."""
        scores = self.scores(text)
        return self.rank(scores, top)

    def rank(self, scores: Scores, top: int) -> list[Hit]:
        top = min(top, len(scores))
        chosen = np.argpartition(-scores, top - 1)[:top] if top < len(scores) else np.arange(len(scores))
        ordered = chosen[np.lexsort((chosen, -scores[chosen]))]
        return [Hit(self.names[i], float(f"{min(1.0, float(scores[i])):.4g}")) for i in ordered]


def fingerprint() -> str:
    """SHA-256 of all that an index is made from: the table, the data files and this code."""
    digest = hashlib.sha256(cim10.table_bytes())
    package = files(__package__)
    for name in ("search.py", "postings.py", "words.py", "cim10.py"):
        digest.update(package.joinpath(name).read_bytes())
    for name in ("abbreviations.tsv", "words.tsv", "common.txt"):
        digest.update(package.joinpath("data", name).read_bytes())
    for file in synonym_files():
        digest.update(file.read_bytes())
    return digest.hexdigest()


_lock = Lock()
_opened: dict[Path, Index] = {}


def index(folder: Path | None = None) -> Index:
    """The index of the whole nomenclature, one per process and folder.

    Read from ``folder`` if it is there, whole, and made from the same data by the same code; else built
    (some seconds) and kept there if that folder can be written.

    Args:
        folder: where it is kept; by default that of the settings.
    """
    from partages.settings import Settings

    folder = Settings().cache_folder if folder is None else folder
    with _lock:
        if folder not in _opened:
            path = folder / f"cim10-{fingerprint()[:16]}.idx"
            stored = kept.read(path)
            _opened[folder] = Index(cim10.load(), stored=stored)
            if stored is None:
                kept.write(path, _opened[folder].arrays())
    return _opened[folder]
