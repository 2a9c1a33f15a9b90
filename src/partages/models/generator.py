"""The one seam to language models: what a use case asks, and what answers.

A use case builds a ``Prompt`` and reads pieces of text. Who answers (the embedded server,
a hospital's vLLM, a scripted list in a test) is decided by ``partages.models.open_generator``.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

Schema = Mapping[str, Any]
"""A JSON schema; decoding is constrained to it, token by token."""


TEMPERATURE = 0.5
"""Of an answer that is drawn rather than the likeliest: several of them show what a model holds to."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is asked of a model, in the two forms that models take.

    Attributes:
        system: the instruction, for models tuned on conversations.
        user: the request and its material, for the same models.
        completion: the beginning of a text to continue, for base models, which follow no
            instruction. Its ``repr`` shows lengths, never the text.
    """

    system: str
    user: str
    completion: str

    def __repr__(self) -> str:
        lengths = f"system={len(self.system)}, user={len(self.user)}, completion={len(self.completion)}"
        return f"Prompt({lengths} characters)"


class Generator(Protocol):
    """Something that writes."""

    name: str
    """Model name, as shown to the reader beside what it wrote."""
    is_base: bool
    """True for a base model (continues text, follows no instruction)."""

    def stream(
        self,
        prompt: Prompt,
        *,
        max_tokens: int,
        schema: Schema | None = None,
        stop: Sequence[str] = (),
        seed: int | None = None,
    ) -> Iterator[str]:
        """Yield pieces of the answer as they are decoded, the likeliest, or drawn from ``seed``.

        With ``schema`` the whole answer is a JSON text valid against it, unless
        ``max_tokens`` cuts it short. Closing the iterator stops the decoding.

        Raises:
            GeneratorError: the server failed, or answered something that is not the protocol.
            GeneratorUnavailable: it cannot be reached or started.
        """
        ...

    def close(self) -> None:
        """Release what it holds (connections, an embedded server); safe to call twice."""
        ...


def generate(
    generator: Generator,
    prompt: Prompt,
    *,
    max_tokens: int,
    schema: Schema | None = None,
    stop: Sequence[str] = (),
) -> str:
    """The whole answer at once; same arguments and errors as ``Generator.stream``."""
    return "".join(generator.stream(prompt, max_tokens=max_tokens, schema=schema, stop=stop))


class ScriptedGenerator:
    """Answers from a list, in order: tests use cases without weights, and documents the protocol."""

    name = "scripted"
    is_base = False

    def __init__(self, answers: Sequence[str]) -> None:
        self._answers = list(answers)
        self.prompts: list[Prompt] = []

    def stream(
        self,
        prompt: Prompt,
        *,
        max_tokens: int,  # noqa: ARG002
        schema: Schema | None = None,  # noqa: ARG002
        stop: Sequence[str] = (),  # noqa: ARG002
        seed: int | None = None,  # noqa: ARG002
    ) -> Iterator[str]:
        self.prompts.append(prompt)
        yield from self._answers.pop(0).splitlines(keepends=True)

    def close(self) -> None:
        """Nothing to release."""
