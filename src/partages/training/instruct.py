"""Instruction tuning: examples in one format, in the base's chat template, loss on the answers alone.

One JSON object a line (``docs/training.md``): ``prompt`` and ``answer``; ``system``, ``schema`` and ``task`` if need be. A question
with its answer, a report with its conclusion, a report with the JSON to extract (``schema``, and ``answer`` an object), a passage
with its code: all are that.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from partages.errors import UsageError
from partages.models.gguf_file import Weights
from partages.training.base import Base, of_weights
from partages.training.pretrain import Rows
from partages.training.rows import Split, pack, split_of

_LEARNT = 1 << 31
"""Bit of a token that counts in the loss, while rows are packed."""


@dataclass(frozen=True)
class Example:
    """What is asked and the answer to learn.

    Attributes:
        prompt: what the user asks.
        answer: text to learn; an object, written as JSON on one line.
        system: order given before.
        schema: JSON schema that the answer obeys.
        task: name of the kind of example, for the counts.
    """

    prompt: str
    answer: str
    system: str = ""
    schema: dict[str, Any] | None = None
    task: str = ""


FIELDS = ("prompt", "answer", "system", "schema", "task")


def read_examples(path: Path) -> Iterator[Example]:
    """The examples of a JSON lines file.

    Raises:
        UsageError: it cannot be read, or a line is no example; the line's number is given, never its text.
    """
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield _example(line, f"« {path} », ligne {number}")
    except FileNotFoundError:
        raise UsageError(f"« {path} » n'existe pas.") from None
    except OSError as error:
        raise UsageError(f"« {path} » ne peut pas être lu ({error.strerror}).") from None
    except UnicodeDecodeError:
        raise UsageError(f"« {path} » n'est pas du texte UTF-8.") from None


def _example(line: str, where: str) -> Example:
    try:
        given = json.loads(line)
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        raise UsageError(
            f"{where} : il faut un objet JSON avec « prompt » et « answer », deux textes non vides."
        )
    known = {name: given[name] for name in FIELDS if given.get(name) is not None}
    schema, answer = known.get("schema"), known.get("answer")
    if schema is not None:
        _check_schema(schema, answer, where)
    if isinstance(answer, dict | list):
        known["answer"] = json.dumps(answer, ensure_ascii=False)
    texts = [known.get(name, "") for name in FIELDS if name != "schema"]
    if not all(isinstance(text, str) for text in texts) or not known.get("prompt") or not known.get("answer"):
        raise UsageError(
            f"{where} : il faut un objet JSON avec « prompt » et « answer », deux textes non vides."
        )
    return Example(**known)


def _check_schema(schema: Any, answer: Any, where: str) -> None:
    """That the schema is one, and that the answer obeys it."""
    from jsonschema import SchemaError, ValidationError
    from jsonschema.validators import validator_for
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    try:
        kind = validator_for(schema)
        kind.check_schema(schema)
        # an empty registry: what a schema refers to must be in it, nothing is fetched
        kind(schema, registry=Registry()).validate(json.loads(answer) if isinstance(answer, str) else answer)
    except Unresolvable:
        raise UsageError(
            f"{where} : « schema » renvoie ($ref) à ce qu'il ne contient pas ; rien n'est cherché ailleurs."
        ) from None
    except (SchemaError, AttributeError, TypeError):
        raise UsageError(f"{where} : « schema » n'est pas un schéma JSON valable.") from None
    except ValueError:
        raise UsageError(f"{where} : « answer » n'est pas du JSON, alors qu'un schéma est donné.") from None
    except ValidationError as error:
        place = "/".join(str(step) for step in error.absolute_schema_path)
        raise UsageError(f"{where} : « answer » ne suit pas son schéma (règle « {place} »).") from None


_last: list[tuple[Weights, Base]] = []


def encode(example: Example, weights: Weights, tokenizer: Tokenizer) -> tuple[list[int], list[int]]:
    """Tokens of what precedes the answer, and of the answer with its end, for who holds the weights of a GGUF base."""
    if not _last or _last[0][0] is not weights:
        _last[:] = [(weights, of_weights(weights, tokenizer))]
    return _last[0][1].conversation(example.prompt, example.answer, example.system)


def rows_of(examples: Sequence[Example], base: Base, length: int, part: Split) -> tuple[Rows, int]:
    """Packed rows of the examples of one side of the split, and how many were too long and left out.

    Args:
        examples: all of them; a hash of the prompt decides the side (test is never learnt from).
        base: whose template of a conversation is used.
        length: tokens of a row; a longer example is left out, never cut.
        part: side.
    """
    pieces, left_out = [], 0
    for example in examples:
        if split_of(example.prompt) != part:
            continue
        before, answer = base.conversation(example.prompt, example.answer, example.system)
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
