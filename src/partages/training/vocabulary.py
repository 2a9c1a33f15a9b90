"""Vocabularies: the tokenizer of a GGUF model, and which of its tokens a language and a domain use.

What is kept is closed under merges: every piece that merging goes through on its way to a kept token is kept too. Merges
are never undone, so a text whose tokens are all kept is cut by the trimmed vocabulary as by the whole one.
"""

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

from partages.errors import UsageError
from partages.models.gguf_file import BYTE, CONTROL, KINDS, MERGES, NORMAL, SCORES, USER_DEFINED, Weights

SPACE = "▁"
_LLAMA_3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
PRE_TOKENIZERS: dict[str, list[dict[str, Any]]] = {
    "smollm": [{"type": "Digits", "individual_digits": True}, {"type": "ByteLevel", "use_regex": True}],
    "gpt-2": [{"type": "ByteLevel", "use_regex": True}],
    "llama-bpe": [{"type": "Split", "pattern": {"Regex": _LLAMA_3}}, {"type": "ByteLevel", "use_regex": False}],
    "qwen2": [
        {"type": "Split", "pattern": {"Regex": _LLAMA_3.replace("{1,3}", "")}}, {"type": "ByteLevel", "use_regex": False},
    ],
}  # fmt: skip
"""How byte-level BPE cuts before it merges, by llama.cpp's name (``tokenizer.ggml.pre``; ``llama-vocab.cpp``), as ``tokenizers`` says it."""


def _is_byte_level(weights: Weights) -> bool:
    return weights.fields["tokenizer.ggml.model"].value == "gpt2"


def build_tokenizer(weights: Weights) -> Tokenizer:
    """The model's tokenizer, from its GGUF metadata alone: SentencePiece BPE with byte fallback, or byte-level BPE.

    Raises:
        UsageError: another kind of vocabulary.
    """
    kind = weights.fields["tokenizer.ggml.model"].value
    tokens = weights.tokens
    if kind == "gpt2":
        merges = [tuple(merge.split(" ", 1)) for merge in weights.fields[MERGES].value]
        pre = weights.fields.get("tokenizer.ggml.pre")
        name = "gpt-2" if pre is None else str(pre.value)
        if name not in PRE_TOKENIZERS:
            raise UsageError(
                f"Ce modèle coupe les mots d'une façon que l'on ne connaît pas (« {name} ») : prenez-en un qui coupe comme "
                f"{', '.join(PRE_TOKENIZERS)}, ou son dossier safetensors."
            )
        whole_words = name == "llama-bpe"  # a word that is a token is not merged
        tokenizer = Tokenizer(
            models.BPE({token: at for at, token in enumerate(tokens)}, merges, ignore_merges=whole_words)
        )
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([_step(one) for one in PRE_TOKENIZERS[name]])
        tokenizer.decoder = decoders.ByteLevel()
    elif kind == "llama":
        tokenizer = Tokenizer(
            models.BPE(
                {token: at for at, token in enumerate(tokens)},
                list(_merges(weights)),
                unk_token=tokens[int(weights.fields["tokenizer.ggml.unknown_token_id"].value)],
                fuse_unk=False,
                byte_fallback=True,
            )
        )
        kinds = weights.fields[KINDS].value
        alone = [token for token, kind in zip(tokens, kinds, strict=True) if kind == USER_DEFINED]
        tokenizer.add_tokens([AddedToken(token, normalized=False, special=False) for token in alone])
        spaces = normalizers.Replace(" ", SPACE)
        prefix = weights.fields.get("tokenizer.ggml.add_space_prefix")
        prefixed = prefix is None or bool(prefix.value)
        tokenizer.normalizer = (
            normalizers.Sequence([normalizers.Prepend(SPACE), spaces]) if prefixed else spaces
        )
        after = [decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse()]
        tokenizer.decoder = decoders.Sequence([*after, decoders.Strip(" ", 1, 0)] if prefixed else after)
    else:
        raise UsageError(f"Le vocabulaire de ce modèle est d'une sorte que l'on ne connaît pas (« {kind} »).")
    return tokenizer


def _step(told: dict[str, Any]) -> Any:
    if told["type"] == "Digits":
        return pre_tokenizers.Digits(individual_digits=True)
    if told["type"] == "Split":
        return pre_tokenizers.Split(Regex(told["pattern"]["Regex"]), "isolated")
    return pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=told["use_regex"])


def pre_tokenizer_of(told: Any) -> str | None:
    """The name that llama.cpp gives to the pre-tokenizer of a ``tokenizer.json``; None when it has none that we know."""
    steps = told.get("pretokenizers", [told]) if isinstance(told, dict) else []
    plain = [
        {name: step[name] for name in ("type", "individual_digits", "use_regex", "pattern") if name in step}
        for step in steps
        if not step.get("add_prefix_space")
    ]
    return next((name for name, known in PRE_TOKENIZERS.items() if plain == known), None)


def _merges(weights: Weights) -> Iterator[tuple[str, str]]:
    """The merges that SentencePiece's scores amount to, best first."""
    tokens, scores, kinds = weights.tokens, weights.fields[SCORES].value, weights.fields[KINDS].value
    known = {token for token, kind in zip(tokens, kinds, strict=True) if kind == NORMAL}
    order = sorted(
        (at for at, kind in enumerate(kinds) if kind == NORMAL and len(tokens[at]) > 1),
        key=lambda at: (-scores[at], at),
    )
    for at in order:
        token = tokens[at]
        for cut in range(1, len(token)):
            if token[:cut] in known and token[cut:] in known:
                yield token[:cut], token[cut:]


def count_tokens(tokenizer: Tokenizer, texts: Iterable[str]) -> Counter[int]:
    """How often each token is used."""
    found: Counter[int] = Counter()
    for text in texts:
        found.update(tokenizer.encode(text, add_special_tokens=False).ids)
    return found


def kept_tokens(weights: Weights, used: Counter[int], size: int) -> set[int]:
    """At most ``size`` tokens or slightly more: all that are no ordinary piece (bytes, special), every character of
    Latin, Greek, digits and punctuation, then the most used, each with the pieces it is merged from.

    Args:
        weights: the whole model.
        used: how often each token is used in the language and domain to keep.
        size: tokens; the last one's pieces may exceed it.
    """
    tokens, kinds = weights.tokens, weights.fields[KINDS].value
    place = {token: at for at, token in enumerate(tokens)}
    pieces = _Pieces(weights)
    kept = {at for at, kind in enumerate(kinds) if kind == BYTE}
    kept |= _special(weights)
    kept |= {
        at
        for token, at in place.items()
        if len(token) == 1
        and (
            ord(token) < 0x250
            or 0x370 <= ord(token) < 0x400
            or 0x2000 <= ord(token) < 0x2300
            or token == SPACE
        )
    }
    for at, _ in used.most_common():
        if len(kept) >= size:
            break
        if at not in kept:
            kept.add(at)
            kept |= {place[piece] for piece in pieces.of(tokens[at]) if piece in place}
    return kept


def _special(weights: Weights) -> set[int]:
    """Control tokens and those that stand for themselves, without the placeholders nobody uses."""
    named = {
        int(field.value)
        for name, field in weights.fields.items()
        if name.startswith("tokenizer.") and name.endswith("_token_id")
    }
    kinds = weights.fields[KINDS].value
    return named | {
        at
        for at, (token, kind) in enumerate(zip(weights.tokens, kinds, strict=True))
        if kind in (CONTROL, USER_DEFINED) and not token.startswith("<unused")
    }


class _Pieces:
    """What a token is merged from, as the tokenizer goes."""

    def __init__(self, weights: Weights) -> None:
        if _is_byte_level(weights):
            merges = (tuple(merge.split(" ", 1)) for merge in weights.fields[MERGES].value)
            self.rank = {pair[0] + pair[1]: at for at, pair in reversed(list(enumerate(merges)))}
        else:
            scores, kinds = weights.fields[SCORES].value, weights.fields[KINDS].value
            self.rank = {
                token: -scores[at]
                for at, token in enumerate(weights.tokens)
                if kinds[at] == NORMAL and len(token) > 1
            }

    def of(self, token: str) -> set[str]:
        """Every piece on the way from single characters to a token, both included."""
        parts = list(token)
        following = [*range(1, len(parts)), -1]
        before = [-1, *range(len(parts) - 1)]
        found = set(parts)
        queue: list[tuple[float, int, str]] = []

        def propose(left: int) -> None:
            right = following[left]
            if right >= 0 and (rank := self.rank.get(parts[left] + parts[right])) is not None:
                heapq.heappush(queue, (rank, left, parts[left] + parts[right]))

        for left in range(len(parts) - 1):
            propose(left)
        while queue:
            _, left, merged = heapq.heappop(queue)
            right = following[left]
            if not parts[left] or right < 0 or parts[left] + parts[right] != merged:
                continue
            parts[left], parts[right] = merged, ""
            found.add(merged)
            following[left] = following[right]
            if following[left] >= 0:
                before[following[left]] = left
            propose(left)
            if before[left] >= 0:
                propose(before[left])
        return found
