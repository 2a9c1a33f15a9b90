"""The steps of the pipeline, as ``datatrove`` steps: each takes documents and gives documents.

Every step keeps a ledger. Between stages documents lie in ``STAGE/RANK.parquet`` under the folder of the work.
"""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from datatrove.data import Document
from datatrove.pipeline.base import PipelineStep

from partages.corpus import decontaminate, duplicates, personal, topics
from partages.corpus.cutting import sections, sentences
from partages.corpus.language import language_of
from partages.corpus.ledger import Ledger
from partages.corpus.normalise import join_tokens, normalise
from partages.corpus.plan import Edition, OnDamage, Part
from partages.corpus.quality import STRIPPED, judge, judge_paragraph
from partages.corpus.sources import Damage, Record, licence_of, read
from partages.corpus.words import digest, numbers, split
from partages.errors import BadDocument

ROWS = 500
"""Documents of a group of rows."""
RETRIES, WAIT = 3, 2.0
"""Times a failed reading is taken up again, and seconds before it, which double each time."""
FOREIGN_FROM = 12
"""Words of a paragraph from which its own language counts."""
REPEATED_FROM = 6
"""Words of a sentence from which its copies count."""
COPIES = 10
"""Copies of a sentence, the first ones, that the corpus keeps."""
RUN_WORDS = 25
"""Words of repeated sentences in a row from which they are a repeated passage; a shorter stretch stays in its text."""
VALIDATION, TEST = 1, 1
"""Documents in a hundred of these splits."""
EXACT = duplicates.BANDS
"""The band that holds the digest of the whole text."""

Documents = Iterator[Document]

SCHEMA = pa.schema(
    [
        ("id", pa.string()), ("text", pa.string()), ("source", pa.string()), ("licence", pa.string()),
        ("commercial", pa.bool_()), ("kind", pa.string()), ("language", pa.string()), ("document", pa.string()),
        ("split", pa.string()), ("topics", pa.list_(pa.string())), ("words", pa.int32()), ("tokens", pa.int32()),
    ]
)  # fmt: skip
"""Of documents between stages; the corpus itself has all of it but ``split``, which its files tell."""


class Rows:
    """A Parquet file that is there whole or not at all."""

    def __init__(self, path: Path, schema: pa.Schema = SCHEMA, *, empty: bool = True) -> None:
        self._path, self._schema, self._empty = path, schema, empty
        self._partial = path.with_name(path.name + ".partial")
        self._writer: pq.ParquetWriter | None = None
        self._held: list[dict[str, Any]] = []

    def __enter__(self) -> "Rows":
        self._path.parent.mkdir(parents=True, exist_ok=True)
        return self

    def write(self, row: dict[str, Any]) -> None:
        """One document."""
        self._held.append(row)
        if len(self._held) >= ROWS:
            self._flush()

    def _flush(self) -> None:
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._partial, self._schema, compression="zstd")
        self._writer.write_table(pa.Table.from_pylist(self._held, schema=self._schema))
        self._held = []

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None and (self._held or (self._empty and self._writer is None)):
            self._flush()
        if self._writer is not None:
            try:
                self._writer.close()
            finally:
                self._writer = None
            if kind is None:
                self._partial.replace(self._path)


def rows_of(path: Path) -> Iterator[dict[str, Any]]:
    """The documents of a file, a group at a time."""
    with pq.ParquetFile(path) as file:
        for group in range(file.num_row_groups):
            yield from file.read_row_group(group, use_threads=False).to_pylist()


def save_array(path: Path, array: np.ndarray) -> None:
    """Whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as file:
        np.save(file, array)
    partial.replace(path)


def load_array(path: Path) -> np.ndarray:
    """Read as it is used, not before."""
    return np.load(path, mmap_mode="r")


class Step(PipelineStep):
    """A step that keeps a ledger; ``each`` gives what becomes of one document."""

    type = "partages"
    name = "step"

    def __init__(self, folder: str) -> None:
        super().__init__()
        self.folder = folder

    def run(self, data: Documents, rank: int = 0, world_size: int = 1) -> Documents:
        with Ledger(Path(self.folder), self.name, rank) as ledger:
            for document in data:
                came = document.text
                words = _words(came)
                ledger.came(document.metadata["source"], words)
                with self.track_time():
                    kept = list(self.each(document, ledger))
                for one in kept:
                    ledger.went(one.metadata["source"], words if one.text is came else _words(one.text))
                    yield one

    def each(self, document: Document, ledger: Ledger) -> Iterator[Document]:
        """What the document becomes: itself, several, or nothing, which the ledger then knows."""
        raise NotImplementedError


def _words(text: str) -> int:
    return text.count(" ") + text.count("\n") + 1 if text else 0


def _drop(ledger: Ledger, document: Document, reason: str, detail: str = "", text: str | None = None) -> None:
    """Note a document, or a paragraph of it where ``text`` is given."""
    told = document.text if text is None else text
    ledger.drop(
        reason,
        unit="document" if text is None else "paragraph",
        text=personal.mask_contacts(told),
        words=_words(told),
        metadata=document.metadata,
        identifier=document.id,
        detail=detail,
    )


class Read(PipelineStep):
    """The records of the sources as documents, those of this task."""

    type = "partages"
    name = "read"

    def __init__(
        self, folder: str, tasks: tuple[tuple[Part, ...], ...], edition: Edition, on_damage: OnDamage
    ) -> None:
        super().__init__()
        self.folder, self.tasks, self.edition, self.on_damage = folder, tasks, edition, on_damage

    def run(self, data: Documents | None = None, rank: int = 0, world_size: int = 1) -> Documents:
        with Ledger(Path(self.folder), self.name, rank) as ledger:
            for part in self.tasks[rank]:
                yield from self._part(part, ledger)

    def _part(self, part: Part, ledger: Ledger) -> Documents:
        source = part.input().source
        for record in self._records(part, ledger):
            words = _words(record.text)
            ledger.came(source.name, words)
            licence, commercial = licence_of(source, record)
            if self.edition == "commercial" and not commercial:
                ledger.count(source.name, "research-only", words)
                continue
            ledger.went(source.name, words)
            told = {
                "source": source.name, "licence": licence, "commercial": commercial, "kind": source.kind,
                "language": source.language, "document": record.id, "split": split_of(record.text),
            }  # fmt: skip
            yield Document(text=record.text, id=record.id, metadata=told)

    def _records(self, part: Part, ledger: Ledger) -> Iterator[Record]:
        """The records of a part; a reading that fails is taken up where it was, if that was asked."""
        given = 0
        for attempt in range(RETRIES + 1):
            damages: list[Damage] = []
            failed = False

            def told(damage: Damage, last: bool = attempt == RETRIES, kept: list[Damage] = damages) -> None:
                if self.on_damage == "stop":
                    raise BadDocument(damage.reason)
                if (
                    self.on_damage == "retry"
                    and not last
                    and damage.slug in ("unreadable", "network", "truncated", "corrupt")
                ):
                    raise _Again
                kept.append(damage)

            one = part.input()
            try:
                for number, record in enumerate(read(one.source, one.paths, root=one.root, damaged=told)):
                    if number % part.of == part.part and number >= given:
                        yield record
                        given = number + 1
            except _Again:
                failed = True
            if not failed:
                if part.part == 0:
                    ledger.damages += [
                        {key: str(value) for key, value in asdict(damage).items()} for damage in damages
                    ]
                return
            time.sleep(WAIT * 2**attempt)


class _Again(Exception):
    """A reading to take up again."""


def split_of(text: str) -> str:
    """Where a document goes: a hash of how it begins decides, so that adding others moves none."""
    bucket = digest(numbers(split(text[:2000]))) % 100
    return "validation" if bucket < VALIDATION else "test" if bucket < VALIDATION + TEST else "train"


class Normalise(Step):
    """Encoding, ligatures, hyphenation, running heads, references; then one document a section."""

    name = "normalise"

    def each(self, document: Document, ledger: Ledger) -> Iterator[Document]:
        done = normalise(document.text)
        ledger.facts.update(done.changed)
        for reason, line in done.dropped:
            _drop(ledger, document, reason, text=line)
        text = join_tokens(done.text)
        if not text:
            if not done.dropped:
                _drop(ledger, document, "empty")
            return
        pieces = list(sections(text))
        for number, piece in enumerate(pieces, 1):
            yield Document(
                text=piece,
                id=document.id if len(pieces) == 1 else f"{document.id}#{number}",
                metadata=document.metadata,
            )


class Language(Step):
    """French documents, and of these the French paragraphs."""

    name = "language"

    def each(self, document: Document, ledger: Ledger) -> Iterator[Document]:
        code = language_of(document.text)
        if code != "fr":
            _drop(ledger, document, "foreign-language", code)
            return
        if "\n" in document.text:
            kept = []
            for line in document.text.split("\n"):
                if line.count(" ") >= FOREIGN_FROM and (code := language_of(line, statistics=False)) != "fr":
                    _drop(ledger, document, "foreign-paragraph", code, text=line)
                else:
                    kept.append(line)
            document.text = "\n".join(kept).strip()
        document.metadata["language"] = "fr"
        yield document


class Quality(Step):
    """Paragraphs, then documents, that are worth learning from."""

    name = "quality"

    def each(self, document: Document, ledger: Ledger) -> Iterator[Document]:
        kind = document.metadata["kind"]
        lines = document.text.split("\n")
        if len(lines) > 1:
            kept = []
            for whole in lines:
                line = STRIPPED.sub("", whole).strip()
                if reason := (
                    "boilerplate" if whole and not line else judge_paragraph(line) if line else None
                ):
                    _drop(ledger, document, reason, text=whole)
                else:
                    kept.append(line)
            document.text = re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip()
        failed = judge(document.text, kind) if document.text else ("too-short", 0.0)
        if failed:
            _drop(ledger, document, failed[0], f"{failed[1]:.3g}")
            return
        yield document


class Personal(Step):
    """What identifies a person, masked; nothing is dropped."""

    name = "personal"

    def each(self, document: Document, ledger: Ledger) -> Iterator[Document]:
        document.text, masked = personal.mask(document.id, document.text, document.metadata["kind"])
        if masked:
            ledger.facts.update(masked)
            ledger.facts["documents"] += 1
        yield document


SENTENCE = np.dtype([("key", "<u8"), ("document", "<u4"), ("place", "<u4")])


def units(text: str) -> list[list[str]]:
    """Sentences, by line."""
    return [sentences(line) for line in text.split("\n")]


class Sign(PipelineStep):
    """Writes the documents, and beside them what they are compared by: MinHash, words, sentences."""

    type = "partages"
    name = "sign"

    def __init__(self, folder: str, buckets: int) -> None:
        super().__init__()
        self.folder, self.buckets = folder, buckets

    def run(self, data: Documents, rank: int = 0, world_size: int = 1) -> Documents:
        folder = Path(self.folder)
        signatures, keys, lengths, commercial = [], [], [], []
        repeats = []
        words_path = folder / "words" / f"{rank:05d}.u32"
        words_path.parent.mkdir(parents=True, exist_ok=True)
        with Rows(folder / "clean" / f"{rank:05d}.parquet") as rows, words_path.open("wb") as words_file:
            for at, document in enumerate(data):
                with self.track_time():
                    said = [split(sentence) for line in units(document.text) for sentence in line]
                    flat = numbers([word for sentence in said for word in sentence])
                    ends = np.cumsum([0, *map(len, said)])
                    for place, words in enumerate(said):
                        if len(words) >= REPEATED_FROM:
                            repeats.append((digest(flat[ends[place] : ends[place + 1]]), at, place))
                    signatures.append(duplicates.signature(duplicates.shingles(flat)))
                    keys.append(digest(flat))
                    lengths.append(len(flat))
                    commercial.append(document.metadata["commercial"])
                    words_file.write(flat.astype("<u4").tobytes())
                    told = document.metadata
                    rows.write(
                        {"id": document.id, "text": document.text, "words": _words(document.text), **told}
                    )
                yield document
        made = np.array(signatures, dtype=np.uint32).reshape(-1, duplicates.HASHES)
        save_array(folder / "commercial" / f"{rank:05d}.npy", np.array(commercial, dtype=bool))
        save_array(folder / "digests" / f"{rank:05d}.npy", np.array(keys, dtype=np.uint64))
        save_array(folder / "ends" / f"{rank:05d}.npy", np.cumsum([0, *lengths]).astype(np.int64))
        # Laid out as the steps that follow read them: a band, or a share of the sentences, is one stretch of the file.
        bands = np.stack([duplicates.band_keys(made, band) for band in range(duplicates.BANDS)])
        save_array(folder / "bands" / f"{rank:05d}.npy", bands)
        found = np.array(repeats, dtype=SENTENCE)
        share = found["key"] % np.uint64(self.buckets)
        order = np.argsort(share, kind="stable")
        ends = np.searchsorted(share[order], np.arange(self.buckets + 1, dtype=np.uint64))
        save_array(folder / "sentences" / f"{rank:05d}.npy", found[order])
        save_array(folder / "shares" / f"{rank:05d}.npy", ends.astype(np.int64))
        save_array(folder / "signatures" / f"{rank:05d}.npy", made)


class Corpus:
    """Where every document of a stage is: tasks end to end make one numbering."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ranks = len(list((folder / "signatures").glob("*.npy")))
        counts = [
            load_array(folder / "signatures" / f"{rank:05d}.npy").shape[0] for rank in range(self.ranks)
        ]
        self.starts = np.cumsum([0, *counts])
        self._open: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    @property
    def size(self) -> int:
        """Documents in all."""
        return int(self.starts[-1])

    def gather(self, documents: np.ndarray) -> np.ndarray:
        """Signatures of documents, in order; shape (n, HASHES)."""
        found = np.zeros((len(documents), duplicates.HASHES), dtype=np.uint32)
        owners = np.searchsorted(self.starts, documents, side="right") - 1
        for rank in np.unique(owners):
            here = owners == rank
            held = load_array(self.folder / "signatures" / f"{rank:05d}.npy")
            found[here] = held[documents[here] - self.starts[rank]]
        return found

    def words(self, document: int) -> np.ndarray:
        """Numbers of the words of a document."""
        rank = int(np.searchsorted(self.starts, document, side="right")) - 1
        at = document - int(self.starts[rank])
        words, ends = self._words_of(rank)
        return words[ends[at] : ends[at + 1]]

    def _words_of(self, rank: int) -> tuple[np.ndarray, np.ndarray]:
        if rank not in self._open:
            if len(self._open) >= OPEN_FILES:
                self._open.pop(next(iter(self._open)))
            path = self.folder / "words" / f"{rank:05d}.u32"
            held = (
                np.memmap(path, dtype="<u4", mode="r")
                if path.stat().st_size
                else np.zeros(0, dtype=np.uint32)
            )
            self._open[rank] = (held, load_array(self.folder / "ends" / f"{rank:05d}.npy"))
        return self._open[rank]


OPEN_FILES = 128
"""Files of words held open at once."""


class Pair(PipelineStep):
    """Pairs of documents that share a band of their signatures, or their digest; one task a share of the bands."""

    type = "partages"
    name = "pair"
    slices = 1

    def __init__(self, folder: str, buckets: int) -> None:
        super().__init__()
        self.folder, self.buckets = folder, buckets

    def run(self, data: Documents | None = None, rank: int = 0, world_size: int = 1) -> Documents:
        folder = Path(self.folder)
        corpus = Corpus(folder)
        slices = max(1, -(-self.buckets // (EXACT + 1)))
        found = [np.zeros((0, 2), dtype=np.int64)]
        for job in range(rank, (EXACT + 1) * slices, world_size):
            band, part = divmod(job, slices)
            keys, documents = [], []
            for owner in range(corpus.ranks):
                if band == EXACT:
                    here = np.array(load_array(folder / "digests" / f"{owner:05d}.npy"))
                else:
                    here = np.array(load_array(folder / "bands" / f"{owner:05d}.npy")[band])
                mine = np.flatnonzero(here % np.uint64(slices) == part)
                keys.append(here[mine])
                documents.append(mine + corpus.starts[owner])
            pairs = duplicates.pairs_in(np.concatenate(keys), np.concatenate(documents))
            if band != EXACT and len(pairs):
                alike = [
                    duplicates.likeness(corpus.gather(block[:, 0]), corpus.gather(block[:, 1]))
                    >= duplicates.CANDIDATE
                    for block in np.array_split(pairs, -(-len(pairs) // 20_000))
                ]
                pairs = pairs[np.concatenate(alike)]
            found.append(pairs)
        later_first = np.unique(np.concatenate(found)[:, ::-1], axis=0)
        save_array(folder / "pairs" / f"{rank:05d}.npy", later_first)
        yield from ()


EDGE = np.dtype([("later", "<i8"), ("earlier", "<i8"), ("share", "<f4")])
MOST_VERIFIED = 24
"""Candidates verified for one document: the likeliest."""


class Verify(PipelineStep):
    """Candidate pairs compared word by word; one task the later documents of one task of reading."""

    type = "partages"
    name = "verify"

    def __init__(self, folder: str) -> None:
        super().__init__()
        self.folder = folder

    def run(self, data: Documents | None = None, rank: int = 0, world_size: int = 1) -> Documents:
        folder = Path(self.folder)
        corpus = Corpus(folder)
        first, last = corpus.starts[rank], corpus.starts[rank + 1]
        mine = [np.zeros((0, 2), dtype=np.int64)]
        for path in sorted((folder / "pairs").glob("*.npy")):
            pairs = load_array(path)
            low, high = np.searchsorted(pairs[:, 0], [first, last])
            mine.append(np.array(pairs[low:high]))
        pairs = np.unique(np.concatenate(mine), axis=0)[:, ::-1]
        edges = []
        if len(pairs):
            alike = duplicates.likeness(corpus.gather(pairs[:, 0]), corpus.gather(pairs[:, 1]))
            order = np.lexsort((pairs[:, 0], -alike, pairs[:, 1]))
            document, verified = -1, 0
            for earlier, later in pairs[order].tolist():
                document, verified = (document, verified + 1) if later == document else (later, 1)
                if verified > MOST_VERIFIED:
                    continue
                mine_words, other = corpus.words(later), corpus.words(earlier)
                if len(mine_words) == len(other) and np.array_equal(mine_words, other):
                    share = 1.0
                elif len(mine_words) < duplicates.SHORTEST:
                    share = 0.0
                else:
                    share = min(duplicates.near(other, mine_words), 0.9999)
                if share:
                    edges.append((later, earlier, share))
        save_array(folder / "edges" / f"{rank:05d}.npy", np.array(sorted(edges), dtype=EDGE))
        yield from ()


class Choose(PipelineStep):
    """Which documents stay: in order, each that is no near duplicate of one that stays; of two, one free for commerce. One task."""

    type = "partages"
    name = "choose"

    def __init__(self, folder: str, keep: bool) -> None:
        super().__init__()
        self.folder, self.keep = folder, keep

    def run(self, data: Documents | None = None, rank: int = 0, world_size: int = 1) -> Documents:
        folder = Path(self.folder)
        corpus = Corpus(folder)
        gone = np.zeros(corpus.size, dtype=bool)
        flags = [load_array(folder / "commercial" / f"{owner:05d}.npy") for owner in range(corpus.ranks)]
        commercial = np.concatenate([np.zeros(0, dtype=bool), *flags])
        reasons = []
        for owner in range(corpus.ranks):
            for later, earlier, share in load_array(folder / "edges" / f"{owner:05d}.npy").tolist():
                if self.keep and share < 1:
                    continue
                if gone[later] or gone[earlier]:
                    continue
                if commercial[later] and not commercial[earlier]:  # in a source whose records differ
                    later, earlier = earlier, later
                gone[later] = True
                reasons.append((later, earlier, share))
        save_array(folder / "chosen" / "why.npy", np.array(reasons, dtype=EDGE))
        save_array(folder / "chosen" / "gone.npy", gone)
        yield from ()


PLACE = np.dtype([("document", "<i8"), ("place", "<u4")])


class Repeat(PipelineStep):
    """Sentences whose first copies are kept elsewhere; one task a share of the sentences."""

    type = "partages"
    name = "repeat"

    def __init__(self, folder: str) -> None:
        super().__init__()
        self.folder = folder

    def run(self, data: Documents | None = None, rank: int = 0, world_size: int = 1) -> Documents:
        folder = Path(self.folder)
        corpus = Corpus(folder)
        gone = load_array(folder / "chosen" / "gone.npy")
        keys, documents, places = [], [], []
        for owner in range(corpus.ranks):
            ends = load_array(folder / "shares" / f"{owner:05d}.npy")
            held = load_array(folder / "sentences" / f"{owner:05d}.npy")[ends[rank] : ends[rank + 1]]
            numbered = held["document"].astype(np.int64) + corpus.starts[owner]
            stays = ~gone[numbered]
            keys.append(held["key"][stays])
            documents.append(numbered[stays])
            places.append(held["place"][stays])
        key, document, place = map(np.concatenate, (keys, documents, places))
        order = np.lexsort((place, document, key))
        key, document, place = key[order], document[order], place[order]
        starts = np.flatnonzero(np.r_[True, key[1:] != key[:-1]]) if len(key) else np.zeros(0, dtype=np.int64)
        sizes = np.diff(np.r_[starts, len(key)])
        copy = np.arange(len(key)) - np.repeat(starts, sizes)
        again = copy >= COPIES
        if len(key):  # said before in the same document
            again |= np.r_[False, (key[1:] == key[:-1]) & (document[1:] == document[:-1])]
        found = np.zeros(int(again.sum()), dtype=PLACE)
        found["document"], found["place"] = document[again], place[again]
        found.sort(order=("document", "place"))
        save_array(folder / "repeats" / f"{rank:05d}.npy", found)
        yield from ()


class Load(PipelineStep):
    """The clean documents of a task, with their number in the corpus."""

    type = "partages"
    name = "load"

    def __init__(self, folder: str) -> None:
        super().__init__()
        self.folder = folder

    def run(self, data: Documents | None = None, rank: int = 0, world_size: int = 1) -> Documents:
        start = int(Corpus(Path(self.folder)).starts[rank])
        for at, row in enumerate(rows_of(Path(self.folder) / "clean" / f"{rank:05d}.parquet")):
            text, identifier = row.pop("text"), row.pop("id")
            yield Document(text=text, id=identifier, metadata={**row, "_number": start + at})


class Duplicates(Step):
    """Documents that say what an earlier one says."""

    name = "duplicates"

    def run(self, data: Documents, rank: int = 0, world_size: int = 1) -> Documents:
        folder = Path(self.folder)
        corpus = Corpus(folder)
        first, last = corpus.starts[rank], corpus.starts[rank + 1]
        why = load_array(folder / "chosen" / "why.npy")
        here = why[(why["later"] >= first) & (why["later"] < last)]
        names = _names(folder, corpus, np.unique(here["earlier"]))
        self._why = {later: (names[earlier], share) for later, earlier, share in here.tolist()}
        yield from super().run(data, rank, world_size)

    def each(self, document: Document, ledger: Ledger) -> Iterator[Document]:
        if found := self._why.get(document.metadata["_number"]):
            earlier, share = found
            reason = "exact-duplicate" if share == 1 else "near-duplicate"
            _drop(ledger, document, reason, f"{earlier} ({share:.2f})")
            return
        yield document


def _names(folder: Path, corpus: Corpus, documents: np.ndarray) -> dict[int, str]:
    """Identifiers of documents, one file at a time."""
    found: dict[int, str] = {}
    owners = np.searchsorted(corpus.starts, documents, side="right") - 1
    for rank in np.unique(owners):
        ids = pq.read_table(
            folder / "clean" / f"{rank:05d}.parquet", columns=["id"], use_threads=False
        ).column(0)
        for document in documents[owners == rank].tolist():
            found[document] = str(ids[document - int(corpus.starts[rank])])
    return found


class Passages(Step):
    """Passages repeated across the corpus, out of the documents that hold their later copies."""

    name = "passages"

    def run(self, data: Documents, rank: int = 0, world_size: int = 1) -> Documents:
        folder = Path(self.folder)
        corpus = Corpus(folder)
        first, last = corpus.starts[rank], corpus.starts[rank + 1]
        self._repeated: dict[int, set[int]] = {}
        for path in sorted((folder / "repeats").glob("*.npy")):
            held = load_array(path)
            low, high = np.searchsorted(held["document"], [first, last])
            for document, place in held[low:high].tolist():
                self._repeated.setdefault(document, set()).add(place)
        yield from super().run(data, rank, world_size)

    def each(self, document: Document, ledger: Ledger) -> Iterator[Document]:
        repeated = self._repeated.get(document.metadata["_number"])
        if repeated:
            lines = units(document.text)
            going = _passages(lines, repeated)
            if going:
                document.text = _without(
                    lines, going, lambda text: _drop(ledger, document, "repeated-passage", text=text)
                )
        failed = judge(document.text, document.metadata["kind"]) if repeated and document.text else None
        if not document.text or (failed and failed[0] in ("too-short", "no-sentence")):
            _drop(ledger, document, "only-repeated")
            return
        yield document


def _passages(lines: list[list[str]], repeated: set[int]) -> set[int]:
    """The places of repeated sentences that make a line, or ``RUN_WORDS`` words in a row."""
    going: set[int] = set()
    place = 0
    run: list[int] = []
    words = 0

    def close() -> None:
        nonlocal words
        if words >= RUN_WORDS:
            going.update(run)
        run.clear()
        words = 0

    for line in lines:
        here = range(place, place + len(line))
        if len(line) and all(at in repeated for at in here):
            going.update(here)
        for at, sentence in zip(here, line, strict=True):
            if at in repeated:
                run.append(at)
                words += _words(sentence)
            else:
                close()
        place += len(line)
    close()
    return going


def _without(lines: list[list[str]], going: set[int], dropped: Callable[[str], None]) -> str:
    """The text without some sentences; neighbours that go are told together."""
    kept: list[str] = []
    gone: list[str] = []
    place = 0
    for line in lines:
        stays: list[str] = []
        for sentence in line:
            if place in going:
                gone.append(sentence)
            else:
                if gone:
                    dropped(" ".join(gone))
                    gone = []
                stays.append(sentence)
            place += 1
        if stays or not line:
            kept.append(" ".join(stays))
    if gone:
        dropped(" ".join(gone))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip()


_CHOICE = re.compile(r"^(?:[A-Ea-e1-5][.)\]:]|[-•*]|(?:bonnes? )?réponses?\b)", re.IGNORECASE)
SMALL = 300
"""Words; a shorter document that holds a benchmark question goes whole."""


class Decontaminate(Step):
    """Benchmark questions, out."""

    name = "decontaminate"

    def run(self, data: Documents, rank: int = 0, world_size: int = 1) -> Documents:
        own = Path(self.folder) / "benchmarks.npz"
        self._index = decontaminate.remembered(own) if own.is_file() else decontaminate.shipped()
        yield from super().run(data, rank, world_size)

    def each(self, document: Document, ledger: Ledger) -> Iterator[Document]:
        lines = units(document.text)
        said = [split(sentence) for line in lines for sentence in line]
        flat = numbers([word for sentence in said for word in sentence])
        if short := self._index.is_text(flat):
            ledger.facts[short] += 1
            _drop(ledger, document, "benchmark", short)
            return
        own = document.metadata["source"] + decontaminate.TRAIN
        named = [(self._index.benchmark(text), places) for text, places in self._index.find(flat)]
        found = [(name, places) for name, places in named if name != own]
        if not found:
            yield document
            return
        ledger.facts.update(name for name, _ in found)
        names = ", ".join(sorted({name for name, _ in found}))
        asks = any(self._index.asks(name) for name, _ in found)
        covered = len(np.unique(np.concatenate([places for _, places in found])))
        if (
            2 * covered >= len(flat)
            or (asks and len(flat) < SMALL)
            or document.metadata["kind"] == "question"
        ):
            _drop(ledger, document, "benchmark", names)
            return
        owner = np.repeat(np.arange(len(said)), list(map(len, said)))
        touched: set[int] = set()
        for _, places in found:
            sentences_of, times = np.unique(owner[places], return_counts=True)
            touched |= {int(at) for at, count in zip(sentences_of, times, strict=True) if count >= 3}
        going = set(touched)
        place = 0
        open_question = False
        for line in lines:
            here = range(place, place + len(line))
            hit = any(at in touched for at in here)
            if not hit and open_question and line and _CHOICE.match(line[0]):
                going.update(here)
            elif line:
                open_question = hit
            place += len(line)
        document.text = _without(
            lines, going, lambda text: _drop(ledger, document, "benchmark", names, text=text)
        )
        if document.text:
            yield document


class Topics(Step):
    """Specialties, and the number of tokens, about."""

    name = "topics"

    def each(self, document: Document, ledger: Ledger) -> Iterator[Document]:
        document.metadata["topics"] = topics.shipped().topics(numbers(split(document.text)))
        document.metadata["tokens"] = tokens_of(document.text)
        yield document


def tokens_of(text: str) -> int:
    """Tokens of a text in the vocabulary of the embedded model (Gemma 3), about: an estimate, see ``docs/corpus.md``."""
    return max(1, round(TOKENS_PER_CHARACTER * len(text)))


TOKENS_PER_CHARACTER = 0.26


class Keep(PipelineStep):
    """Writes the documents that stay, and counts them for the mix."""

    type = "partages"
    name = "keep"

    def __init__(self, folder: str) -> None:
        super().__init__()
        self.folder = folder

    def run(self, data: Documents, rank: int = 0, world_size: int = 1) -> Documents:
        from partages.corpus.ledger import write_json

        folder = Path(self.folder)
        totals: dict[str, dict[str, int]] = {}
        with Rows(folder / "kept" / f"{rank:05d}.parquet") as rows:
            for document in data:
                told = {key: value for key, value in document.metadata.items() if not key.startswith("_")}
                told["words"] = _words(document.text)
                rows.write({**told, "id": document.id, "text": document.text})
                key = "\t".join((told["source"], told["kind"], told["split"]))
                held = totals.setdefault(key, {"documents": 0, "words": 0, "tokens": 0})
                held["documents"] += 1
                held["words"] += told["words"]
                held["tokens"] += told["tokens"]
                yield document
        write_json(folder / "totals" / f"{rank:05d}.json", totals)
