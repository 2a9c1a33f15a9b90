"""Greedy answers and likelihoods from any server of the OpenAI protocol: the embedded model, llama.cpp, vLLM, others.

How a server gives likelihoods is found out once, best first:

- llama.cpp (the embedded one): each token of the answer is imposed, and its probability read before sampling;
- servers that echo the prompt with the probabilities of its tokens (vLLM): one request an answer;
- others: probabilities of the first token only, which is enough to choose between letters, and no more.

Conversation models get the whole prompt as one message of the user, for likelihoods too where the server can
write its template (llama.cpp). A prompt longer than the context is cut
on the left, as lm-eval does, and counted.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import httpx2

from partages.errors import GeneratorError, GeneratorUnavailable, UsageError

TOP = 1000
"""Most probable first tokens asked of llama.cpp: an answer's token beyond is asked for by itself."""
CHAT_TOP = 20
"""The most that the OpenAI protocol allows for conversations."""
UNSEEN = -50.0
"""Log-probability given to a letter that is not among the most probable tokens."""
ECHO_CHARACTERS = 4000
"""Of a text whose tokens are echoed in one request; each piece begins afresh."""
TEMPLATE_TOKENS = 64
"""Left to the marks of a conversation."""
WINDOW = 512
"""Tokens of a window of held-out text; each begins afresh."""


class Server:
    """A model behind a server's URL, asked what an evaluation needs.

    Args:
        url: base address, ending in ``/v1``.
        is_base: whether it continues text, or answers in conversation.
        context: tokens that prompt and answer may take together, where llama.cpp counts them.

    Attributes:
        tokens: read and written so far, as the server counts them.
        cut: prompts that had to be shortened.
    """

    def __init__(
        self, url: str, name: str, api_key: str, timeout: float, is_base: bool, context: int = 4096
    ) -> None:
        import openai

        self.url, self.name, self.is_base, self.context = url, name, is_base, context
        self.tokens = self.cut = 0
        self._openai = openai
        self._client = openai.OpenAI(
            base_url=url,
            api_key=api_key or "none",
            timeout=timeout,
            max_retries=1,
            http_client=openai.DefaultHttpxClient(trust_env=False),
        )
        self._native = httpx2.Client(
            base_url=url.removesuffix("/").removesuffix("/v1"),
            headers={"Authorization": f"Bearer {api_key}"} if api_key else {},
            trust_env=False,
            timeout=timeout,
        )
        self._way: str | None = None

    def close(self) -> None:
        """Close the connections."""
        self._client.close()
        self._native.close()

    # ---- writing

    def write(self, prompt: str, most: int, stops: Sequence[str]) -> str:
        """The greedy answer, cut at the first stop.

        Raises:
            GeneratorError: the server refuses, or does not speak the protocol.
        """
        common: dict[str, Any] = {"model": self.name, "max_tokens": most, "temperature": 0}
        if self.is_base:
            stopped: dict[str, Any] = {"stop": list(stops)[:4]} if stops else {}
            answer = self._ask(
                lambda: self._client.completions.create(
                    prompt=self._shortened(prompt, most), **stopped, **common
                )
            )
            text = (answer.choices[0].text if answer.choices else "") or ""
        else:  # a conversation may begin with a line end: stops are applied to what follows
            messages: list[Any] = [{"role": "user", "content": self._shortened_message(prompt, most)}]
            answer = self._ask(lambda: self._client.chat.completions.create(messages=messages, **common))
            text = ((answer.choices[0].message.content if answer.choices else "") or "").lstrip()
        if answer.usage:
            self.tokens += answer.usage.total_tokens
        for stop in stops:
            text = text.partition(stop)[0]
        return text

    def _ask(self, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except self._openai.APIConnectionError:
            raise GeneratorUnavailable(
                f"Le serveur de modèles {self.url} est injoignable : vérifiez qu'il est démarré."
            ) from None
        except self._openai.APIStatusError as error:
            raise GeneratorError(
                f"Le serveur de modèles {self.url} refuse la demande (HTTP {error.status_code}) : vérifiez la "
                f"clé et le nom du modèle, « {self.name} »."
            ) from None
        except (self._openai.OpenAIError, ValueError):
            raise GeneratorError(
                f"Le serveur de modèles {self.url} ne parle pas le protocole OpenAI : vérifiez l'adresse."
            ) from None

    def _shortened(self, prompt: str, most: int) -> Any:
        """The prompt, or its last tokens where llama.cpp says that they would not fit."""
        if len(prompt) < self.context:  # a token is at least a byte, and most hold several
            return prompt
        tokens = self._tokenize(prompt, special=True) if self.way() == "llama.cpp" else []
        room = self.context - most
        if len(tokens) <= room:
            return prompt
        self.cut += 1
        return tokens[:1] + tokens[-room + 1 :]

    def _shortened_message(self, prompt: str, most: int) -> str:
        """The same for a conversation, whose template takes some tokens more: the last characters."""
        if len(prompt) < self.context - most - TEMPLATE_TOKENS or self.way() != "llama.cpp":
            return prompt
        tokens, room = len(self._tokenize(prompt, special=True)), self.context - most - TEMPLATE_TOKENS
        if tokens <= room:
            return prompt
        self.cut += 1
        return prompt[-int(len(prompt) * room / tokens) :]

    # ---- likelihoods

    def way(self) -> str:
        """How this server gives likelihoods: ``llama.cpp``, ``echo`` or ``letters``."""
        if self._way is None:
            self._way = "letters"
            try:
                if self._native.post("/tokenize", json={"content": "a"}).status_code == 200:
                    self._way = "llama.cpp"
            except httpx2.HTTPError:
                raise GeneratorUnavailable(
                    f"Le serveur de modèles {self.url} est injoignable : vérifiez qu'il est démarré."
                ) from None
            if self._way == "letters" and self._echoed("Bonjour") is not None:
                self._way = "echo"
        return self._way

    def likelihoods(self, prompt: str, answers: Sequence[str]) -> list[tuple[float, bool]]:
        """(log-probability after the prompt, whether it is the greedy continuation) of each answer.

        Raises:
            UsageError: the server cannot say.
            GeneratorError: it failed.
        """
        way = self.way()
        if way == "llama.cpp":
            return self._forced(prompt, answers)
        if way == "echo":
            return [self._continued(prompt, answer) for answer in answers]
        letters = [answer.strip() for answer in answers]
        if any(len(letter) != 1 for letter in letters):
            raise UsageError(
                "Ce serveur ne donne que les probabilités d'une lettre : choisissez les tâches dont le nom finit "
                "par « _greedy », ou un serveur vLLM ou llama.cpp."
            )
        return self._by_first_token(prompt, letters)

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        try:
            answer = self._native.post(path, json=body)
            answer.raise_for_status()
            return answer.json()
        except (httpx2.HTTPError, ValueError):
            raise GeneratorError(
                f"Le serveur de modèles {self.url} n'a pas donné les probabilités demandées."
            ) from None

    def _tokenize(self, text: str, *, special: bool) -> list[int]:
        found: list[int] = self._post("/tokenize", {"content": text, "add_special": special})["tokens"]
        return found

    def _next(self, before: Sequence[int], token: int | None, top: int) -> tuple[float, dict[int, float]]:
        """Log-probability of a token after others, before any sampling rule, and of the most probable ones."""
        body: dict[str, Any] = {
            "prompt": list(before),
            "n_predict": 1,
            "n_probs": top,
            "temperature": 0,
            "cache_prompt": True,
            "post_sampling_probs": False,
        }
        if token is not None:
            body["logit_bias"] = [[token, 1e6]]
        found = self._post("/completion", body)["completion_probabilities"][0]
        if token is not None and found["id"] != token:
            raise GeneratorError(
                f"Le serveur de modèles {self.url} a tiré un autre jeton que celui imposé : ses "
                "vraisemblances ne peuvent pas être lues."
            )
        self.tokens += 1
        return float(found["logprob"]), {entry["id"]: entry["logprob"] for entry in found["top_logprobs"]}

    def _templated(self, prompt: str) -> str | None:
        """The prompt as llama.cpp writes it to a conversation model; None where it cannot say."""
        try:
            message = {"role": "user", "content": prompt}
            answer = self._native.post("/apply-template", json={"messages": [message]})
            found = answer.json()["prompt"] if answer.status_code == 200 else None
        except (httpx2.HTTPError, ValueError, KeyError, TypeError):
            return None
        return found if isinstance(found, str) else None

    def _forced(self, prompt: str, answers: Sequence[str]) -> list[tuple[float, bool]]:
        if not self.is_base and (written := self._templated(prompt)):
            prompt, answers = written, [answer.lstrip() for answer in answers]
        start = self._tokenize(prompt, special=True)
        wholes = [self._tokenize(prompt + answer, special=True) for answer in answers]
        room = self.context - max(len(whole) - len(start) for whole in wholes) - 2
        self.tokens += len(start)
        self.cut += len(start) > room
        firsts: dict[tuple[int, ...], dict[int, float]] = {}
        out = []
        for answer, whole in zip(answers, wholes, strict=True):
            # the tokens of both together, where the answer begins a token of its own
            if whole[: len(start)] == start and len(whole) > len(start):
                before, imposed = start, whole[len(start) :]
            else:
                before, imposed = start, self._tokenize(answer, special=False)
            before = before if len(before) <= room else before[:1] + before[-room + 1 :]
            key = tuple(before)
            if key not in firsts:
                firsts[key] = self._next(before, None, TOP)[1]
            total, greedy, best = 0.0, True, firsts[key]
            for place, token in enumerate(imposed):
                if place or token not in best:
                    value, best = self._next([*before, *imposed[:place]], token, 1)
                else:
                    value = best[token]
                total += value
                greedy = greedy and token == max(best, key=best.__getitem__)
            out.append((total, greedy))
        return out

    def _echoed(self, text: str) -> list[tuple[int, float | None, bool]] | None:
        """(offset, log-probability, greedy) of each token of a text; None where the server does not say."""
        try:
            answer = self._client.completions.create(
                model=self.name, prompt=text, max_tokens=1, temperature=0, echo=True, logprobs=1
            )
            given = answer.choices[0].logprobs
            offsets, values = given.text_offset, given.token_logprobs  # type: ignore[union-attr]
            tops = given.top_logprobs or [None] * len(values)  # type: ignore[union-attr,arg-type]
            if not answer.choices[0].text.startswith(text[:1]) or len(offsets) != len(values):  # type: ignore[arg-type]
                return None
        except self._openai.APIConnectionError:
            raise GeneratorUnavailable(f"Le serveur de modèles {self.url} est injoignable.") from None
        except (self._openai.OpenAIError, AttributeError, TypeError, IndexError):
            return None
        if answer.usage:
            self.tokens += answer.usage.total_tokens
        return [
            (offset, value, value is not None and (not top or value >= max(top.values())))
            for offset, value, top in zip(offsets, values, tops, strict=True)  # type: ignore[arg-type]
            if offset < len(text)
        ] or None

    def _continued(self, prompt: str, answer: str) -> tuple[float, bool]:
        found = self._echoed(prompt + answer)
        if found is None:
            raise GeneratorError(f"Le serveur de modèles {self.url} ne donne plus de probabilités.")
        kept = [(value or 0.0, greedy) for offset, value, greedy in found if offset >= len(prompt)]
        return sum(value for value, _ in kept), all(greedy for _, greedy in kept)

    def _by_first_token(self, prompt: str, letters: Sequence[str]) -> list[tuple[float, bool]]:
        common: dict[str, Any] = {"model": self.name, "max_tokens": 1, "temperature": 0}
        if self.is_base:
            answer = self._ask(
                lambda: self._client.completions.create(prompt=prompt, logprobs=CHAT_TOP, **common)
            )
        else:
            messages: list[Any] = [{"role": "user", "content": prompt}]
            answer = self._ask(
                lambda: self._client.chat.completions.create(
                    messages=messages, logprobs=True, top_logprobs=CHAT_TOP, **common
                )
            )
        if answer.usage:
            self.tokens += answer.usage.total_tokens
        seen = list(first_tokens(answer.choices[0] if answer.choices else None))
        if not seen:
            raise UsageError(
                "Ce serveur ne donne aucune probabilité : choisissez les tâches dont le nom finit par « _greedy »."
            )
        found = dict.fromkeys(letters, 0.0)
        for token, logarithm in seen:
            if token.strip() in found:
                found[token.strip()] += math.exp(logarithm)
        first = max(seen, key=lambda pair: pair[1])[0].strip()
        return [(math.log(found[x]) if found[x] > 0 else UNSEEN, x == first) for x in letters]

    def whole(self, text: str) -> float:
        """Natural logarithm of the probability of a text.

        Raises:
            UsageError: the server cannot say.
        """
        way = self.way()
        if way == "llama.cpp":
            total, _ = self.forced_text(text)
            return total
        if way == "echo":
            total = 0.0
            for first in range(0, len(text), ECHO_CHARACTERS):
                found = self._echoed(text[first : first + ECHO_CHARACTERS])
                if found is None:
                    raise GeneratorError(f"Le serveur de modèles {self.url} ne donne plus de probabilités.")
                total += sum(value for _, value, _ in found if value is not None)
            return total
        raise UsageError(
            "Ce serveur ne donne pas la vraisemblance d'un texte : la perplexité demande le modèle intégré, "
            "vLLM ou llama.cpp."
        )

    def forced_text(self, text: str) -> tuple[float, int]:
        """Natural logarithm of a text's probability by llama.cpp, and its tokens; windows of 512 tokens."""
        whole, bare = self._tokenize(text, special=True), self._tokenize(text, special=False)
        start = whole[: len(whole) - len(bare)] or bare[:1]
        tokens = bare if whole != bare else bare[1:]
        total = 0.0
        for first in range(0, len(tokens), WINDOW):
            window = tokens[first : first + WINDOW]
            for place, token in enumerate(window):
                total += self._next([*start, *window[:place]], token, 1)[0]
        return total, len(tokens)


def first_tokens(choice: Any) -> Iterator[tuple[str, float]]:
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
