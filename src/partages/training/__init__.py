"""Specialise a language model for French medicine on the machine at hand: trim, prepare, pretrain, instruct, merge, export."""

from importlib.util import find_spec


def is_installed() -> bool:
    """Whether the libraries of the extra ``train`` are there, without loading any."""
    return all(map(find_spec, ("torch", "transformers", "peft", "gguf")))
