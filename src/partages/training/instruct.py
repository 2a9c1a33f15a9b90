"""Instruction tuning: examples in one format, in the base's chat template, loss on the answers alone.

One JSON object a line: ``prompt`` and ``answer``, and ``system`` if need be. A question with its answer, a report with its
conclusion, a report with the JSON to extract, a passage with its code: all are that.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from partages.errors import UsageError
from partages.models.gguf_file import Weights
from partages.training.pretrain import Rows
from partages.training.rows import Split, pack, split_of

TURNS = (("<start_of_turn>", "<end_of_turn>", "model"), ("<|im_start|>", "<|im_end|>", "assistant"))
"""Marks that open and close a turn, and who answers."""
_LEARNT = 1 << 31
"""Bit of a token that counts in the loss, while rows are packed."""


@dataclass(frozen=True)
class Example:
    """What is asked and the answer to learn."""

    prompt: str
    answer: str
    system: str = ""


def read_examples(path: Path) -> Iterator[Example]:
    """The examples of a JSON lines file.

    Raises:
        UsageError: it cannot be read, or a line is no example; the line's number is given, never its text.
    """
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield _example(line, path, number)
    except OSError as error:
        raise UsageError(f"« {path} » ne peut pas être lu ({error.strerror}).") from None
    except UnicodeDecodeError:
        raise UsageError(f"« {path} » n'est pas du texte UTF-8.") from None


def _example(line: str, path: Path, number: int) -> Example:
    try:
        given = json.loads(line)
        known = {name: given[name] for name in ("prompt", "answer", "system") if name in given}
        example = Example(**known)
        if all(isinstance(value, str) for value in known.values()) and example.prompt and example.answer:
            return example
    except (ValueError, TypeError, RecursionError):
        pass
    raise UsageError(
        f"« {path} », ligne {number} : il faut un objet JSON avec « prompt » et « answer », deux textes non vides."
    )


def encode(example: Example, weights: Weights, tokenizer: Tokenizer) -> tuple[list[int], list[int]]:
    """Tokens of what precedes the answer, and of the answer with its end, in the template of the base.

    Gemma's turns (Gemma 3 technical report, 2025) where the vocabulary has them, else ChatML's, else plain paragraphs. A
    system prompt goes before the question, as Gemma has no place for it. Marks are put as tokens, never read in the text.
    """
    place = {token: at for at, token in enumerate(weights.tokens)}
    start = weights.token_id("bos")
    opening = [] if start is None else [start]

    def plain(text: str) -> list[int]:
        return list(tokenizer.encode(text, add_special_tokens=False).ids)

    asked = f"{example.system}\n\n{example.prompt}" if example.system else example.prompt
    for begin, end, answers in TURNS:
        if begin in place and end in place:
            question = [place[begin], *plain(f"user\n{asked}"), place[end], *plain("\n")]
            return opening + question + [place[begin], *plain(f"{answers}\n")], [
                *plain(example.answer),
                place[end],
            ]
    over = weights.token_id("eos")
    return opening + plain(f"{asked}\n\n"), plain(example.answer) + ([] if over is None else [over])


def rows_of(
    examples: Sequence[Example], weights: Weights, tokenizer: Tokenizer, length: int, part: Split
) -> tuple[Rows, int]:
    """Packed rows of the examples of one side of the split, and how many were too long and left out.

    Args:
        examples: all of them; a hash of the prompt decides the side (test is never learnt from).
        weights, tokenizer: of the base.
        length: tokens of a row; a longer example is left out, never cut.
        part: side.
    """
    pieces, left_out = [], 0
    for example in examples:
        if split_of(example.prompt) != part:
            continue
        before, answer = encode(example, weights, tokenizer)
        ids = before + [token | _LEARNT for token in answer]
        if len(ids) <= length:
            pieces.append(ids)
        else:
            left_out += 1
    tokens, segments = pack(pieces, length)
    return (tokens & (_LEARNT - 1), segments, (tokens & _LEARNT) != 0), left_out


def empty(rows: Rows) -> bool:
    """Whether nothing is left to learn from."""
    return not len(rows[0]) or not np.any(rows[2])
