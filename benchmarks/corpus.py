"""Speed, memory and near duplicates of ``partages corpus build``, beside datatrove's stock pipeline and a pandas script.

    python benchmarks/corpus.py steps ../shared/data/corpus --megabytes 4
    python benchmarks/corpus.py whole ../shared/data/corpus --megabytes 10 42 420
    python benchmarks/corpus.py duplicates ../shared/data
    python benchmarks/corpus.py personal ../shared/data/corpus

``steps``: each step on the same documents, one process, seconds of processor (so that another load counts little), the stock
steps being those of FineWeb-2 for French: ``FTFYFormatter``, ``GopherRepetitionFilter``, ``FineWebQualityFilter``,
``GopherQualityFilter``, ``PIIFormatter``, ``MinhashDedupSignature`` (their default thresholds, French words by spaCy). Its language
filter downloads a model and is left out.

``whole``: whole runs in processes of their own; the text is the real one, repeated beyond its size with one word in ten of each
copy changed.

``personal``: what identifies in fictitious snippets (``data/snippets``, half held out and half blind) that is no longer there after the step, of reports,
and of lectures into which a paragraph about a person was planted; beside ``PIIFormatter``.

``duplicates``: 5 to 20 % of the words of documents that have no natural near duplicate are changed, and the copies planted.
"""

import argparse
import gzip
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from datatrove.data import Document

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

STOP_WORDS = [
    "le",
    "la",
    "les",
    "de",
    "des",
    "du",
    "et",
    "un",
    "une",
    "est",
    "que",
    "en",
    "à",
    "pour",
    "dans",
    "qui",
]


def texts_of(folder: Path) -> Iterator[tuple[str, str]]:
    """Source file and document, in an order that mixes sources."""
    files = {
        path.name.split(".")[0]: gzip.open(path, "rt", encoding="utf-8")  # noqa: SIM115
        for path in sorted(folder.glob("*.txt.gz"))
    }
    while files:
        for name, file in list(files.items()):
            line = file.readline()
            if not line:
                del files[name]
            elif line.strip():
                yield name, line.strip()


def sections_of(folder: Path, megabytes: float) -> list[Document]:
    """Documents of the real corpus, cut into sections, up to a size in UTF-8."""
    from partages.corpus.cutting import sections
    from partages.corpus.normalise import normalise

    found: list[Document] = []
    size = 0
    for name, text in texts_of(folder):
        for piece in sections(normalise(text[:200_000]).text):
            found.append(Document(text=piece, id=f"{name}/{len(found)}", metadata=told(name)))
            size += len(piece.encode())
            if size >= megabytes * 1e6:
                return found
    return found


def told(source: str) -> dict[str, Any]:
    return {"source": source, "licence": "etalab-2.0", "commercial": True, "kind": "lecture", "language": "fr",
            "document": source, "split": "train"}  # fmt: skip


def copy(documents: list[Document]) -> Iterator[Document]:
    for one in documents:
        yield Document(text=one.text, id=one.id, metadata=dict(one.metadata))


def timed(run: Callable[[], Any]) -> float:
    start = time.process_time()
    run()
    return time.process_time() - start


def exhaust(documents: Iterator[Document] | None) -> int:
    return sum(1 for _ in documents or ())


# --- step for step


def steps(folder: Path, megabytes: float) -> None:
    """Print megabytes a second of processor of each step, and its stock counterpart; the best of three interleaved runs."""
    from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupSignature
    from datatrove.pipeline.filters import FineWebQualityFilter, GopherQualityFilter, GopherRepetitionFilter
    from datatrove.pipeline.formatters import FTFYFormatter, PIIFormatter
    from datatrove.utils.hashing import HashConfig
    from loguru import logger

    from partages.corpus import steps as ours

    logger.disable("datatrove")
    documents = sections_of(folder, megabytes)
    size = sum(len(one.text.encode()) for one in documents) / 1e6
    raw = [
        Document(text=text[:60_000], id=f"{at}", metadata=told(name))
        for at, (name, text) in zip(range(len(documents)), texts_of(folder), strict=False)
    ]
    raw_size = sum(len(one.text.encode()) for one in raw) / 1e6
    with tempfile.TemporaryDirectory() as work:
        config = MinhashConfig(hash_config=HashConfig(precision=64, hash_fc="sha1"))

        def chain(made: list[Any], given: list[Document]) -> Callable[[], int]:
            def run() -> int:
                data: Any = copy(given)
                for step in made:
                    data = step.run(data, 0, 1)
                return exhaust(data)

            return run

        pairs: list[tuple[str, float, Callable[[], int], str, Callable[[], int]]] = [
            ("normalise", raw_size, chain([ours.Normalise(work)], raw), "FTFYFormatter", chain([FTFYFormatter()], raw)),
            ("language", size, chain([ours.Language(work)], documents), "", lambda: 0),
            (
                "quality", size, chain([ours.Quality(work)], documents), "Gopher repetition, FineWeb, Gopher quality",
                chain([
                    GopherRepetitionFilter(language="fra"), FineWebQualityFilter(language="fra"),
                    GopherQualityFilter(language="fra", stop_words=STOP_WORDS),
                ], documents),
            ),
            ("personal data", size, chain([ours.Personal(work)], documents), "PIIFormatter (e-mails, IP)", chain([PIIFormatter()], documents)),
            (
                "signatures, sentences", size, chain([ours.Sign(work, 4)], documents), "MinhashDedupSignature",
                chain([MinhashDedupSignature(work + "/stock", config=config, language="fra")], documents),
            ),
        ]  # fmt: skip
        print(
            f"{len(documents)} documents, {size:.1f} MB\n| step | MB/s | stock | MB/s | ratio |\n| --- | --: | --- | --: | --: |"
        )
        total = [0.0, 0.0]
        for name, given, run, peer, other in pairs:
            first, second = [], []
            for _ in range(3):
                first.append(timed(run))
                second.append(timed(other))
            mine, theirs = min(first) / given, min(second) / given
            total[0] += mine
            total[1] += theirs if peer else 0
            said = f"{peer} | {1 / theirs:.2f} | {theirs / mine:.1f}" if peer else "– | – | –"
            print(f"| {name} | {1 / mine:.2f} | {said} |", flush=True)
        print(
            f"| all, end to end | {1 / total[0]:.2f} | all | {1 / total[1]:.2f} | {total[1] / total[0]:.1f} |"
        )


# --- whole runs


def repeated(folder: Path, megabytes: float, output: Path) -> float:
    """A folder of the real text, repeated with a word in ten changed; its size in megabytes."""
    draw = random.Random(0)
    texts = list(texts_of(folder))
    words = sorted({word for _, text in texts[:400] for word in text.split()})
    files = {
        name: gzip.open(output / f"{name}.txt.gz", "wt", encoding="utf-8", compresslevel=1)  # noqa: SIM115
        for name, _ in texts
    }
    size, copies = 0, 0
    while size < megabytes * 1e6:
        for name, text in texts:
            if copies:
                said = text.split(" ")
                for at in draw.sample(range(len(said)), len(said) // 10):
                    said[at] = draw.choice(words)
                text = " ".join(said)
            files[name].write(text + "\n")
            size += len(text.encode()) + 1
            if size >= megabytes * 1e6:
                break
        copies += 1
    for file in files.values():
        file.close()
    return size / 1e6


def whole(folder: Path, sizes: list[float]) -> None:
    """Print wall time, processor time and peak memory of whole runs."""
    print(
        "| MB | what | processes | wall, s | processor, s | MB/s of processor | peak memory of a process, MB |"
    )
    print("| --: | --- | --: | --: | --: | --: | --: |")
    for megabytes in sizes:
        with tempfile.TemporaryDirectory() as place:
            inputs = Path(place) / "inputs"
            inputs.mkdir()
            size = repeated(folder, megabytes, inputs)
            for what, processes in (
                ("partages", 1),
                ("partages", 2),
                ("stock", 1),
                ("stock", 2),
                ("pandas", 1),
            ):
                output = Path(place) / f"{what}{processes}"
                told = json.loads(
                    subprocess.run(
                        [sys.executable, __file__, "one", str(inputs), "--what", what, "--processes", str(processes), "--output", str(output)],
                        capture_output=True, text=True, check=True,
                    ).stdout.splitlines()[-1]
                )  # fmt: skip
                print(
                    f"| {size:.0f} | {what} | {processes} | {told['wall']:.0f} | {told['processor']:.0f} | "
                    f"{size / told['processor']:.2f} | {told['memory']:.0f} |",
                    flush=True,
                )


def one(inputs: Path, what: str, processes: int, output: Path) -> None:
    """One whole run, measured from outside it."""
    start = time.monotonic()
    if what == "partages":
        command = [sys.executable, "-m", "partages.cli", "corpus", "build", "--input", str(inputs), "--licence", "research",
                   "--output", str(output), "--workers", str(processes)]  # fmt: skip
    else:
        command = [
            sys.executable,
            __file__,
            f"run-{what}",
            str(inputs),
            "--output",
            str(output),
            "--processes",
            str(processes),
        ]
    path = os.pathsep.join([str(Path(__file__).parents[1] / "src"), os.environ.get("PYTHONPATH", "")])
    subprocess.run(
        command,
        check=True,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
    )
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(
        json.dumps(
            {
                "wall": time.monotonic() - start,
                "processor": used.ru_utime + used.ru_stime,
                "memory": used.ru_maxrss / 1e3,
            }
        )
    )


def stock_stages(readers: list[Any], output: Path, config: Any) -> list[tuple[list[Any], int]]:
    """FineWeb-2's steps for French, as datatrove ships them; ``readers`` gives the documents."""
    from datatrove.pipeline.dedup import (
        MinhashDedupBuckets,
        MinhashDedupCluster,
        MinhashDedupFilter,
        MinhashDedupSignature,
    )
    from datatrove.pipeline.filters import FineWebQualityFilter, GopherQualityFilter, GopherRepetitionFilter
    from datatrove.pipeline.formatters import FTFYFormatter, PIIFormatter
    from datatrove.pipeline.readers import ParquetReader
    from datatrove.pipeline.writers import ParquetWriter

    kept, minhash, tasks = str(output / "kept"), output / "minhash", 12
    return [
        (
            [*readers, GopherRepetitionFilter(language="fra"), FineWebQualityFilter(language="fra"),
             GopherQualityFilter(language="fra", stop_words=STOP_WORDS), FTFYFormatter(), PIIFormatter(), ParquetWriter(kept)],
            tasks,
        ),
        ([ParquetReader(kept), MinhashDedupSignature(str(minhash / "signatures"), config=config, language="fra")], tasks),
        ([MinhashDedupBuckets(str(minhash / "signatures"), str(minhash / "buckets"), config=config)], config.num_buckets),
        ([MinhashDedupCluster(str(minhash / "buckets"), str(minhash / "remove"), config=config)], 1),
        ([ParquetReader(kept), MinhashDedupFilter(str(minhash / "remove")), ParquetWriter(str(output / "result"))], tasks),
    ]  # fmt: skip


class Lines:
    """Documents of gzip files, a line each, shared out between tasks."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def __call__(self, data: Any = None, rank: int = 0, world_size: int = 1) -> Iterator[Document]:  # noqa: ARG002
        for at, (name, text) in enumerate(texts_of(Path(self.folder))):
            if at % world_size == rank:
                yield Document(text=text, id=f"{name}/{at}", metadata={})


def run_stock(inputs: Path, output: Path, processes: int) -> None:
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.dedup.minhash import MinhashConfig
    from datatrove.utils.hashing import HashConfig
    from loguru import logger

    logger.disable("datatrove")
    config = MinhashConfig(hash_config=HashConfig(precision=64, hash_fc="sha1"))
    for at, (pipeline, tasks) in enumerate(stock_stages([Lines(str(inputs))], output, config)):
        LocalPipelineExecutor(
            pipeline,
            tasks=tasks,
            workers=min(tasks, processes),
            logging_dir=str(output / f"log{at}"),
            start_method="fork",
        ).run()


def run_pandas(inputs: Path, output: Path) -> None:
    """What a notebook does: everything in memory, exact duplicates, a length, a few regular expressions."""
    import pandas

    table = pandas.DataFrame(texts_of(inputs), columns=["source", "text"])
    table["text"] = table["text"].str.replace(r"\s+", " ", regex=True).str.strip()
    table["text"] = table["text"].str.replace(r"[\w.+-]+@[\w-]+\.[\w.-]+", "[courriel]", regex=True)
    table["text"] = table["text"].str.replace(r"(?:\+33|0)[1-9](?:[ .-]?\d{2}){4}", "[téléphone]", regex=True)
    table["words"] = table["text"].str.split().str.len()
    table["letters"] = table["text"].str.count(r"[a-zA-ZÀ-ÿ]") / table["text"].str.len()
    table = table[(table["words"] >= 6) & (table["letters"] > 0.5)]
    table = table[~table["text"].str.lower().duplicated()]
    output.mkdir(parents=True, exist_ok=True)
    table.to_parquet(output / "corpus.parquet")


# --- personal data

IDENTIFIES = (
    "Nom", "Prenom", "DateNaissancePatient", "NumeroTelephone", "AdresseEmail", "CodeIdentifiant", "Adresse", "Etablissement", "Ville", "DateIdentifiante",
)  # fmt: skip


def personal_data(folder: Path) -> None:
    """Print the share of identifying values that are gone, by category, and what was masked in texts about nobody."""
    from datatrove.pipeline.formatters import PIIFormatter

    import snippets
    from partages.corpus.personal import mask

    stock = PIIFormatter()
    lectures = [one.text for one in sections_of(folder, 3) if one.metadata["source"] == "cerimes"][:100]
    given = [(text, gold) for half in ("held-out", "blind:held") for text, gold in snippets.read(half)]
    ways: dict[str, Callable[[str], str]] = {
        "partages, reports": lambda text: mask("a", text, "report")[0],
        "partages, planted in lectures": lambda text: mask("a", text, "lecture")[0],
        "PIIFormatter": stock.format,
    }
    print("| category | " + " | ".join(ways) + " |\n| --- |" + " --: |" * len(ways))
    found: dict[str, Counter[str]] = {name: Counter() for name in ways}
    total: Counter[str] = Counter()
    for at, (text, gold) in enumerate(given):
        values = [(label, text[start:end]) for start, end, label in gold if label in IDENTIFIES]
        total.update(label for label, _ in values)
        lecture = lectures[at % len(lectures)]
        for name, way in ways.items():
            masked = way(f"{lecture}\n{text}\n{lecture}") if "lectures" in name else way(text)
            around = masked.replace(lecture, "")
            found[name].update(label for label, value in values if value not in around)
    for label in (*IDENTIFIES, "all"):
        size = total[label] if label != "all" else sum(total.values())
        hits = [one[label] if label != "all" else sum(one.values()) for one in found.values()]
        shown = [
            f"{hit / max(1, size):.3f} [{', '.join(f'{end:.3f}' for end in wilson(hit, size))}]"
            for hit in hits
        ]
        print(f"| {label} ({size}) | " + " | ".join(shown) + " |")
    for name, way in ways.items():
        if "reports" not in name:
            changed = sum(way(text) != text for text in lectures)
            print(f"{name}: {changed} of {len(lectures)} lectures without the planted paragraph are changed")


# --- near duplicates


def duplicates(shared: Path, count: int) -> None:
    """Print recall and precision on planted near duplicates, ours and stock MinHash."""
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.dedup.minhash import MinhashConfig
    from datatrove.utils.hashing import HashConfig
    from loguru import logger

    logger.disable("datatrove")
    draw = random.Random(0)
    base = _without_natural([one.text for one in _cases(shared, count)])
    words = sorted({word for text in base[:300] for word in text.split()})
    planted = []
    for text in draw.sample(base, min(count, len(base))):
        said = text.split()
        share = draw.uniform(0.05, 0.2)
        for at in draw.sample(range(len(said)), round(share * len(said))):
            said[at] = draw.choice(words)
        planted.append((text, " ".join(said), share))
    originals = {copied: (text, share) for text, copied, share in planted}
    everything = [*base, *originals]
    draw.shuffle(everything)
    print(
        f"{len(base)} documents without a natural near duplicate, {len(planted)} planted copies with 5 to 20 % of words changed"
    )
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        kept_ours = _ours(everything, folder / "ours")
        config = MinhashConfig(hash_config=HashConfig(precision=64, hash_fc="sha1"))
        stages = stock_stages([], folder / "stock", config)[1:]
        (folder / "stock" / "kept").mkdir(parents=True)
        rows = {"text": everything, "id": [str(at) for at in range(len(everything))]}
        pq.write_table(pa.table(rows), folder / "stock" / "kept" / "00000.parquet")
        for at, (pipeline, tasks) in enumerate(stages):
            tasks = tasks if tasks != 12 else 1
            LocalPipelineExecutor(
                pipeline, tasks=tasks, workers=1, logging_dir=str(folder / f"log{at}")
            ).run()
        kept_stock = Counter()
        for path in (folder / "stock" / "result").glob("*.parquet"):
            kept_stock.update(pq.read_table(path).column("text").to_pylist())
    for name, kept in (("partages", kept_ours), ("stock MinHash (14 bands of 8, 5-grams)", kept_stock)):
        pairs = [(text, copied, share) for copied, (text, share) in originals.items()]
        found = [not (kept[text] and kept[copied]) for text, copied, _ in pairs]
        gone = sum(not kept[text] for text in everything)
        wrong = sum(not kept[text] for text in base if text not in {one for one, _, _ in pairs})
        wrong += sum(not kept[text] and not kept[copied] for text, copied, _ in pairs)
        low, high = wilson(sum(found), len(found))
        right = gone - wrong
        plow, phigh = wilson(right, gone)
        print(
            f"{name}: recall {sum(found) / len(found):.3f} [{low:.3f}, {high:.3f}], precision {right / max(1, gone):.3f} [{plow:.3f}, {phigh:.3f}] ({gone} dropped)"
        )
        for least, most in ((0.05, 0.1), (0.1, 0.15), (0.15, 0.2)):
            part = [hit for hit, (_, _, share) in zip(found, pairs, strict=True) if least <= share < most]
            print(
                f"   {least:.0%} to {most:.0%} of words changed: recall {sum(part) / max(1, len(part)):.3f} of {len(part)}"
            )


def wilson(hits: int, total: int) -> tuple[float, float]:
    """95 % interval of a share."""
    if not total:
        return 0.0, 1.0
    z, share = 1.96, hits / total
    middle = (share + z * z / (2 * total)) / (1 + z * z / total)
    half = z / (1 + z * z / total) * ((share * (1 - share) / total + z * z / (4 * total * total)) ** 0.5)
    return max(0.0, middle - half), min(1.0, middle + half)


def _cases(shared: Path, most: int = 1200) -> Iterator[Document]:
    """Clinical cases, encyclopedia and lectures in turn."""
    sources = [_reports(shared), _sections(shared, "wikipedia"), _sections(shared, "cerimes")]
    for _ in range(most):
        for source in sources:
            if one := next(source, None):
                yield one


def _reports(shared: Path) -> Iterator[Document]:
    from partages.corpus.normalise import normalise

    for path in sorted((shared / "frasimed").rglob("*.txt")):
        yield Document(text=normalise(path.read_text(encoding="utf-8")).text, id=path.stem)


def _sections(shared: Path, name: str) -> Iterator[Document]:
    from partages.corpus.cutting import sections
    from partages.corpus.normalise import normalise

    with gzip.open(shared / "corpus" / f"{name}.txt.gz", "rt", encoding="utf-8") as file:
        for at, line in enumerate(file):
            for number, piece in enumerate(sections(normalise(line[:100_000]).text)):
                yield Document(text=piece[:6000], id=f"{name}/{at}/{number}")


def _without_natural(texts: list[str]) -> list[str]:
    """Documents of 40 words or more that share under a tenth of their 5-word sequences with every earlier one: counted, not sketched."""
    holders: dict[str, list[int]] = {}
    kept: list[str] = []
    for text in texts:
        words = text.lower().split()
        grams = {" ".join(words[at : at + 5]) for at in range(len(words) - 4)}
        if len(words) < 40:
            continue
        common = Counter(holder for gram in grams for holder in holders.get(gram, ()))
        if common and common.most_common(1)[0][1] > 0.1 * len(grams):
            continue
        for gram in grams:
            holders.setdefault(gram, []).append(len(kept))
        kept.append(text)
    return kept


def _ours(texts: list[str], folder: Path) -> Counter[str]:
    """What is left of documents by our own steps of duplicates, as they run in a build."""
    from collections import deque

    from partages.corpus import steps as ours

    work = str(folder)
    data: Any = (Document(text=text, id=str(at), metadata=told("planted")) for at, text in enumerate(texts))
    deque(ours.Sign(work, 1).run(data, 0, 1), maxlen=0)
    for step in (ours.Pair(work, 1), ours.Verify(work), ours.Choose(work, False)):
        deque(step.run(None, 0, 1), maxlen=0)
    return Counter(one.text for one in ours.Duplicates(work).run(ours.Load(work).run(None, 0, 1), 0, 1))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "what", choices=["steps", "whole", "duplicates", "personal", "one", "run-stock", "run-pandas"]
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--megabytes", type=float, nargs="+", default=[4.0])
    parser.add_argument("--what", dest="which", default="partages")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--count", type=int, default=600)
    parser.add_argument("--output", type=Path, default=Path("corpus-benchmark"))
    given = parser.parse_args()
    if given.what == "steps":
        steps(given.folder, given.megabytes[0])
    elif given.what == "whole":
        whole(given.folder, given.megabytes)
    elif given.what == "duplicates":
        duplicates(given.folder, given.count)
    elif given.what == "personal":
        personal_data(given.folder)
    elif given.what == "one":
        one(given.folder, given.which, given.processes, given.output)
    elif given.what == "run-stock":
        run_stock(given.folder, given.output, given.processes)
    else:
        run_pandas(given.folder, given.output)


if __name__ == "__main__":
    main()
