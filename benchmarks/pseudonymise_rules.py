"""What the rules of ``pseudonymise`` miss and mask for nothing, to improve them.

    python benchmarks/pseudonymise_rules.py              recall by category and precision on the dev reports
    python benchmarks/pseudonymise_rules.py --errors     also every missed entity and every false mask, with context
    python benchmarks/pseudonymise_rules.py --real       masked characters per 100,000 of text without identifiers
    python benchmarks/pseudonymise_rules.py --held-out   the figures alone, on the reports nobody tunes on

``--real`` reads ``../shared/data`` (leaflets, lecture notes, cases): whatever is masked there is wrong, a few dates
and towns aside. An entity is found when each of its characters is masked; precision counts masked characters.
"""

import argparse
import gzip
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from partages.documents import Span
from partages.usecases.pseudonymise.engine import detect
from reports import read_reports

SHARED = Path(__file__).parents[2] / "shared/data"
AROUND = 45


def context(text: str, start: int, end: int) -> str:
    before, after = text[max(0, start - AROUND) : start], text[end : end + AROUND]
    return f"{before}[[{text[start:end]}]]{after}".replace("\n", "⏎")


def reports(split: str, errors: bool) -> None:
    found, total, right, masked = Counter(), Counter(), 0, 0
    missed, false = [], []
    for document, gold in read_reports(split):
        text = document.text
        spans = detect(text, statistical=False)
        inside = {i for s in spans for i in range(s.start, s.end)}
        wanted = {i for s in gold.spans for i in range(s.start, s.end)}
        right += len(inside & wanted)
        masked += len(inside)
        for span in gold.spans:
            total[span.label] += 1
            if all(i in inside for i in range(span.start, span.end)):
                found[span.label] += 1
            else:
                missed.append((span.label, document.id[:3], context(text, span.start, span.end)))
        for span in spans:
            if any(i not in wanted and text[i].isalnum() for i in range(span.start, span.end)):
                false.append((span.label, document.id[:3], context(text, span.start, span.end)))
    for label, count in total.most_common():
        print(f"{label:24} {found[label]:4}/{count:4} {found[label] / count:.3f}")
    print(f"recall {sum(found.values()) / sum(total.values()):.4f}  character precision {right / masked:.4f}")
    if errors:
        for title, rows in (("MISSED", missed), ("FALSE", false)):
            print(f"\n== {title} ({len(rows)})")
            for row in sorted(rows):
                print(" ".join(row))


def real_texts(size: int) -> Iterator[tuple[str, str]]:
    """Documents drawn with a fixed seed, about ``size`` characters of each source."""
    sources = {path.name: path for path in sorted((SHARED / "corpus").glob("*.gz"))}
    for name, path in sources.items():
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            drawn = list(lines)
        random.Random(0).shuffle(drawn)
        taken = 0
        for line in drawn:
            line = line[:20_000].replace("\\n", "\n")
            yield name, line
            taken += len(line)
            if taken > size:
                break
    cases = sorted((SHARED / "frasimed").rglob("*.txt"))
    random.Random(0).shuffle(cases)
    taken = 0
    for path in cases:
        yield "frasimed", path.read_text()
        taken += path.stat().st_size
        if taken > size:
            break


def real(size: int, errors: int) -> None:
    length, masked = Counter(), Counter()
    by_label: Counter[tuple[str, str]] = Counter()
    samples: list[tuple[str, Span, str]] = []
    start = time.process_time()
    for name, text in real_texts(size):
        length[name] += len(text)
        for span in detect(text, statistical=False):
            masked[name] += span.end - span.start
            by_label[name, span.label] += span.end - span.start
            samples.append((name, span, context(text, span.start, span.end)))
    print(f"{sum(length.values()) / (time.process_time() - start):,.0f} characters/s")
    for name in length:
        labels = {
            label: round(count * 1e5 / length[name])
            for (source, label), count in by_label.most_common()
            if source == name and count * 1e5 / length[name] >= 1
        }
        print(f"{name:24} {masked[name] * 1e5 / length[name]:8.0f} per 100,000  {labels}")
    for name, span, shown in random.Random(1).sample(samples, min(errors, len(samples))):
        print(name[:8], span.label, span.score, shown)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--errors", action="store_true")
    parser.add_argument("--real", action="store_true")
    parser.add_argument("--held-out", action="store_true")
    parser.add_argument("--size", type=int, default=200_000, help="characters of each real source")
    parser.add_argument("--sample", type=int, default=0, help="false masks shown with --real")
    options = parser.parse_args()
    if options.real:
        real(options.size, options.sample)
    else:
        reports("held-out" if options.held_out else "dev", options.errors and not options.held_out)


if __name__ == "__main__":
    main()
