"""Functions that the YAML tasks name, for lm-eval and for ``partages evaluate model`` alike."""

import re
from collections.abc import Mapping
from typing import Any

LETTERS = "ABCDE"
_RUN = re.compile(r"[A-E]{2,5}\b|[A-Ea-e](?:\s*(?:,|;|/|\+|-|et|\s)\s*[A-Ea-e])*(?![^\W\d_])")


def single(dataset: Any) -> Any:
    """Questions with one right answer (lm-eval's ``process_docs``)."""
    return dataset.filter(lambda question: len(question["correct_answers"]) == 1)


def letters(question: Mapping[str, Any]) -> str:
    """The right letters, in order (``A, C``)."""
    return ", ".join(LETTERS[int(number)] for number in sorted(question["correct_answers"]))


def parse(answer: str) -> frozenset[str] | None:
    """The letters that an answer gives, or None when it begins with none: a refusal, or something else."""
    start = answer.lstrip(" \t\n(*:")
    found = _RUN.match(start)
    if not found:
        return None
    return frozenset(letter for letter in found.group().upper().replace("ET", "") if letter in LETTERS)


def exact_match(question: Mapping[str, Any], results: list[str]) -> dict[str, float]:
    """Exact match of the sets, and Hamming score (shared letters over all letters), Labrak et al. 2022."""
    right, given = frozenset(letters(question).split(", ")), parse(results[0]) or frozenset()
    return {"exact_match": float(given == right), "hamming": len(given & right) / len(given | right)}
