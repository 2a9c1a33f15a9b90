"""What a build did, as numbers: by step and source, what came in, went out and why, with examples."""

import gzip
import json
import zlib
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from partages.corpus import decontaminate
from partages.corpus.licences import licences
from partages.corpus.mixture import Key, rates, totals_in
from partages.corpus.plan import Plan
from partages.corpus.quality import RULES

STEPS = (
    "read",
    "normalise",
    "language",
    "quality",
    "personal",
    "duplicates",
    "passages",
    "decontaminate",
    "topics",
)
EXAMPLES = 3
"""Examples of each reason."""
SHOWN = 300
"""Characters of an example."""


def gather(folder: Path, output: Path, plan: Plan) -> dict[str, Any]:
    """All that the card and the page say; nothing that changes from one run to the next."""
    sources = plan.sources()
    used = sorted(sources)
    known = licences()
    return {
        "name": plan.name,
        "edition": plan.edition,
        "steps": {step: _step(folder / "counts" / step, output / "rejected" / step) for step in STEPS},
        "corpus": _made(folder / "made"),
        "sources": {
            name: {
                **{key: value for key, value in asdict(sources[name]).items() if key != "options"},
                "licence_name": known[sources[name].licence].name,
                "licence_url": known[sources[name].licence].url,
            }
            for name in used
        },
        "refused": [{"location": place, "reason": reason} for place, reason in plan.refused],
        "aside": [{"source": name, "use": use} for name, use in plan.aside],
        "benchmarks": _benchmarks(folder / "benchmarks.npz", plan),
        "mix": {**asdict(plan.mix), "rates": _rates(folder, plan)},
        "rules": {
            name: {"limit": rule.limit, "unit": rule.unit, "original": rule.original, "why": rule.why}
            for name, rule in RULES.items()
        },
    }


def _benchmarks(path: Path, plan: Plan) -> list[dict[str, Any]]:
    """Each benchmark of the project or of the user: how many texts of which split are known, what is missing, whether it was left in."""
    index = decontaminate.remembered(path)
    found = [
        {"name": name, "parts": dict(one["parts"]), "missing": list(one["missing"]), "kept": False}
        for name, one in index.coverage.items()
    ]
    found += [
        {"name": name, "parts": {"all": int((index.names == at).sum() + (index.whole_names == at).sum())}, "missing": [], "kept": False}
        for at, name in enumerate(index.benchmarks)
        if name.removesuffix(decontaminate.TRAIN) not in {*index.coverage, *plan.keep_benchmarks}
    ]  # fmt: skip
    found += [{"name": name, "parts": {}, "missing": [], "kept": True} for name in plan.keep_benchmarks]
    return sorted(found, key=lambda one: str(one["name"]))


def _rates(folder: Path, plan: Plan) -> dict[str, float]:
    found: dict[Key, float] = rates(plan.mix, totals_in(folder / "totals.json"))
    return {
        f"{source} {kind}": round(rate, 4)
        for (source, kind, split), rate in sorted(found.items())
        if split == "train"
    }


def _step(counts: Path, rejected: Path) -> dict[str, Any]:
    flows: dict[str, dict[str, Counter[str]]] = {}
    facts: Counter[str] = Counter()
    damages: list[dict[str, str]] = []
    for path in sorted(counts.glob("*.json")):
        told = json.loads(path.read_text(encoding="utf-8"))
        facts.update(told["facts"])
        damages += told["damages"]
        for source, named in told["flows"].items():
            for name, numbers in named.items():
                flows.setdefault(source, {}).setdefault(name, Counter()).update(numbers)
    by_source = {}
    for source, named in sorted(flows.items()):
        dropped: dict[str, dict[str, Any]] = {"document": {}, "paragraph": {}}
        for name, numbers in sorted(named.items()):
            unit, _, reason = name.partition(":")
            if reason:
                dropped[unit][reason] = dict(numbers)
        by_source[source] = {
            "in": {"documents": 0, "words": 0, **named.get("in", {})},
            "out": {"documents": 0, "words": 0, **named.get("out", {})},
            "dropped": dropped,
        }
    return {
        "sources": by_source,
        "facts": dict(sorted(facts.items())),
        "damages": damages,
        "examples": _examples(rejected),
    }


def _examples(rejected: Path) -> dict[str, list[dict[str, Any]]]:
    """A few texts of each reason, spread over the file rather than its first ones; no benchmark question, since this is published."""
    found = {}
    for path in sorted(rejected.glob("*.ndjson.gz")):
        best: list[tuple[int, dict[str, Any]]] = []
        with gzip.open(path, "rt", encoding="utf-8") as file:
            for line in file:
                row = json.loads(line)
                best.append((zlib.crc32(f"{row['id']}{row['text'][:80]}".encode()), row))
                if len(best) > 200:
                    best = sorted(best, key=lambda pair: pair[0])[:EXAMPLES]
        found[path.name.removesuffix(".ndjson.gz")] = [
            {key: row[key] for key in ("id", "source", "unit", "words", "detail")}
            | {"text": "" if row["reason"] == "benchmark" else row["text"][:SHOWN]}
            for _, row in sorted(best, key=lambda pair: pair[0])[:EXAMPLES]
        ]
    return found


def _made(folder: Path) -> dict[str, dict[str, dict[str, int]]]:
    found: dict[str, dict[str, Counter[str]]] = {}
    for path in sorted(folder.glob("*.json")):
        for group, values in json.loads(path.read_text(encoding="utf-8")).items():
            for value, numbers in values.items():
                found.setdefault(group, {}).setdefault(value, Counter()).update(numbers)
    return {
        group: {value: dict(numbers) for value, numbers in sorted(values.items())}
        for group, values in sorted(found.items())
    }
