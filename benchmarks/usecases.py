"""Speed, memory and quality of the three use cases on real and fictitious reports.

    python benchmarks/usecases.py --documents 100

Reads the 1,630 FRASIMED cases of ``../shared/data`` when they are there, else the sample reports. Prints, for
one process and for two: documents/s, characters/s, median and 95th percentile of the latency of a document (one
process), start-up time, peak memory (parent and workers). Then, for ``pseudonymise``, recall of entities whose every
character is masked and precision of masked characters on the annotated reports, with document-level bootstrap
intervals (1,000 draws, 95 %).
"""

import argparse
import random
import resource
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from partages import batch
from partages.inputs import Record
from partages.resources import Resources
from partages.samples import all_samples
from partages.usecases import all_usecases
from partages.usecases.pseudonymise.engine import detect
from reports import read_reports

FRASIMED = Path(__file__).parents[2] / "shared/data/frasimed"


def texts(count: int) -> list[str]:
    """The first cases in alphabetical order, or the samples again and again."""
    if FRASIMED.is_dir():
        return [path.read_text() for path in sorted(FRASIMED.rglob("*.txt"))[:count]]
    print("FRASIMED is not at hand: the sample reports are used instead")
    samples = [sample.text for sample in all_samples()]
    return [samples[n % len(samples)] for n in range(count)]


def peak_megabytes() -> float:
    return (
        sum(resource.getrusage(w).ru_maxrss for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 1000
    )


def speed(name: str, documents: list[str]) -> None:
    usecase, resources = all_usecases()[name], Resources()
    options = usecase.options()
    start = time.perf_counter()
    usecase.warm(resources)
    start_up = time.perf_counter() - start
    records = [Record(str(n), lambda text=text: (text, [])) for n, text in enumerate(documents)]
    latencies, failed = [], 0
    for record in records:
        start = time.perf_counter()
        failed += batch.process(usecase, record, options, resources).failed
        latencies.append(time.perf_counter() - start)
    one = sum(latencies)
    start = time.perf_counter()
    failed += sum(outcome.failed for outcome in batch.run(usecase, records, options, resources, jobs=2))
    two = time.perf_counter() - start
    characters = sum(map(len, documents))
    print(
        f"| {name} | {len(documents) / one:.1f} | {characters / one:,.0f} | {statistics.median(latencies) * 1000:.0f} "
        f"| {statistics.quantiles(latencies, n=20)[-1] * 1000:.0f} | {len(documents) / two:.1f} | {start_up:.1f} "
        f"| {peak_megabytes():.0f} | {failed} |"
    )


def quality(split: str, statistical: bool) -> None:
    rows = []
    for document, gold in read_reports(split):
        masked = {i for s in detect(document.text, statistical=statistical) for i in range(s.start, s.end)}
        right = {i for s in gold.spans for i in range(s.start, s.end)}
        found = sum(all(i in masked for i in range(s.start, s.end)) for s in gold.spans)
        rows.append((found, len(gold.spans), len(masked & right), len(masked)))
    draw = random.Random(0)
    draws = [draw.choices(rows, k=len(rows)) for _ in range(1000)]

    def ratio(sample: list[tuple[int, int, int, int]], at: int) -> float:
        return sum(r[at] for r in sample) / max(1, sum(r[at + 1] for r in sample))

    for label, at in (("recall", 0), ("character precision", 2)):
        values = sorted(ratio(d, at) for d in draws)
        engine = "full" if statistical else "rules"
        print(f"{split} {engine} {label}: {ratio(rows, at):.3f} [{values[25]:.3f}, {values[974]:.3f}]")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--documents", type=int, default=100)
    documents = texts(parser.parse_args().documents)
    print(
        "| use case | docs/s | chars/s | median ms | p95 ms | docs/s, 2 processes | start-up s | peak MB | failed |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for name in all_usecases():
        speed(name, documents)
    for split in ("dev", "held-out"):
        for statistical in (True, False):
            quality(split, statistical)


if __name__ == "__main__":
    main()
