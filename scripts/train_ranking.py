"""Train the ranker and the attestation of ``partages.terminologies.ranking``.

    python scripts/train_ranking.py [--clauses 3500] [--cross]

Passages: clauses that this script makes from the terms and labels of the index (a term, what surrounds it in
a report, other diseases beside it, misspellings, abbreviations), the phrase itself hidden from the index for
most of them, so that the weights are learned on terms that the index does not hold; and the tuning halves of
the project's passages. Prints five-fold cross-validated figures on the tuning halves beside those of
resemblance alone, then writes ``src/partages/terminologies/data/ranking.json``. Some five minutes on one
core; the seed is fixed. Needs torch.
"""

import argparse
import json
import random
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from partages.terminal import progress_bar
from partages.terminologies import ranking, words
from partages.terminologies.cim10 import MCO
from partages.terminologies.search import Index, index, synonyms
from partages.text import strip_accents
from partages.usecases.code import attestation
from partages.usecases.code.evaluation import RANKS, hard, read

ROOT = Path(__file__).parents[1]
PASSAGES = ROOT / "benchmarks" / "data" / "passages"
SOURCES = {
    PASSAGES / "blind.tsv": 4.0,
    PASSAGES / "clauses.tsv": 4.0,
    PASSAGES / "clinical.tsv": 1.0,
    ROOT / "tests" / "usecases" / "code" / "golden" / "passages.tsv": 1.0,
}
"""Weight of each passage; the last two have their terms in the index."""
NOTHING = PASSAGES / "nothing.txt"
"""Lines of reports that attest no code."""
OUT = ROOT / "src" / "partages" / "terminologies" / "data" / "ranking.json"
SEED = 20261125
HIDDEN = 24
EPOCHS = 14
LEARNING_RATE = 3e-3
DECAY = 2e-3
MADE = 0.3
"""Weight of a made clause beside a passage of the tuning halves."""
EASY = 6
"""Codes of other passages set against each passage in the training of the attestation."""
PAIRS = 256
WITHHELD = 0.3
"""Share of made clauses whose phrase is taken out of the index."""
OFFICIAL = 0.3
"""Share of made clauses whose term is an official label."""
UNSPECIFIED = 0.25
"""Share of those whose term is the label of a divided category, which means its default leaf."""


def _surroundings() -> dict[str, list[str]]:
    text = (Path(__file__).parent / "ranking_clauses.txt").read_text(encoding="utf-8")
    found: dict[str, list[str]] = {}
    for line in text.splitlines()[1:]:
        if line.startswith("["):
            found[line.strip("[]")] = kept = []
        else:
            kept.append(line.replace("_", " "))
    return found


SURROUNDINGS = _surroundings()
ALONE = 0.15
"""Share of made clauses with nothing before the term, and as many with nothing after it."""
SIDES = (" droit", " gauche", " D", " G", " bilatéral", " dt", " gche")


@dataclass(frozen=True, slots=True)
class Made:
    """A passage to learn from. ``without``: phrase of the index to hide, by its words, or nothing."""

    passage: str
    code: str
    without: tuple[str, ...] | None


def _damaged(term: str, draw: random.Random) -> str:
    """As it is typed: abbreviations, no accents, a letter lost or doubled, a word left out, a side."""
    if draw.random() < 0.3:
        term = _shortened(term, draw)
    parts = term.split()
    if len(parts) > 3 and draw.random() < 0.25:
        parts.pop(draw.randrange(len(parts)))
    if draw.random() < 0.12:
        at = draw.randrange(len(parts))
        word = parts[at]
        if len(word) > 6:
            place = draw.randrange(2, len(word) - 1)
            parts[at] = word[:place] + draw.choice(("", word[place] * 2)) + word[place + 1 :]
    term = " ".join(parts)
    if draw.random() < 0.2:
        term = strip_accents(term)
    if draw.random() < 0.2:
        term += draw.choice(SIDES)
    if draw.random() < 0.05:
        term = term.upper()
    return term[:1].lower() + term[1:] if draw.random() < 0.6 and term[1:2].islower() else term


def _abbreviations() -> list[tuple[re.Pattern[str], str]]:
    text = (ROOT / "src/partages/terminologies/data/abbreviations.tsv").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in text.splitlines() if line and not line.startswith("#"))
    return [(re.compile(rf"\b{re.escape(m)}\b", re.IGNORECASE), s) for s, m in rows if " " in m or len(m) > 7]


SHORT = _abbreviations()


def _shortened(term: str, draw: random.Random) -> str:
    options = [(pattern, short) for pattern, short in SHORT if pattern.search(strip_accents(term))]
    if not options or strip_accents(term) == "":
        return term
    pattern, short = draw.choice(options)
    return pattern.sub(short if draw.random() < 0.4 else short.upper(), strip_accents(term), count=1)


def make(searched: Index, count: int, draw: random.Random) -> Iterator[Made]:
    """Clauses from terms (codes with many terms oftener) and from labels of codes that may be a DP."""
    table = searched.nomenclature
    terms = [(table.default_leaf(code), term) for code, term in synonyms()]
    by_code: dict[str, list[str]] = {}
    for code, term in terms:
        by_code.setdefault(code, []).append(term)
    codes = list(by_code)
    mass = [len(by_code[code]) ** 0.5 for code in codes]
    free = [name for name, code in table.items() if code.type is MCO.FREE and not code.retired]
    for _ in range(count):
        official = draw.random() < OFFICIAL
        if official:
            code = draw.choice(free) if draw.random() < 0.3 else draw.choices(codes, mass)[0]
            if draw.random() < UNSPECIFIED:
                divided = draw.choice((code[:3], code[:4]))
                code = divided if divided in table else code
            term = re.sub(r"[\[(][^\])]*[\])]", "", table[code].label).strip()
        else:
            code = draw.choices(codes, mass)[0]
            term = draw.choice(by_code[code])
        code = table.default_leaf(code)
        held = tuple(words.canonical(words.cut(term) if official else words.expand(term)))
        said = _damaged(term, draw)
        if draw.random() < 0.35:
            other = draw.choice(terms)[1] if draw.random() < 0.8 else table[draw.choice(free)].label
            beside = _damaged(other, draw)
            said = (
                beside + draw.choice((", ", " : ", " révélant ", " sur ")) + said
                if draw.random() < 0.25
                else said + draw.choice(SURROUNDINGS["joined"]) + beside
            )
        before = "" if draw.random() < ALONE else draw.choice(SURROUNDINGS["before"])
        after = "" if draw.random() < ALONE else draw.choice(SURROUNDINGS["after"])
        yield Made(before + said + after, code, held if draw.random() < WITHHELD else None)


@dataclass(eq=False)
class Group:
    """A passage ready to learn from: figures of its candidates, and where the right one is."""

    rows: np.ndarray
    numbers: np.ndarray
    near: np.ndarray
    right: int
    weight: float
    source: str


def _phrases(searched: Index, code: str, held: tuple[str, ...]) -> np.ndarray:
    """Phrases of the category made of the same words, whatever their order."""
    start, stop = searched.category(searched.numbers[code])
    first, last = np.searchsorted(searched._codes, [start, stop])
    wanted = set(held)
    return np.array(
        [i for i in range(first, last) if set(searched._phrase_tokens[i]) == wanted], dtype=np.int64
    )


def group(searched: Index, made: Made, weight: float, source: str) -> Group | None:
    number = searched.numbers[made.code]
    without = _phrases(searched, made.code, made.without) if made.without else None
    reading = searched.read(made.passage, [number], without if without is not None and len(without) else None)
    near = reading.near[reading.numbers]
    right = int(np.searchsorted(reading.numbers, number))
    if near[right] <= 0 and source == "made":
        return None
    return Group(reading.rows, reading.numbers, near, right, weight, source)


class Ranker(torch.nn.Module):
    def __init__(self, width: int, mean: np.ndarray, scale: np.ndarray) -> None:
        super().__init__()
        self.mean, self.scale = torch.tensor(mean), torch.tensor(scale)
        self.inner = torch.nn.Linear(width, HIDDEN)
        self.outer = torch.nn.Linear(HIDDEN, 1, bias=False)
        self.straight = torch.nn.Linear(width, 1)
        torch.nn.init.zeros_(self.straight.weight)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        rows = (rows - self.mean) / self.scale
        return (self.outer(torch.relu(self.inner(rows))) + self.straight(rows))[:, 0]

    def stored(self) -> dict[str, list[object]]:
        def plain(tensor: torch.Tensor, digits: int = 4) -> list[object]:
            return np.round(tensor.detach().numpy().astype(float), digits).tolist()

        return {
            "mean": plain(self.mean),
            "scale": plain(self.scale, 5),
            "inner": plain(self.inner.weight.T),
            "bias": plain(self.inner.bias),
            "outer": plain(self.outer.weight[0]),
            "straight": plain(self.straight.weight[0]),
            "last": plain(self.straight.bias),
        }


def fit(groups: Sequence[Group], seed: int, masked: Sequence[int] = ()) -> Ranker:
    """The right code before the other candidates of its passage: softmax, AdamW, cosine decay."""
    torch.manual_seed(seed)
    everything = np.concatenate([g.rows for g in groups[:3000]])
    mean, scale = everything.mean(axis=0), everything.std(axis=0) + 1e-3
    scale[list(masked)] = 1e6
    model = Ranker(everything.shape[1], mean, scale)
    steps = EPOCHS * (len(groups) // 32 + 1)
    optimiser = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    order = list(range(len(groups)))
    draw = random.Random(seed)
    for _ in range(EPOCHS):
        draw.shuffle(order)
        for at in range(0, len(order), 32):
            batch = [groups[i] for i in order[at : at + 32]]
            totals = model(torch.tensor(np.concatenate([g.rows for g in batch])))
            lost = []
            for scores, g in zip(totals.split([len(g.rows) for g in batch]), batch, strict=True):
                lost.append(g.weight * (torch.logsumexp(scores, 0) - scores[g.right]))
            loss = torch.stack(lost).sum() / sum(g.weight for g in batch)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    return model


def rank(g: Group, totals: np.ndarray) -> int:
    return int((totals >= totals[g.right]).sum()) if g.near[g.right] > 0 else 99_999


def show(name: str, found: Sequence[int]) -> None:
    hits = "  ".join(f"@{n} {np.mean(np.array(found) <= n):.3f}" for n in RANKS)
    sys.stdout.write(f"{name:44} n={len(found)}  {hits}\n")
    sys.stdout.flush()


def totals(model: Ranker, g: Group) -> np.ndarray:
    with torch.no_grad():
        return model(torch.tensor(g.rows)).numpy()


def cross(
    made: Sequence[Group], real: Sequence[Group], masked: Sequence[int] = (), folds: int = 5
) -> list[int]:
    """Rank of the right code of each real passage, by a model that has not seen it."""
    order = np.random.default_rng(SEED).permutation(len(real))
    found = [0] * len(real)
    for fold in range(folds):
        test = set(order[fold::folds].tolist())
        model = fit([*made, *(g for i, g in enumerate(real) if i not in test)], SEED, masked)
        for i in test:
            found[i] = rank(real[i], totals(model, real[i]))
    return found


def gather(searched: Index, count: int) -> tuple[list[Group], list[Group]]:
    real = [
        group(
            searched,
            Made(case.passage, case.code, None),
            weight,
            path.stem if path.stem != "passages" else "golden",
        )
        for path, weight in SOURCES.items()
        for case in read(path)
        if case.split == "tune"
    ]
    made = []
    with progress_bar(count) as advance:
        for each in make(searched, count, random.Random(SEED)):
            made.append(group(searched, each, MADE, "made"))
            advance()
    return [g for g in made if g], [g for g in real if g]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clauses", type=int, default=3500)
    parser.add_argument("--cross", action="store_true", help="cross-validate on the tuning halves first")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    searched = index()
    made, real = gather(searched, asked.clauses)
    sources = list(dict.fromkeys(g.source for g in real))

    def table(title: str, found: Sequence[int]) -> None:
        for source in sources:
            show(f"{title}, {source}", [f for f, g in zip(found, real, strict=True) if g.source == source])

    table("resemblance alone", [rank(g, g.near) for g in real])
    if asked.cross:
        table("learned, crossed", cross(made, real))
    model = fit([*made, *real], SEED)
    table("learned, on itself", [rank(g, totals(model, g)) for g in real])
    write({"columns": ranking.NAMES, "ranking": model.stored()})
    write({"attested": fit_attested(searched, asked.clauses * 3 // 35).stored()})


def fit_attested(searched: Index, count: int) -> Ranker:
    """Pairs of a passage and a code; right, easy wrong and hard wrong ones weigh 2, 1 and 1 in all."""
    draw = random.Random(SEED + 1)
    weighed = [
        (Made(case.passage, case.code, None), weight)
        for path, weight in SOURCES.items()
        for case in read(path)
        if case.split == "tune"
    ]
    weighed += [(made, MADE) for made in make(searched, count, draw)]
    codes = sorted({made.code for made, _ in weighed})
    sides: tuple[list[np.ndarray], ...] = ([], [], [])
    masses: tuple[list[np.ndarray], ...] = ([], [], [])

    def add(side: int, made: Made, names: Sequence[str], weight: float) -> None:
        numbers = [searched.numbers[name] for name in names]
        without = _phrases(searched, made.code, made.without) if made.without else None
        reading = searched.read(
            made.passage, numbers, without if without is not None and len(without) else None
        )
        sides[side].append(attestation.measures(searched, reading, numbers))
        masses[side].append(np.full(len(numbers), weight))

    with progress_bar(len(weighed)) as advance:
        for made, weight in weighed:
            scores = searched.scores(made.passage)
            add(0, made, [made.code], weight)
            add(
                1,
                made,
                draw.sample([code for code in codes if code[:3] != made.code[:3]], EASY),
                weight / EASY,
            )
            close = hard(searched, scores, made.code)
            add(2, made, close, weight / max(1, len(close)))
            advance()
    for passage in NOTHING.read_text(encoding="utf-8").splitlines():
        first = [hit.code for hit in searched.rank(searched.scores(passage), 10)]
        add(2, Made(passage, first[0], None), first, 0.4)
    x = torch.tensor(np.concatenate([np.concatenate(side) for side in sides]))
    mass = torch.tensor(
        np.concatenate(
            [
                np.concatenate(m) / np.concatenate(m).sum() * share
                for m, share in zip(masses, (0.5, 0.25, 0.25), strict=True)
            ]
        ),
        dtype=torch.float32,
    )
    y = torch.tensor(
        np.repeat([1.0, 0.0, 0.0], [sum(len(b) for b in side) for side in sides]), dtype=torch.float32
    )
    torch.manual_seed(SEED)
    mean, scale = x.numpy().mean(axis=0), x.numpy().std(axis=0) + 1e-3
    model = Ranker(x.shape[1], mean, scale)
    optimiser = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=DECAY)
    steps = EPOCHS * (len(x) // PAIRS + 1)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(EPOCHS):
        for at in torch.randperm(len(x)).split(PAIRS):
            loss = torch.nn.functional.binary_cross_entropy_with_logits(
                model(x[at]), y[at], mass[at], reduction="sum"
            )
            optimiser.zero_grad()
            (loss / mass[at].sum()).backward()
            optimiser.step()
            schedule.step()
    return model


def write(stored: dict[str, object]) -> None:
    kept = json.loads(OUT.read_text(encoding="utf-8"))
    kept = kept if "ranking" in kept else {}
    OUT.write_text(json.dumps({**kept, **stored}) + "\n", encoding="utf-8")
    ranking.forget()


if __name__ == "__main__":
    main()
