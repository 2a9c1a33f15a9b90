"""How well ``code`` chooses the DP and the DAS of a stay.

    python benchmarks/stays.py [--errors]

Reads ``data/stays/*.jsonl``: fictitious stays of many specialties, written for this project, each with the codes
that may be its DP (``dp``), the DAS that must be found (``das``) and those that may be proposed as well (``allowed``).
``dev`` and ``held-out``: 30 short stays (30 to 65 words), several DP accepted, one DAS found is enough. ``long-*``: 42 whole
reports (100 to 200 words), 25 of them ambulatory, with their CCAM acts, nearly always one DP accepted, each DAS counted;
their codes were decided before any program had read them. Prints for each file:
exact DP, first three characters of the DP, stays whose DAS is found, share of the proposed DAS that are right; with
bootstrap intervals over stays (1,000 draws, 95 %), beside the heaviest mention taken as DP. The errors of ``held-out``
are not to be read.
"""

import argparse
import json
import random
from pathlib import Path
from typing import Any

from partages.documents import Document
from partages.terminologies.cim10 import MCO
from partages.terminologies.search import index
from partages.usecases.code.engine import code
from partages.usecases.code.schema import Options, Proposal

DATA = Path(__file__).parent / "data/stays"


def read(split: str) -> list[dict[str, Any]]:
    """The stays of a file."""
    return [json.loads(line) for line in (DATA / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()]


def judge(stay: dict[str, Any], principal: str, associated: list[str]) -> dict[str, tuple[int, int]]:
    """(right, counted) by measure."""
    each = "ccam" in stay
    found = [any(a[:3] == name[:3] for a in associated) for name in stay["das"]]
    known = {name[:3] for name in stay["dp"] + stay["das"] + stay["allowed"]}
    return {
        "DP exact": (any(principal.startswith(name) for name in stay["dp"]), 1),
        "DP, 3 characters": (any(principal[:3] == name[:3] for name in stay["dp"]), 1),
        "DAS found": (sum(found), len(found)) if each else (any(found), bool(found)),
        "DAS right": (sum(name[:3] in known for name in associated), len(associated)),
    }


def is_right(stay: dict[str, Any], name: str, role: str | None) -> bool:
    """Whether a proposal is one that the author admits: the exact code for a DP, three characters for a DAS."""
    if role == "DP":
        return any(name.startswith(principal) for principal in stay["dp"])
    return name[:3] in {known[:3] for known in stay["dp"] + stay["das"] + stay["allowed"]}


def reliability(pairs: list[tuple[float, bool]], steps: int = 5) -> str:
    """By slice of score: mean score, share right, proposals."""
    cells = []
    for step in range(steps):
        inside = [
            (s, r)
            for s, r in pairs
            if step / steps <= s < (step + 1) / steps or (step == steps - 1 and s == 1)
        ]
        if inside:
            said = sum(s for s, _ in inside) / len(inside)
            right = sum(r for _, r in inside) / len(inside)
            cells.append(f"said {said:.2f}, right {right:.2f} ({len(inside)})")
    return "; ".join(cells)


def show(name: str, judged: list[dict[str, tuple[int, int]]]) -> None:
    """Print one line, intervals included."""
    draw = random.Random(0)
    draws = [draw.choices(judged, k=len(judged)) for _ in range(1000)]
    cells = []
    for measure in judged[0]:

        def share(sample: list[dict[str, tuple[int, int]]], measure: str = measure) -> float:
            return sum(s[measure][0] for s in sample) / max(1, sum(s[measure][1] for s in sample))

        values = sorted(share(sample) for sample in draws)
        cells.append(f"{share(judged):.2f} [{values[25]:.2f}, {values[974]:.2f}]")
    print(f"| {name} | {len(judged)} | {' | '.join(cells)} |")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--errors", action="store_true", help="show the wrong DP of dev")
    errors = parser.parse_args().errors
    nomenclature = index().nomenclature
    print("| | stays | DP exact | DP, 3 characters | DAS found | DAS right |")
    print("| --- | --- | --- | --- | --- | --- |")
    reliable: list[str] = []
    for split in ("dev", "held-out", "long-dev", "long-held-out"):
        ours, heaviest, scored = [], [], []
        for stay in read(split):
            found = code(Document(stay["id"], stay["text"]), Options(ccam=stay.get("ccam", []))).codes
            scored += [(p.score, is_right(stay, p.code, p.role)) for p in found]
            principal = next((p.code for p in found if p.role == "DP"), "")
            ours.append(judge(stay, principal, [p.code for p in found if p.role == "DAS"]))
            free = [p for p in found if nomenclature[p.code].type is MCO.FREE]
            best = max(free, key=lambda p: p.score, default=None)
            others = [p.code for p in found if p is not best]
            heaviest.append(judge(stay, best.code if isinstance(best, Proposal) else "", others))
            if errors and split in ("dev", "long-dev"):
                print(f"{stay['id']}: {principal} for {stay['dp']}; DAS {others} for {stay['das']}")
        show(f"{split}, partages", ours)
        reliable.append(f"{split}: {reliability(scored)}")
        show(f"{split}, heaviest mention", heaviest)
    print("\nReliability of the scores of proposals:\n" + "\n".join(reliable))


if __name__ == "__main__":
    main()
