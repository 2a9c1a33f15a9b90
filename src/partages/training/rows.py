"""Text to rows of tokens for training: split by document, mixed by weight, packed without mixing documents in attention."""

import gzip
import hashlib
import json
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from partages.errors import UsageError

Split = Literal["train", "validation", "test"]
VALIDATION, TEST = 2, 4
"""Documents in a hundred that are kept for validation, and for the final measure."""
LONGEST = 20_000
"""Characters of a piece that is tokenised at a time; of a longer document the pieces are windows of the same document."""
SHORTEST = 8
"""Tokens; a shorter remainder is dropped."""
FEWEST = 1000
"""Tokens under which training is refused: a model would only learn them by heart."""
FEWEST_VALIDATION = 2000
"""Tokens of validation that a source gives, if it has them, however small its share."""
SUFFIXES = (".txt", ".txt.gz", ".jsonl", ".jsonl.gz", ".parquet")
"""Files of a folder that are read."""
PADDING = 255
"""Segment of the tokens that fill a row."""


@dataclass(frozen=True)
class Source:
    """A file or folder of text, and how much of the mix it makes.

    Attributes:
        path: ``.txt`` or ``.txt.gz`` with a document a line (``lines``) or one document; ``.jsonl`` with a ``text`` each;
            ``.parquet`` with a column ``text``; or a folder of these.
        weight: share of the rows, relative to the others.
        lines: whether each line is a document.
    """

    path: Path
    weight: float = 1.0
    lines: bool = False

    @property
    def name(self) -> str:
        """As the manifest calls it."""
        return self.path.name.split(".")[0]


def joined(lines: Iterable[str], size: int) -> list[str]:
    """Short lines that follow one another, as documents of some ``size`` characters."""
    found, held = [], ""
    for line in lines:
        held += line + "\n"
        if len(held) >= size:
            found.append(held.strip())
            held = ""
    return [*found, held.strip()] if held.strip() else found


def split_of(document: str) -> Split:
    """Where a document goes: a hash of its text decides, so that adding others moves none.

    Spacing and case do not count; two copies of a document are on the same side.
    """
    plain = " ".join(document[:2000].casefold().split())
    bucket = int.from_bytes(hashlib.sha256(plain.encode()).digest()[:4]) % 100
    return "validation" if bucket < VALIDATION else "test" if bucket < VALIDATION + TEST else "train"


def documents(source: Source) -> Iterator[str]:
    """The documents of a source, in order.

    Raises:
        UsageError: it cannot be read, or is not UTF-8.
    """
    paths = sorted(_files(source.path)) if source.path.is_dir() else [source.path]
    for path in paths:
        try:
            yield from (text for text in map(str.strip, _texts(path, source.lines)) if text)
        except (OSError, EOFError) as error:
            raise UsageError(
                f"« {path} » ne peut pas être lu ({getattr(error, 'strerror', None) or 'fichier coupé'})."
            ) from None
        except UnicodeDecodeError:
            raise UsageError(f"« {path} » n'est pas du texte UTF-8.") from None


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.name.endswith(SUFFIXES) and path.is_file())


def _texts(path: Path, lines: bool) -> Iterator[str]:
    if path.suffix == ".parquet":
        yield from _column(path)
        return
    with (
        gzip.open(path, "rt", encoding="utf-8")
        if path.suffix == ".gz"
        else path.open(encoding="utf-8") as file
    ):
        if ".jsonl" in path.suffixes:
            for number, line in enumerate(file, 1):
                try:
                    yield str(json.loads(line)["text"])
                except (ValueError, KeyError, TypeError):
                    raise UsageError(
                        f"« {path} », ligne {number} : il faut un objet JSON avec un champ « text »."
                    ) from None
        elif lines:
            yield from file
        else:
            yield file.read()


def _column(path: Path) -> Iterator[str]:
    try:
        import pyarrow.parquet
    except ImportError:
        raise UsageError("Lire du Parquet demande pyarrow : pip install pyarrow.") from None
    try:
        for batch in pyarrow.parquet.ParquetFile(path).iter_batches(columns=["text"]):
            yield from (str(value) for value in batch.column(0).to_pylist())
    except (pyarrow.ArrowException, IndexError):
        raise UsageError(f"« {path} » n'est pas un fichier Parquet avec une colonne « text ».") from None


def windows(
    texts: Iterable[str],
    tokenizer: Tokenizer,
    length: int,
    start: int | None,
    shortest: int = SHORTEST,
    end: int | None = None,
) -> Iterator[list[int]]:
    """Stretches of at most ``length`` tokens, each of one document, opened by ``start`` and closed by ``end``, where given."""
    room = length - (start is not None) - (end is not None)
    before, after = ([] if one is None else [one] for one in (start, end))
    for text in texts:
        for at in range(0, len(text), LONGEST):
            ids = tokenizer.encode(text[at : at + LONGEST], add_special_tokens=False).ids
            for first in range(0, len(ids), room):
                piece = ids[first : first + room]
                if len(piece) >= shortest:
                    yield [*before, *piece, *after]


def pack(pieces: Sequence[list[int]], length: int) -> tuple[NDArray[np.uint32], NDArray[np.uint8]]:
    """Rows of ``length`` tokens and the segment of each token (0, 1... within the row; 255 for padding).

    First fit over the pieces, longest first; a row holds at most 255 pieces.
    """
    rows: list[list[list[int]]] = []
    open_rows: dict[int, list[int]] = {}  # room left -> rows
    for piece in sorted(pieces, key=len, reverse=True):
        room = min((left for left, held in open_rows.items() if left >= len(piece) and held), default=None)
        if room is None:
            rows.append([piece])
            at, room = len(rows) - 1, length
        else:
            at = open_rows[room].pop()
            rows[at].append(piece)
        if len(rows[at]) < PADDING:
            open_rows.setdefault(room - len(piece), []).append(at)
    tokens = np.zeros((len(rows), length), dtype=np.uint32)
    segments = np.full((len(rows), length), PADDING, dtype=np.uint8)
    for at, row in enumerate(rows):
        place = 0
        for segment, piece in enumerate(row):
            tokens[at, place : place + len(piece)] = piece
            segments[at, place : place + len(piece)] = segment
            place += len(piece)
    return tokens, segments


def prepare(
    sources: Sequence[Source],
    tokenizer: Tokenizer,
    *,
    start: int | None,
    length: int,
    budget: int,
    seed: int,
    output: Path,
    end: int | None = None,
) -> dict[str, Any]:
    """Write ``train.npz`` and ``validation.npz`` (``tokens``, ``segments``), and ``manifest.json``, which is returned.

    Args:
        sources: what to read; each gives rows in proportion to its weight, all of it at most.
        tokenizer: of the model to train.
        start: token that opens a document, if the model has one.
        length: tokens of a row.
        budget: tokens of training; each source is cut at its share.
        seed: of the draw of documents and of the order of rows.
        output: folder, made if needed.
        end: token that closes each stretch, of a masked model.

    Raises:
        UsageError: a source cannot be read, or nothing is left to train on.
    """
    output.mkdir(parents=True, exist_ok=True)
    total = sum(source.weight for source in sources)
    draw = random.Random(seed)
    parts: dict[str, list[tuple[NDArray[np.uint32], NDArray[np.uint8]]]] = {"train": [], "validation": []}
    facts: list[dict[str, Any]] = []
    for source in sources:
        share = int(budget * source.weight / total)
        texts: dict[str, list[str]] = {"train": [], "validation": [], "test": []}
        digest = hashlib.sha256()
        for text in documents(source):
            digest.update(text.encode() + b"\0")
            texts[split_of(text)].append(text)
        used = {}
        for part, most in (("train", share), ("validation", max(share // 20, FEWEST_VALIDATION))):
            draw.shuffle(texts[part])
            pieces: list[list[int]] = []
            counted = 0
            for piece in windows(texts[part], tokenizer, length, start, end=end):
                if counted >= most:
                    break
                pieces.append(piece)
                counted += len(piece)
            used[part] = counted
            if pieces:
                parts[part].append(pack(pieces, length))
        facts.append(
            {
                "name": source.name, "weight": source.weight, "sha256": digest.hexdigest(),
                "documents": {part: len(found) for part, found in texts.items()}, "tokens": used,
            }
        )  # fmt: skip
    if not parts["train"]:
        raise UsageError("Aucun texte à apprendre : les sources sont vides, ou trop courtes.")
    learnt = sum(one["tokens"]["train"] for one in facts)
    if learnt < FEWEST:
        raise UsageError(
            f"Trop peu de texte pour apprendre : {learnt} jetons, il en faut {FEWEST} au moins ; ajoutez des documents."
        )
    manifest: dict[str, Any] = {"sources": facts, "length": length, "budget": budget, "seed": seed}
    for part, packed in parts.items():
        tokens = np.concatenate([one for one, _ in packed]) if packed else np.zeros((0, length), np.uint32)
        segments = np.concatenate([one for _, one in packed]) if packed else np.zeros((0, length), np.uint8)
        order = np.random.default_rng(seed).permutation(len(tokens))
        np.savez(output / f"{part}.npz", tokens=tokens[order], segments=segments[order])
        manifest[part] = {
            "rows": len(tokens), "tokens": int((segments != PADDING).sum()),
            "sha256": hashlib.sha256(tokens[order].tobytes() + segments[order].tobytes()).hexdigest(),
        }  # fmt: skip
    (output / "manifest.json").write_text(
        json.dumps(manifest, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    return manifest


def read_rows(path: Path) -> tuple[NDArray[np.uint32], NDArray[np.uint8]]:
    """Tokens and segments of one part.

    Raises:
        UsageError: it is missing or damaged.
    """
    try:
        with np.load(path) as arrays:
            return arrays["tokens"], arrays["segments"]
    except (OSError, ValueError, KeyError):
        raise UsageError(f"« {path} » manque ou est abîmé : relancez « partages train prepare ».") from None


def as_dict(source: Source) -> dict[str, Any]:
    """For a manifest."""
    return {**asdict(source), "path": source.path.name}
