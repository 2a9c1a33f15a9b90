"""Train the span model of ``pseudonymise``: one command, one core, about fifteen minutes.

    python scripts/train_pseudonymise.py                                  # the model that ships
    python scripts/train_pseudonymise.py --extra site/ --output site.xz   # with a hospital's own annotated documents
    python scripts/train_pseudonymise.py --cross-validate --count 1000    # figures on reports that were left out

``--extra`` takes JSON lines (``id``, ``text``, ``spans``), UIMA CAS JSON (INCEpTION's export), brat, or folders of them; it is
repeatable. Learns from generated reports (``benchmarks/generator``), from the ``dev`` half of ``benchmarks/data/reports`` of
``benchmarks/data/snippets``, the ``tune`` halves of its blind ones and its ``training`` ones with names, numbers and dates redrawn, and from real text without identifiers (``--negatives``, plain text) where every token is outside.
"""

import argparse
import lzma
import random
import re
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "benchmarks"), str(ROOT / "benchmarks/generator")]

from generate import MONTHS, Case, generate, noise, own_lines

from partages.documents import Span
from partages.inputs import read_records
from partages.usecases.pseudonymise import model
from partages.usecases.pseudonymise.engine import rules
from partages.usecases.pseudonymise.features import features, tokenise
from partages.usecases.pseudonymise.gazetteers import DATA
from partages.usecases.pseudonymise.view import view
from reports import read_reports
from snippets import OPTIONAL
from snippets import read as read_snippets

Sample = tuple[str, list[Span]]
NEGATIVES = ROOT.parent / "shared/data"
LIMIT = 5_000_000
"""Characters of one extra document, at most."""
REDRAWN = 8
"""Times each annotated report is read with other names, numbers and dates."""
_DATED = re.compile(
    rf"(?i)\b(?:19|20)\d\d\b|\d/\d\d?/|{'|'.join(MONTHS)}|hôpital|clinique de|centre hosp|universit"
)


def negatives(folder: Path, documents: int) -> tuple[list[str], list[str]]:
    """Sentences of real cases without date or hospital, and documents made of them; files whose number ends in 7 are left out."""
    sentences, texts = [], []
    for path in sorted(folder.glob("frasimed/*/*.txt")):
        if path.stem.endswith("7"):
            continue
        kept = [s for s in re.split(r"(?<=[.!?])\s+", path.read_text()) if not _DATED.search(s)]
        sentences += [s for s in kept if 20 < len(s) < 160]
        texts.append(" ".join(kept))
    draw = random.Random(0)
    draw.shuffle(texts)
    spoken = folder / "corpus/pxcorpus.txt"
    if spoken.exists():
        lines = [line for line in spoken.read_text().splitlines() if not _DATED.search(line)]
        texts = texts[:documents] + [
            "\n".join(lines[at : at + 8]) for at in range(0, min(400, len(lines)), 8)
        ]
    return sentences, texts[: documents + 50]


def redrawn(text: str, spans: list[Span], seed: str, others: list[str]) -> Sample:
    """The same report about other people, in other places, on other days; style and case are kept."""
    draw = random.Random(seed)
    case = Case("train", draw, own_lines("sentences.txt"))
    names: dict[tuple[str, str], str] = {}
    out: list[str] = []
    moved: list[tuple[int, int, str, dict[str, str]]] = []
    at = length = 0
    for span in sorted(spans, key=lambda s: s.start):
        value = text[span.start : span.end]
        between = text[at : span.start]
        new = value
        if any(c.isalpha() for c in value) and span.label in ("Nom", "Prenom") and "\n" not in value:
            key = (span.label, value.casefold())
            if key not in names:
                letters = "".join(c for c in value if c.isalpha())
                if (len(letters) <= 3 and letters.isupper()) or len(letters) == 1:
                    names[key] = "".join(draw.choice("ABCDEFGHJLMNPRSTV") for _ in letters)
                elif value.count(" ") > len(value) / 3:
                    names[key] = value
                else:
                    names[key] = case.surname() if span.label == "Nom" else case.first()
            new = names[key]
            new = new.upper() if value.isupper() else new.lower() if value.islower() else new
        elif span.label == "Ville" and draw.random() < 0.8:
            new = case.town()[0]
            new = new.upper() if value.isupper() else new.lower() if value.islower() else new
        elif span.label == "Etablissement" and draw.random() < 0.6:
            new = case.hospital()[0]
            new = new.upper() if value.isupper() else new.lower() if value.islower() else new
        elif span.label == "Adresse" and draw.random() < 0.5:
            new = case.street()[0]
        elif span.label in ("CodeIdentifiant", "NumeroTelephone", "CodePostal"):
            new = "".join(
                draw.choice("0123456789") if c.isdigit() and i else draw.choice("ABCDEFGHKLMNPRSTVX") if c.isupper() and c not in "OI" and i
                else c for i, c in enumerate(value)
            )  # fmt: skip
        elif span.label.startswith("Date"):
            new = re.sub(r"\d", lambda m: draw.choice("012" if m.start() == 0 else "0123456789"), value) if re.fullmatch(r"[\d/.-]+", value) and len(value) < 6 else value  # fmt: skip
            new = re.sub("|".join(MONTHS), lambda _: draw.choice(MONTHS), new)
        out += [between, new]
        length += len(between)
        moved.append((length, length + len(new), span.label, dict(span.attributes)))
        length += len(new)
        at = span.end
    out.append(text[at:])
    whole = "".join(out)
    if others and draw.random() < 0.5:
        whole += "\n" + " ".join(draw.choices(others, k=3))
    if draw.random() < 0.5:
        whole, moved = noise(whole, moved, draw)
    return whole, [Span(*m) for m in moved]


def seen(text: str, spans: Iterable[Span]) -> tuple[list[list[str]], list[str]]:
    """Feature rows and labels of one document."""
    looked = view(text)
    if looked.origin is not None:  # offsets of the view differ: bring the spans there
        place = {source: at for at, source in reversed(list(enumerate(looked.origin)))}
        spans = [
            Span(place[s.start], place[s.end - 1] + 1, s.label)
            for s in spans
            if s.start in place and s.end - 1 in place
        ]
    tokens = tokenise(looked.text)
    return features(looked.text, tokens, rules(looked.text)), model.labelled(tokens, list(spans))


def extra(paths: Iterable[Path]) -> Iterator[Sample]:
    """Documents that a hospital annotated, whatever their format."""
    for path in paths:
        for record in read_records([str(path)], LIMIT, sys.stdin.buffer):
            text, _ = record.load()
            spans = record.fields.get("annotations") or record.fields.get("spans") or []
            yield text, [Span(s["start"], s["end"], s["label"]) for s in spans]


def samples(
    given: argparse.Namespace, reports: Iterable[tuple[str, list[Span]]]
) -> Iterator[tuple[list[list[str]], list[str]]]:
    sentences, texts = negatives(given.negatives, given.real) if given.negatives.is_dir() else ([], [])
    if not texts:
        print("no real text at hand: the model learns from generated reports alone", file=sys.stderr)
    for report in generate("train", given.count, given.seed, sentences):
        yield seen(report["text"], [Span(**span) for span in report["spans"]])
    for text in texts:
        yield seen(text, [])
    for number, (text, spans) in enumerate(reports):
        yield seen(text, spans)
        for again in range(given.redrawn):
            yield seen(*redrawn(text, spans, f"{given.seed} {number} {again}", sentences))
    for text, spans in extra(given.extra):
        for _ in range(given.weight):
            yield seen(text, spans)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=3000, help="generated reports")
    parser.add_argument("--real", type=int, default=300, help="documents of real text without identifiers")
    parser.add_argument("--redrawn", type=int, default=REDRAWN)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--iterations", type=int, default=100)
    parser.add_argument("--negatives", type=Path, default=NEGATIVES)
    parser.add_argument("--extra", type=Path, action="append", default=[])
    parser.add_argument("--weight", type=int, default=3, help="times each extra document is read")
    parser.add_argument("--output", type=Path, default=Path(str(DATA)) / model.WEIGHTS)
    parser.add_argument(
        "--cross-validate",
        action="store_true",
        help="four folds over the dev reports; writes nothing but figures",
    )
    parser.add_argument("--folds", type=int, default=4)
    parser.add_argument(
        "--keep", type=Path, help="with --cross-validate, folder that keeps the weights of the folds"
    )
    given = parser.parse_args()
    reports = [(document.text, list(annotation.spans)) for document, annotation in read_reports("dev")]
    reports += [
        (text, [Span(*entity) for entity in entities if entity[2] != OPTIONAL])
        for half in ("dev", "blind:tune", "contacts:tune", "records:tune", "training")
        for text, entities in read_snippets(half)
    ]
    if given.cross_validate:
        from pseudonymise import measure, table

        rows = []
        for fold in range(given.folds):
            started = time.perf_counter()
            left = [report for at, report in enumerate(reports) if at % given.folds != fold]
            weights = model.train(samples(given, left), iterations=given.iterations)
            if given.keep:
                given.keep.mkdir(exist_ok=True, parents=True)
                (given.keep / f"{fold}.crfsuite").write_bytes(weights)
            held = [report for at, report in enumerate(reports) if at % given.folds == fold]
            rows.append((weights, held))
            print(f"fold {fold}: {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)
        for threshold in (0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5):
            results = []
            for weights, held in rows:
                spans = model.SpanModel(weights, threshold)
                results += [measure(text, gold, statistical=spans) for text, gold in held]
            print(f"threshold {threshold}: {table(results)}", flush=True)
        return
    started = time.perf_counter()
    weights = model.train(samples(given, reports), iterations=given.iterations)
    given.output.write_bytes(lzma.compress(weights, preset=9))
    print(
        f"{given.output}: {given.output.stat().st_size / 1e6:.1f} MB in {time.perf_counter() - started:.0f} s"
    )


if __name__ == "__main__":
    main()
