"""Language models: French medical questions, and bits per character of held-out text.

Prompts are those of the lm-eval tasks in ``tasks/``, and the run names their hash. With
likelihood, the answer is the letter to which the model gives the most probability; greedy, the letters
it writes. Questions are asked one by one, at temperature 0, without examples.
"""

import gzip
import hashlib
import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from jinja2 import Environment, StrictUndefined

from partages import __version__
from partages.errors import GeneratorError, GeneratorUnavailable, UsageError
from partages.evaluation.statistics import DRAWS, Array, bootstrap, ratio
from partages.evaluation.tasks.utils import LETTERS, exact_match, letters, parse
from partages.settings import Settings
from partages.terminal import progress_bar
from partages.training import is_installed

TASKS = ("frenchmedmcqa_single", "frenchmedmcqa_multiple")
COLUMNS = ("questions", "right", "hamming", "invalid", "likelihood_right", "likelihood_asked")
WINDOW = 512
"""Tokens of a window of held-out text; each begins afresh."""
MAX_CHARACTERS = 4000
"""Of each text, where llama.cpp gives one probability a request; torch reads whole texts."""
TOP = 100
"""Most probable first tokens asked for; a letter beyond has no probability."""
CHAT_TOP = 20
"""The most that the OpenAI protocol allows for conversations."""


class _Loader(yaml.SafeLoader):
    """YAML with lm-eval's ``!function``, read as a name."""


_Loader.add_constructor("!function", lambda loader, node: str(loader.construct_scalar(node)))


def read_task(name: str) -> tuple[dict[str, Any], str]:
    """A task and the SHA-256 of its file."""
    content = (files("partages.evaluation.tasks") / f"{name}.yaml").read_bytes()
    task: dict[str, Any] = yaml.load(content, _Loader)  # noqa: S506  # a SafeLoader
    return task, hashlib.sha256(content).hexdigest()


def prompt_of(task: Mapping[str, Any], question: Mapping[str, Any]) -> str:
    """What is asked, from the task's template."""
    environment = Environment(undefined=StrictUndefined, autoescape=False)  # noqa: S701  # plain text
    return environment.from_string(task["doc_to_text"]).render(question)


def read_questions(path: Path) -> list[dict[str, Any]]:
    """FrenchMedMCQA as published in JSON, in the fields of its data set on the Hub.

    Raises:
        UsageError: not such a file.
    """
    try:
        return [
            {
                "id": item["id"],
                "question": item["question"],
                **{f"answer_{letter.lower()}": item["answers"][letter.lower()] for letter in LETTERS},
                "correct_answers": [LETTERS.index(letter.upper()) for letter in item["correct_answers"]],
            }
            for item in json.loads(path.read_bytes())
        ]
    except OSError as error:
        raise UsageError(f"« {path} » ne peut pas être lu ({error.strerror}).") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UsageError(f"« {path} » n'est pas un fichier de questions FrenchMedMCQA (JSON).") from None


class Model:
    """A server that speaks the OpenAI protocol, asked for answers and, where it gives them, probabilities."""

    def __init__(self, url: str, name: str, key: str, timeout: float, is_base: bool) -> None:
        import openai

        self.url, self.name, self.is_base = url, name, is_base
        self._openai = openai
        self._client = openai.OpenAI(
            base_url=url,
            api_key=key or "none",
            timeout=timeout,
            max_retries=1,
            http_client=openai.DefaultHttpxClient(trust_env=False),
        )
        self.tokens = 0

    def _ask(self, prompt: str, tokens: int, top: int | None) -> Any:
        common: dict[str, Any] = {"model": self.name, "max_tokens": tokens, "temperature": 0}
        try:
            if self.is_base:
                common |= {"logprobs": top} if top else {"stop": ["\n\n"]}
                answer = self._client.completions.create(prompt=prompt, **common)
            else:
                common |= {"logprobs": True, "top_logprobs": CHAT_TOP} if top else {}
                messages: list[Any] = [{"role": "user", "content": prompt}]
                answer = self._client.chat.completions.create(messages=messages, **common)
        except self._openai.APIConnectionError:
            raise GeneratorUnavailable(f"Le serveur de modèles {self.url} est injoignable.") from None
        except self._openai.OpenAIError:
            if top:
                return None
            raise GeneratorError(f"Le serveur de modèles {self.url} refuse la demande.") from None
        if answer.usage:
            self.tokens += answer.usage.total_tokens
        return answer.choices[0] if answer.choices else None

    def write(self, prompt: str, tokens: int) -> str:
        """The greedy answer."""
        choice = self._ask(prompt, tokens, None)
        if choice is None:
            return ""
        return (choice.text if self.is_base else choice.message.content) or ""

    def letter(self, prompt: str) -> str | None:
        """The most probable letter, or None without probabilities, or without a letter among them."""
        choice = self._ask(prompt, 1, TOP)
        found = dict.fromkeys(LETTERS, 0.0)
        for token, logarithm in _first_tokens(choice):
            if token.strip() in found:
                found[token.strip()] += math.exp(logarithm)
        best = max(found, key=found.__getitem__)
        return best if found[best] > 0 else None

    def close(self) -> None:
        self._client.close()


def _first_tokens(choice: Any) -> Iterator[tuple[str, float]]:
    """First tokens and their log-probabilities, in either shape that servers give them."""
    given = choice.logprobs if choice is not None else None
    if given is None:
        return
    if content := getattr(given, "content", None):
        first = content[0] if isinstance(content[0], dict) else content[0].model_dump()
        for entry in first["top_logprobs"]:
            yield entry["token"], entry["logprob"]
    elif getattr(given, "top_logprobs", None):
        yield from given.top_logprobs[0].items()


def ask(
    model: Model, task_name: str, questions: Sequence[dict[str, Any]]
) -> tuple[Array, list[dict[str, Any]]]:
    """Rows of counts and answers, one a question."""
    task, _ = read_task(task_name)
    rows, answers = [], []
    for question in questions:
        prompt = prompt_of(task, question)
        right = letters(question)
        written = model.write(prompt, 24).strip().split("\n")[0]
        scores = exact_match(question, [written])
        chosen = model.letter(prompt) if task["output_type"] == "multiple_choice" else None
        given = parse(written)
        rows.append(
            [1, scores["exact_match"], scores["hamming"], given is None, chosen == right, chosen is not None]
        )
        answers.append(
            {"id": question["id"], "right": right, "given": sorted(given or ()), "likelihood": chosen}
        )
    return np.array(rows, float), answers


def figures(sums: Array) -> dict[str, Array]:
    """Figures from sums of rows, shape (..., columns)."""
    column = {name: sums[..., number] for number, name in enumerate(COLUMNS)}
    return {
        "exact_match": ratio(column["right"], column["questions"]),
        "hamming": ratio(column["hamming"], column["questions"]),
        "invalid": ratio(column["invalid"], column["questions"]),
        "likelihood_accuracy": ratio(
            column["likelihood_right"], np.where(column["likelihood_asked"] > 0, column["questions"], 0)
        ),
    }


def evaluate_questions(
    model: Model, path: Path, task_name: str, limit: int | None = None, seed: int = 0, count: int = DRAWS
) -> dict[str, Any]:
    """FrenchMedMCQA: figures with intervals over questions.

    Raises:
        UsageError: no question.
    """
    task, digest = read_task(task_name)
    found: Any = read_questions(path)
    if task["output_type"] == "multiple_choice":
        found = (question for question in found if len(question["correct_answers"]) == 1)
    questions = list(islice(found, limit))
    if not questions:
        raise UsageError(f"« {path} » ne contient aucune question de ce type.")
    started = time.monotonic()
    rows, answers = ask(model, task_name, questions)
    elapsed = time.monotonic() - started
    estimates = bootstrap(rows, figures, seed, count)
    return {
        "format": "partages-model-evaluation/1",
        "model": model.name,
        "task": task_name,
        "questions": len(questions),
        "figures": {name: estimate.as_json() for name, estimate in estimates.items()},
        "answers": answers,
        "cost": {"seconds": round(elapsed, 3), "tokens": model.tokens},
        "provenance": {
            "partages": __version__,
            "prompt_sha256": digest,
            "data_sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        },
    }


# ---- bits per character


def read_text(path: Path, most: int | None) -> str:
    """The first characters of a text file, compressed or not; all of them by default.

    Raises:
        UsageError: unreadable, not UTF-8, or empty.
    """
    try:
        with (
            gzip.open(path, "rt", encoding="utf-8")
            if path.suffix == ".gz"
            else path.open(encoding="utf-8") as stream
        ):
            text = stream.read(-1 if most is None else most)
    except (OSError, UnicodeDecodeError, EOFError):
        raise UsageError(f"« {path} » n'est pas un texte lisible en UTF-8.") from None
    if not text.strip():
        raise UsageError(f"« {path} » est vide.")
    return text


def bits_per_character(settings: Settings, paths: Sequence[Path], most: int | None = None) -> dict[str, Any]:
    """How well the embedded model (or PARTAGES_MODEL_FILE) predicts texts; lower is better.

    Windows of 512 tokens, each after the beginning-of-text token. Bits are counted over the model's own
    tokens and divided by characters, so models with other vocabularies compare. With the extra ``train``
    and a Gemma 3 or Llama file, a window takes one pass of torch; otherwise llama.cpp imposes the tokens
    one by one and gives the probability of each before sampling. The result's ``engine`` names which.

    Args:
        most: characters read of each text; by default all with torch, 4,000 with llama.cpp.

    Raises:
        UsageError: a text cannot be read.
        GeneratorUnavailable: the model cannot be started.
    """
    if is_installed() and (found := _bits_by_torch(settings, paths, most)):
        return found
    return _bits_by_llama_cpp(settings, paths, most or MAX_CHARACTERS)


def _bits_by_torch(settings: Settings, paths: Sequence[Path], most: int | None) -> dict[str, Any] | None:
    """None where the architecture is not one that torch is taught here."""
    from partages.models.catalogue import EMBEDDED_NAME
    from partages.models.embedded import model_path
    from partages.models.gguf_file import read_weights
    from partages.training.measure import window_bits
    from partages.training.network import build
    from partages.training.rows import windows
    from partages.training.vocabulary import build_tokenizer

    texts = {str(path): read_text(path, most) for path in paths}
    path = model_path(settings)
    try:
        weights = read_weights(path)
        network, tokenizer = build(weights), build_tokenizer(weights)
    except UsageError:
        return None
    network.eval()
    start = weights.token_id("bos")
    room, shortest = (WINDOW, 2) if start is None else (WINDOW + 1, 1)  # a first token is not predicted
    pieces = {name: list(windows([text], tokenizer, room, start, shortest)) for name, text in texts.items()}
    measures: dict[str, Any] = {}
    with progress_bar(sum(map(len, pieces.values()))) as advance:
        for name, text in texts.items():
            bits = 0.0
            for piece in pieces[name]:
                bits += window_bits(network, piece)
                advance()
            tokens = sum(len(piece) - 1 for piece in pieces[name])
            measures[name] = _shares(bits, tokens, len(text), len(text.encode()))
    return _bits_result(path.stem if settings.model_file else EMBEDDED_NAME, "torch", measures)


def _bits_by_llama_cpp(settings: Settings, paths: Sequence[Path], most: int) -> dict[str, Any]:
    import httpx2

    from partages.models.embedded import EmbeddedGenerator

    texts = {str(path): read_text(path, most) for path in paths}
    generator = EmbeddedGenerator(settings)
    measures: dict[str, Any] = {}
    try:
        with httpx2.Client(
            base_url=generator.url.removesuffix("/v1"),
            headers={"Authorization": f"Bearer {generator.api_key}"},
            trust_env=False,
            timeout=settings.generator_timeout,
        ) as client:
            for name, text in texts.items():
                bits, tokens = _bits(client, text)
                measures[name] = _shares(bits, tokens, len(text), len(text.encode()))
    except (httpx2.HTTPError, KeyError, IndexError, ValueError):
        raise GeneratorError("Le modèle intégré n'a pas donné les probabilités demandées.") from None
    finally:
        generator.close()
    return _bits_result(generator.name, "llama.cpp", measures)


def _bits_result(model: str, engine: str, measures: dict[str, Any]) -> dict[str, Any]:
    keys = ("bits", "tokens", "characters", "bytes")
    bits, *counts = (sum(entry[key] for entry in measures.values()) for key in keys)
    return {
        "format": "partages-bits/1",
        "model": model,
        "engine": engine,
        "files": measures,
        "total": _shares(bits, *counts),
    }


def _shares(bits: float, tokens: int, characters: int, size: int) -> dict[str, float]:
    return {
        "bits_per_character": bits / characters,
        "bits_per_byte": bits / size,
        "bits": bits,
        "tokens": tokens,
        "characters": characters,
        "bytes": size,
    }


def _bits(client: Any, text: str) -> tuple[float, int]:
    whole = client.post("/tokenize", json={"content": text, "add_special": True}).json()["tokens"]
    bare = client.post("/tokenize", json={"content": text, "add_special": False}).json()["tokens"]
    start = whole[: len(whole) - len(bare)] or bare[:1]
    tokens = bare if whole != bare else bare[1:]
    bits = 0.0
    for first in range(0, len(tokens), WINDOW):
        window = tokens[first : first + WINDOW]
        for place, token in enumerate(window):
            bits += token_bits(client, [*start, *window[:place]], token)
    return bits, len(tokens)


def token_bits(client: Any, before: Sequence[int], token: int) -> float:
    """Minus the base-2 logarithm of a token's probability after others, before any sampling rule."""
    answer = client.post(
        "/completion",
        json={
            "prompt": list(before),
            "n_predict": 1,
            "n_probs": 1,
            "temperature": 0,
            "logit_bias": [[token, 1e6]],
            "cache_prompt": True,
            "post_sampling_probs": False,
        },
    ).json()["completion_probabilities"][0]
    if answer["id"] != token:
        raise ValueError("another token was drawn")
    return float(-answer["logprob"] / math.log(2))
