"""How well ``conclude`` tells the sentences that a report supports from those it does not.

    python benchmarks/conclude.py

Reads ``data/conclude/*.tsv``: fictitious extracts, each with a sentence that they support or not, judged by hand. Prints,
for each file, sensitivity (unsupported sentences that are flagged) and false alarms (supported ones that are), with
bootstrap intervals over extracts (1,000 draws, 95 %), beside what could be used instead: the share of the sentence's
words that stand in the extract (ROUGE-1 precision), flagged below the threshold that is best on ``dev``.

Then the course of treatments, on fictitious reports with the conclusion that a physician would write: each of its sentences that
says a drug stopped or kept, as it is (how many of them are flagged for it), and turned round (« arrêtée » for « poursuivie », and
back; how many are). The rules were made while looking at ``FIRST``; on the other files they flagged 0.76 and 0.02 at first sight,
and were completed with what those showed.
"""

import json
import random
import re
from collections import defaultdict
from pathlib import Path

from partages.text import fold
from partages.usecases.conclude import treatments
from partages.usecases.conclude.checking import check

DATA = Path(__file__).parent / "data/conclude"
REPORTS = Path(__file__).parents[1] / "scripts/reports"
FIRST = ("autres-specialites", "chirurgie", "medecine", "oncologie")
_TURNED = [
    ("arrêt", "poursuite"), ("arrêté", "poursuivi"), ("arrêtée", "poursuivie"), ("arrêtés", "poursuivis"), ("arrêtées", "poursuivies"),
    ("interrompu", "maintenu"), ("interrompue", "maintenue"), ("suspendu", "maintenu"), ("suspendue", "maintenue"), ("suspension", "maintien"),
]  # fmt: skip
TURNED = dict(_TURNED) | {kept: stopped for stopped, kept in reversed(_TURNED)}
Row = tuple[bool, str, str]
"""(supported, extract, sentence)"""


def read(split: str) -> list[Row]:
    """The rows of a file."""
    lines = (DATA / f"{split}.tsv").read_text(encoding="utf-8").splitlines()
    cells = [line.split("\t") for line in lines if not line.startswith("#")]
    return [(verdict == "yes", extract, sentence) for verdict, _, extract, sentence in cells]


def words_shared(extract: str, sentence: str) -> float:
    """Share of the sentence's words that stand in the extract, folded."""
    words = re.findall(r"\w+", fold(sentence))
    held = set(re.findall(r"\w+", fold(extract)))
    return sum(word in held for word in words) / max(1, len(words))


def rates(rows: list[tuple[str, bool, bool]]) -> tuple[float, float]:
    """(sensitivity, false alarms) of rows (extract, supported, flagged)."""
    wrong = [flagged for _, supported, flagged in rows if not supported]
    right = [flagged for _, supported, flagged in rows if supported]
    return sum(wrong) / max(1, len(wrong)), sum(right) / max(1, len(right))


def show(name: str, rows: list[tuple[str, bool, bool]]) -> None:
    """Print both rates with their intervals."""
    grouped = defaultdict(list)
    for row in rows:
        grouped[row[0]].append(row)
    draw = random.Random(0)
    extracts = list(grouped)
    draws = [
        rates([row for extract in draw.choices(extracts, k=len(extracts)) for row in grouped[extract]])
        for _ in range(1000)
    ]
    cells = []
    for at, value in enumerate(rates(rows)):
        values = sorted(d[at] for d in draws)
        cells.append(f"{value:.2f} [{values[25]:.2f}, {values[974]:.2f}]")
    print(f"| {name} | {len(rows)} | {' | '.join(cells)} |")


def said(sentence: str) -> list[frozenset[str]]:
    """Of each drug of a sentence, its course."""
    return [frozenset(course) for _, course in treatments.courses(sentence, 0, len(sentence), nearest=True)]


def courses(path: Path) -> list[tuple[str, bool, bool]]:
    """(report, whether the sentence is as written, whether a drug's course is flagged in it) of the conclusions of a file."""
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        one = json.loads(line)
        for sentence in (found.text for found in check(one["conclusion"], one["report"])):
            for word in re.finditer(r"\w+", sentence):
                other = TURNED.get(word.group().lower())
                if other is None:
                    continue
                turned = sentence[: word.start()] + other + sentence[word.end() :]
                if said(sentence) == said(turned):  # the word is not about a drug
                    continue
                for text, right in ((sentence, True), (turned, False)):
                    reasons = [reason for found in check(text, one["report"]) for reason in found.reasons]
                    rows.append(
                        (
                            one["report"],
                            right,
                            any("arrêté ici" in r or "poursuivi ici" in r for r in reasons),
                        )
                    )
    return rows


def main() -> None:
    dev = read("dev")
    threshold = max(
        (step / 20 for step in range(21)),
        key=lambda t: sum((words_shared(e, s) < t) != supported for supported, e, s in dev),
    )
    print("| | sentences | unsupported that are flagged | supported that are flagged |")
    print("| --- | --- | --- | --- |")
    for split in ("dev", "held-out"):
        rows = read(split)
        checked = [(e, ok, not all(s.supported for s in check(sentence, e))) for ok, e, sentence in rows]
        show(f"{split}, partages", checked)
        shared = [(e, ok, words_shared(e, sentence) < threshold) for ok, e, sentence in rows]
        show(f"{split}, words shared under {threshold:.2f}", shared)
    print("\n| course of a drug | sentences | turned round, flagged | as written, flagged |")
    print("| --- | --- | --- | --- |")
    files = sorted(REPORTS.glob("*.jsonl"))
    for name, first in (("files that the rules were made on", True), ("later files", False)):
        found = [row for path in files if (path.stem in FIRST) == first for row in courses(path)]
        if found:
            show(name, found)


if __name__ == "__main__":
    main()
