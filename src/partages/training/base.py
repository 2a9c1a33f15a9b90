"""The model to start from: a GGUF file (Gemma 3, Llama), or a folder of ``transformers`` with its tokenizer (any architecture).

Both give the same few things: a network, a tokenizer, the tokens that open and close a document, the template of a
conversation, and what a manifest says of it.
"""

import hashlib
import itertools
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from partages.errors import UsageError
from partages.models.gguf_file import CONTROL, USER_DEFINED, Weights, read_weights
from partages.training.manifest import sha256

TEMPLATES = {
    "<start_of_turn>": (
        "{{ bos_token }}{% for message in messages %}{% if message.role == 'system' %}{% else %}<start_of_turn>"
        "{{ 'model' if message.role == 'assistant' else message.role }}\n{% if loop.index0 == 1 and "
        "messages[0].role == 'system' %}{{ messages[0].content }}\n\n{% endif %}{{ message.content }}<end_of_turn>\n"
        "{% endif %}{% endfor %}{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
    ),
    "<|im_start|>": (
        "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    ),
}
"""By the mark that the vocabulary holds: turns of Gemma (Gemma 3 technical report, 2025; a system prompt goes before the
question, as Gemma has no place for it), and ChatML."""
PLAIN = (
    "{{ bos_token }}{% for message in messages %}{{ message.content }}{% if message.role == 'assistant' %}{{ eos_token }}"
    "{% else %}\n\n{% endif %}{% endfor %}"
)
"""For a base that was never taught to converse: paragraphs."""
VERSION = 3
"""Of GGUF."""
_ASKED, _ORDERED, _ANSWERED = "\ue000q\ue001", "\ue000s\ue001", "\ue000a\ue001"


@dataclass
class Base:
    """A model to train, before its weights are loaded.

    Attributes:
        path: GGUF file or folder.
        name: as manifests and cards call it.
        facts: for the manifests: name, sha256, architecture, vocabulary, licence.
        tokenizer: without its post-processing.
        start, end: tokens that open and close a document, if the model has them.
        marks: special tokens by their text.
        template: of a conversation (Jinja, as ``transformers`` has it); None when the base has none.
        weights: of a GGUF file.
        mask: token that hides another, of a masked model.
        masked: whether it foresees hidden tokens rather than the next one.
    """

    path: Path
    name: str
    facts: dict[str, Any]
    tokenizer: Tokenizer
    start: int | None
    end: int | None
    marks: dict[str, int]
    template: str | None
    weights: Weights | None = None
    mask: int | None = None
    masked: bool = False
    specials: dict[str, str] = field(default_factory=dict)

    @property
    def sha256(self) -> str:
        """Of what the weights and the tokenizer are read from."""
        return str(self.facts["sha256"])

    @property
    def context(self) -> int:
        """Tokens that it reads at most."""
        if self.weights is not None:
            return int(self.weights.number("context_length"))
        return int(read_json(self.path / "config.json").get("max_position_embeddings", 512))

    @property
    def targets(self) -> str | list[str]:
        """Which modules adapters go beside, as ``peft`` takes it."""
        from partages.training.network import LINEAR

        return list(LINEAR) if self.weights else "all-linear"

    def network(self, empty: bool = False) -> Any:
        """The network, in float32; ``empty``: its shape alone, on the meta device.

        Raises:
            UsageError: its architecture is not known, or its weights do not fit it.
        """
        if self.weights:
            from partages.training.network import build

            return build(self.weights, empty=empty)
        return _from_folder(self.path, self.masked, empty)

    def encode(self, text: str) -> list[int]:
        """Tokens of ordinary text: what looks like a mark in it is text."""
        return list(self.tokenizer.encode(text, add_special_tokens=False).ids)

    def conversation(self, prompt: str, answer: str, system: str = "") -> tuple[list[int], list[int]]:
        """Tokens of what precedes the answer, and of the answer with what closes it, in the template of the base.

        Raises:
            UsageError: the base has no template, or its template loses a part of the conversation.
        """
        if self.template is None:
            raise UsageError(
                f"Le modèle « {self.name} » n'a pas de gabarit de conversation : ajoutez --plain (paragraphes "
                "simples), ou partez d'une base qui en a un."
            )
        before, after = self._frame(bool(system))
        held = {_ASKED: prompt, _ORDERED: system}
        pieces = [part for piece in before for part in ([held[piece]] if piece in held else self._cut(piece))]
        return self._tokens(pieces), [*self.encode(answer), *self._tokens(self._cut(after))]

    def _cut(self, text: str) -> list[str | int]:
        """A piece of the template: its marks as tokens, the rest as text."""
        if not self.marks:
            return [text]
        cut = "|".join(re.escape(mark) for mark in sorted(self.marks, key=len, reverse=True))
        return [self.marks.get(piece, piece) for piece in re.split(f"({cut})", text) if piece]

    def _tokens(self, pieces: Sequence[str | int]) -> list[int]:
        """Neighbouring texts are encoded as one, as a server does."""
        found: list[int] = []
        for is_text, group in itertools.groupby(pieces, key=lambda piece: isinstance(piece, str)):
            held = list(group)
            found += self.encode("".join(map(str, held))) if is_text else [int(piece) for piece in held]
        return found

    def _frame(self, system: bool) -> tuple[list[str], str]:
        """Pieces of the template before the answer (the marks of the question and the order among them), and after it."""
        if system not in self._frames:
            messages = [{"role": "system", "content": _ORDERED}] if system else []
            messages += [{"role": "user", "content": _ASKED}, {"role": "assistant", "content": _ANSWERED}]
            text = self._rendered(messages)
            before, found, after = text.partition(_ANSWERED)
            if not found or _ASKED not in before or (system and _ORDERED not in before):
                raise UsageError(
                    f"Le gabarit de conversation de « {self.name} » ne garde pas la question, la consigne ou la réponse : "
                    "ajoutez --plain (paragraphes simples)."
                )
            pieces = re.split(f"({re.escape(_ASKED)}|{re.escape(_ORDERED)})", before)
            self._frames[system] = [piece for piece in pieces if piece], after.rstrip("\n")
        return self._frames[system]

    @cached_property
    def _frames(self) -> dict[bool, tuple[list[str], str]]:
        return {}

    def _rendered(self, messages: Sequence[dict[str, str]]) -> str:
        from jinja2 import TemplateError
        from jinja2.sandbox import ImmutableSandboxedEnvironment

        def refuse(message: str) -> None:
            raise TemplateError(message)

        environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
        environment.globals["raise_exception"] = refuse
        assert self.template is not None
        try:
            return environment.from_string(self.template).render(
                messages=messages, add_generation_prompt=False, **self.specials
            )
        except TemplateError as error:
            raise UsageError(
                f"Le gabarit de conversation de « {self.name} » ne s'applique pas ({str(error)[:120]}) : ajoutez --plain."
            ) from None


def read_base(path: Path | None, plain: bool = False) -> Base:
    """The model at a path; the embedded one by default.

    Args:
        path: GGUF file, or folder with ``config.json``, ``model.safetensors`` and ``tokenizer.json``.
        plain: ignore the template of the base: conversations are paragraphs.

    Raises:
        UsageError: it cannot be read, or is of a kind that is not known.
    """
    if path is not None and not path.exists():
        raise UsageError(
            f"« {path} » n'existe pas : donnez à --base un fichier GGUF, ou un dossier de transformers."
        )
    base = _read_folder(path) if path and path.is_dir() else _read_gguf(path)
    if plain:
        base.template = PLAIN
    return base


def _read_gguf(path: Path | None) -> Base:
    from partages.models.catalogue import BASE_NAME
    from partages.models.embedded import base_path
    from partages.settings import Settings
    from partages.training.vocabulary import build_tokenizer

    name = path.stem if path else BASE_NAME
    path = path or base_path(Settings())
    _check_version(path)
    weights = read_weights(path)
    if "tokenizer.ggml.token_type" not in weights.fields or "tokenizer.ggml.tokens" not in weights.fields:
        raise UsageError(f"« {path} » n'a pas de vocabulaire : ce n'est pas un modèle de langue entier.")
    return of_weights(weights, build_tokenizer(weights), path, name, sha256(path))


def _check_version(path: Path) -> None:
    """A GGUF file of another version is said as such (the format's first eight bytes)."""
    try:
        with path.open("rb") as file:
            head = file.read(8)
    except OSError as error:
        raise UsageError(f"« {path} » ne peut pas être lu ({error.strerror}).") from None
    if len(head) == 8 and head[:4] == b"GGUF" and (found := int.from_bytes(head[4:], "little")) != VERSION:
        told = str(found) if found < 1000 else "gros-boutiste"
        raise UsageError(
            f"« {path} » est un GGUF de version {told}, seule la version {VERSION} se lit ici : reconvertissez le modèle avec un "
            "llama.cpp récent."
        )


def of_weights(
    weights: Weights, tokenizer: Tokenizer, path: Path = Path(), name: str = "", digest: str = ""
) -> Base:
    """A base from what a GGUF file holds."""
    tokens = weights.tokens
    marks = {
        token: at
        for at, (token, kind) in enumerate(
            zip(tokens, weights.fields["tokenizer.ggml.token_type"].value, strict=True)
        )
        if kind in (CONTROL, USER_DEFINED) and token.startswith("<") and not token.startswith("<unused")
    }
    licence = weights.fields.get("general.license")
    written = weights.fields.get("tokenizer.chat_template")
    template = str(written.value) if written else None
    if template is None:
        template = next((value for mark, value in TEMPLATES.items() if mark in marks), None)
    start, end = weights.token_id("bos"), weights.token_id("eos")
    if _off(weights, "tokenizer.ggml.add_bos_token"):
        start = None
    return Base(
        path=path, name=name, tokenizer=tokenizer, start=start, end=end, marks=marks, template=template, weights=weights,
        specials={
            "bos_token": "" if start is None else tokens[start], "eos_token": "" if end is None else tokens[end],
        },
        facts={
            "name": name, "sha256": digest, "architecture": weights.architecture, "vocabulary": len(tokens),
            "licence": str(licence.value) if licence else "gemma" if weights.architecture == "gemma3" else "",
        },
    )  # fmt: skip


def _off(weights: Weights, name: str) -> bool:
    written = weights.fields.get(name)
    return written is not None and not written.value


def _read_folder(path: Path) -> Base:
    config = read_json(path / "config.json")
    if not (path / "tokenizer.json").is_file():
        raise UsageError(
            f"« {path} » n'a pas de tokenizer.json : enregistrez-y le découpeur du modèle (tokenizer.save_pretrained)."
        )
    if not any(path.glob("*.safetensors")):
        raise UsageError(f"« {path} » n'a pas de poids (.safetensors).")
    try:
        tokenizer = Tokenizer.from_file(str(path / "tokenizer.json"))
    except Exception:  # the library raises nothing narrower
        raise UsageError(f"« {path / 'tokenizer.json'} » ne peut pas être lu.") from None
    options = read_json(path / "tokenizer_config.json") if (path / "tokenizer_config.json").is_file() else {}
    tokenizer.encode_special_tokens = True  # a mark in a text is text
    tokenizer.no_padding()
    tokenizer.no_truncation()

    def named(*names: str) -> str | None:
        for name in names:
            given = options.get(name)
            given = given.get("content") if isinstance(given, dict) else given
            if isinstance(given, str) and tokenizer.token_to_id(given) is not None:
                return given
        return None

    first, last, mask = named("bos_token", "cls_token"), named("eos_token", "sep_token"), named("mask_token")
    marks = {held.content: at for at, held in tokenizer.get_added_tokens_decoder().items() if held.special}
    written = path / "chat_template.jinja"
    template = written.read_text(encoding="utf-8") if written.is_file() else options.get("chat_template")
    if not isinstance(template, str):
        template = next((value for mark_, value in TEMPLATES.items() if mark_ in marks), None)
    digest = hashlib.sha256()
    for file in sorted((*path.glob("*.safetensors"), path / "config.json", path / "tokenizer.json")):
        digest.update(sha256(file).encode())
    architectures = config.get("architectures") or []
    name = path.resolve().name
    return Base(
        path=path, name=name, tokenizer=tokenizer, marks=marks, template=template,
        start=None if first is None else tokenizer.token_to_id(first),
        end=None if last is None else tokenizer.token_to_id(last),
        mask=None if mask is None else tokenizer.token_to_id(mask),
        masked=any("MaskedLM" in one for one in architectures),
        specials={"bos_token": first or "", "eos_token": last or ""},
        facts={
            "name": name, "sha256": digest.hexdigest(), "architecture": str(config.get("model_type", "")),
            "vocabulary": tokenizer.get_vocab_size(), "licence": _licence(path),
        },
    )  # fmt: skip


def read_json(path: Path) -> dict[str, Any]:
    """An object in a file of a model's folder.

    Raises:
        UsageError: it is missing, or is no JSON object.
    """
    try:
        found = json.loads(path.read_bytes())
        if isinstance(found, dict):
            return found
    except OSError:
        raise UsageError(
            f"« {path.parent} » n'est pas un modèle : il y manque {path.name} (donnez un fichier GGUF, ou un dossier "
            "écrit par transformers)."
        ) from None
    except ValueError:
        pass
    raise UsageError(f"« {path} » n'est pas du JSON lisible.")


def _licence(path: Path) -> str:
    """As the head of the model card has it, or ``gemma`` for a model of that family."""
    card = path / "README.md"
    if card.is_file() and (
        found := re.search(
            r"^licen[sc]e:\s*\"?([^\s\"]+)", card.read_text(encoding="utf-8", errors="replace"), re.M
        )
    ):
        return found.group(1)
    return "gemma" if str(read_json(path / "config.json").get("model_type", "")).startswith("gemma") else ""


def _from_folder(path: Path, masked: bool, empty: bool = False) -> Any:
    import torch
    from safetensors import SafetensorError
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForMaskedLM

    try:
        kind = AutoModelForMaskedLM if masked else AutoModelForCausalLM
        if empty:
            with torch.device("meta"):
                config = AutoConfig.from_pretrained(path, local_files_only=True)
                return kind.from_config(config, dtype=torch.float32, attn_implementation="sdpa")
        with quiet():
            network, told = kind.from_pretrained(  # type: ignore[misc]
                path,
                dtype=torch.float32,
                attn_implementation="sdpa",
                output_loading_info=True,
                local_files_only=True,
            )
    except (ValueError, KeyError, OSError, RuntimeError, SafetensorError, ImportError) as error:
        reason = " ".join(str(error).split())[:160]
        raise UsageError(
            f"« {path} » ne peut pas être entraîné : architecture inconnue de transformers, ou poids abîmés ({reason})."
        ) from None
    if told["missing_keys"] or told.get("mismatched_keys"):
        raise UsageError(f"« {path} » n'a pas tous les poids de son architecture : le dossier est incomplet.")
    return network


@contextmanager
def quiet() -> Iterator[None]:
    """``transformers`` without its bars and advice."""
    from transformers.utils import logging

    before, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(before)
        if bars:
            logging.enable_progress_bar()
