"""The same small language model, trained on as many characters of raw text and of built text, on clean text of another source.

    python benchmarks/corpus_model.py ../shared/data/corpus corpus/ ../shared/data/morfitt/dev.tsv
    python benchmarks/corpus_model.py --neural --characters 1000000 --draws 2 ../shared/data/corpus corpus/ ../shared/data/morfitt/dev.tsv

The first model is a sequence of character n-grams, orders 0 to 8, interpolated as Witten and Bell (1991; Chen and Goodman 1999, section 2.6):
it trains in seconds, so that several draws can be compared. Passages of 2,000 characters are drawn from each side with the
same seeds. ``--neural``: a recurrent network (GRU, one layer of 320 units, 0.5 million parameters) reads UTF-8 bytes once, from the same
first weights on both sides; a few minutes. The held-out abstracts are MORFITT's (MIT); those that either side holds are left out (WMT18 has some). Lower is better.
"""

import argparse
import csv
import gzip
import math
import random
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

ORDER = 8
PASSAGE = 2000
MIX = np.uint64(0x9E3779B97F4A7C15)


def codes(text: str) -> np.ndarray:
    return np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32).astype(np.uint64)


def contexts(text: np.ndarray, order: int) -> np.ndarray:
    """A number for the ``order`` characters before each place; places without so many have those there are."""
    found = np.full(len(text), order, dtype=np.uint64)
    for back in range(order, 0, -1):
        before = np.concatenate([np.zeros(back, dtype=np.uint64), text[:-back]])
        found = (found ^ (found >> np.uint64(29))) * MIX + before
    return found


class Counts:
    """Of one order: how often each context, each continuation, and how many kinds of continuation."""

    def __init__(self, text: np.ndarray, order: int) -> None:
        held = contexts(text, order)
        joined = held * MIX + text
        self.joined, self.joined_counts = np.unique(joined, return_counts=True)
        self.contexts, self.context_counts = np.unique(held, return_counts=True)
        first = np.unique(joined, return_index=True)[1]
        kinds, times = np.unique(held[first], return_counts=True)
        self.kinds = times[np.searchsorted(kinds, self.contexts)]
        self.order = order

    def refine(self, text: np.ndarray, lower: np.ndarray) -> np.ndarray:
        held = contexts(text, self.order)
        at = np.minimum(np.searchsorted(self.contexts, held), len(self.contexts) - 1)
        known = self.contexts[at] == held
        joined = held * MIX + text
        to = np.minimum(np.searchsorted(self.joined, joined), len(self.joined) - 1)
        count = np.where(self.joined[to] == joined, self.joined_counts[to], 0)
        total, kinds = self.context_counts[at], self.kinds[at]
        return np.where(known, (count + kinds * lower) / (total + kinds), lower)


def bits(model: list[Counts], text: str) -> float:
    """Bits of a text."""
    given = codes(text)
    chance = np.full(len(given), 1 / 1000)
    for counts in model:
        chance = counts.refine(given, chance)
    return float(-np.log2(chance).sum())


def passages(texts: list[str], size: int, seed: int) -> str:
    draw = random.Random(seed)
    weights = [len(text) for text in texts]
    taken, held = 0, []
    for text in draw.choices(texts, weights=weights, k=4 * size // PASSAGE + 10):
        at = draw.randrange(max(1, len(text) - PASSAGE + 1))
        held.append(text[at : at + PASSAGE])
        taken += len(held[-1]) + 1
        if taken >= size:
            break
    return "\n".join(held)[:size]


def unseen(held: list[str], texts: list[str]) -> list[str]:
    """The held-out texts that no text of either side holds, as decontamination tells them."""
    from partages.corpus import decontaminate
    from partages.corpus.words import numbers, split

    index = decontaminate.build((str(at), split(one)) for at, one in enumerate(held))
    seen = {int(index.benchmark(found)) for text in texts for found, _ in index.find(numbers(split(text)))}
    print(f"{len(seen)} of {len(held)} held-out texts are in what is learnt, and are left out")
    return [one for at, one in enumerate(held) if at not in seen]


class Network:
    """A recurrent network over bytes, trained by one reading of a text."""

    WIDTH, EMBEDDING, BATCH, LENGTH = 320, 96, 32, 128

    def __init__(self, text: str, seed: int) -> None:
        import torch
        from torch.nn.functional import cross_entropy

        torch.set_num_threads(1)
        torch.manual_seed(seed)
        self.parts = torch.nn.ModuleDict(
            {
                "in": torch.nn.Embedding(256, self.EMBEDDING),
                "gru": torch.nn.GRU(self.EMBEDDING, self.WIDTH, batch_first=True),
                "out": torch.nn.Linear(self.WIDTH, 256),
            }
        )
        given = torch.tensor(list(text.encode()))
        rows = given[: len(given) // self.BATCH * self.BATCH].view(self.BATCH, -1)
        steps = (rows.shape[1] - 1) // self.LENGTH
        optimiser = torch.optim.AdamW(self.parts.parameters(), lr=4e-3)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, total_steps=steps, pct_start=0.1)
        state = None
        for step in range(steps):
            at = step * self.LENGTH
            said, state = self.read(rows[:, at : at + self.LENGTH], state)
            state = state.detach()
            loss = cross_entropy(said.flatten(0, 1), rows[:, at + 1 : at + self.LENGTH + 1].flatten())
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.parts.parameters(), 1.0)
            optimiser.step()
            schedule.step()

    def read(self, given: Any, state: Any = None) -> tuple[Any, Any]:
        said, state = self.parts["gru"](self.parts["in"](given), state)
        return self.parts["out"](said), state

    def bits(self, texts: list[str]) -> list[float]:
        """Bits of each text, read from a blank state after a line end."""
        import torch

        found = [0.0] * len(texts)
        lengths = [len(text.encode()) for text in texts]
        order = sorted(range(len(texts)), key=lambda at: lengths[at])
        with torch.no_grad():
            for start in range(0, len(order), 40):
                group = order[start : start + 40]
                rows = [torch.tensor(list(b"\n" + texts[at].encode())) for at in group]
                rows = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=10)
                said = torch.log_softmax(self.read(rows[:, :-1])[0], dim=-1)
                each = said.gather(2, rows[:, 1:, None])[..., 0]
                for at, one in zip(group, each, strict=True):
                    found[at] = float(-one[: lengths[at]].double().sum()) / math.log(2)
        return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("raw", type=Path)
    parser.add_argument("built", type=Path)
    parser.add_argument("held_out", type=Path)
    parser.add_argument("--characters", type=int, default=4_000_000)
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--neural", action="store_true")
    given = parser.parse_args()
    built = [
        text
        for path in sorted((given.built / "data").glob("*.parquet"))
        for text in pq.read_table(path).column("text").to_pylist()
    ]
    raw = [
        line.strip()
        for path in sorted(given.raw.glob("*.txt.gz"))
        for line in gzip.open(path, "rt", encoding="utf-8")  # noqa: SIM115
    ]
    csv.field_size_limit(10**9)
    with given.held_out.open(encoding="utf-8", newline="") as file:
        held = [row["abstract"].strip() for row in csv.DictReader(file, delimiter="\t")][:400]
    held = unseen(held, [*raw, *built])
    length = sum(map(len, held))
    sides: dict[str, np.ndarray] = {}
    for name, texts in (("raw", raw), ("built", built)):
        every = []
        for seed in range(given.draws):
            text = passages(texts, given.characters, seed)
            if given.neural:
                every.append(Network(text, seed).bits(held))
            else:
                model = [Counts(codes(text), order) for order in range(ORDER + 1)]
                every.append([bits(model, one) for one in held])
            print(f"{name}, draw {seed}: {sum(every[-1]) / length:.4f} bits a character", flush=True)
        sides[name] = np.array(every).mean(axis=0)
    lengths = np.array([len(one) for one in held])
    draw = np.random.default_rng(0)
    again = []
    for _ in range(1000):
        rows = draw.integers(0, len(held), len(held))
        again.append((sides["built"][rows].sum() - sides["raw"][rows].sum()) / lengths[rows].sum())
    low, high = np.percentile(again, [2.5, 97.5])
    gain = (sides["built"].sum() - sides["raw"].sum()) / length
    print(
        f"built minus raw: {gain:+.4f} bits a character [{low:+.4f}, {high:+.4f}], {given.characters} characters each, {len(held)} abstracts"
    )


if __name__ == "__main__":
    main()
