"""How much of what: copies of each document, from weights, a share of general French and a budget of tokens."""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from partages.corpus.plan import Mix
from partages.corpus.words import number

Key = tuple[str, str, str]
"""Source, kind, split."""


def add_up(folder: Path) -> dict[str, dict[str, int]]:
    """Documents, words and tokens that each task left, added by source, kind and split."""
    found: dict[str, Counter[str]] = {}
    for path in sorted(folder.glob("*.json")):
        for key, counts in json.loads(path.read_text(encoding="utf-8")).items():
            found.setdefault(key, Counter()).update(counts)
    return {key: dict(counts) for key, counts in sorted(found.items())}


def totals_in(path: Path) -> dict[Key, dict[str, int]]:
    """What there is to mix, by source, kind and split."""
    found = {}
    for key, counts in json.loads(path.read_text(encoding="utf-8")).items():
        source, kind, split = key.split("\t")
        found[source, kind, split] = counts
    return found


def rates(mix: Mix, totals: Mapping[Key, Mapping[str, int]]) -> dict[Key, float]:
    """Copies of a document of each source, kind and split.

    Only the train split is weighed: what is measured on is there once, or not at all where the weight is 0.
    The budget only takes away; more text than there is comes from weights above 1, which are asked for.
    """
    wanted = {key: mix.sources.get(key[0], 1.0) * mix.kinds.get(key[1], 1.0) for key in totals}
    train = [key for key in totals if key[2] == "train"]
    if mix.general_share is not None:
        general = sum(wanted[key] * totals[key]["words"] for key in train if key[0] in mix.general)
        rest = sum(wanted[key] * totals[key]["words"] for key in train if key[0] not in mix.general)
        allowed = rest * mix.general_share / (1 - mix.general_share) if mix.general_share < 1 else general
        scale = min(1.0, allowed / general) if general else 1.0
        wanted = {key: rate * (scale if key[0] in mix.general else 1.0) for key, rate in wanted.items()}
    if mix.tokens is not None:
        made = sum(wanted[key] * totals[key]["tokens"] for key in train)
        scale = min(1.0, mix.tokens / made) if made else 1.0
        wanted = {key: rate * (scale if key[2] == "train" else 1.0) for key, rate in wanted.items()}
    return {key: rate if key[2] == "train" else float(rate > 0) for key, rate in wanted.items()}


def copies(identifier: str, rate: float) -> int:
    """How many times a document is written: its rate, rounded up or down by its identifier."""
    whole = int(rate)
    return whole + (number(identifier) / 2**64 < rate - whole)
