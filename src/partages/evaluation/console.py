"""What the commands share: files written whole, JSON read with care, a figure on a line."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from partages.errors import OutputError, UsageError

NOT_SHARES = frozenset({"bits_per_byte", "byte_perplexity"})
"""Figures of language models that are numbers, not shares."""
FILE = click.Path(path_type=Path)
FORMAT = click.option(
    "--format",
    "output_format",
    type=click.Choice(["text", "json"]),
    default="text",
    help="text : à lire à l'écran ; json : tout le résultat.",
)


def write(path: Path, content: str) -> None:
    """Write a file whole or not at all.

    Raises:
        OutputError: it cannot be written.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_text(content, encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise OutputError(f"« {path} » ne peut pas être écrit ({error.strerror}).") from None


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file.

    Raises:
        UsageError: unreadable, or not a JSON object.
    """
    try:
        found = json.loads(path.read_bytes())
    except OSError as error:
        raise UsageError(f"« {path} » ne peut pas être lu ({error.strerror}).") from None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise UsageError(f"« {path} » n'est pas un objet JSON valide.")
    return found


def dump(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False)


def percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f}".replace(".", ",")


def line(name: str, estimate: Mapping[str, float | None]) -> str:
    bounds = f" [{percent(estimate['low'])} ; {percent(estimate['high'])}]"
    return f"  {name:<42} {percent(estimate['value']):>7} %" + (bounds if estimate["low"] is not None else "")


def p_value(value: float) -> str:
    """``p = 0,0312``, or ``p < 0,0001``."""
    return "p < 0,0001" if value < 0.0001 else f"p = {value:.4f}".replace(".", ",")
