"""Any server that speaks the OpenAI protocol: vLLM, llama.cpp, Ollama, Mistral, the embedded one."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import httpx2
import openai

from partages.errors import GeneratorError, GeneratorUnavailable
from partages.models.generator import TEMPERATURE, Prompt, Schema


class PromptTooLong(GeneratorError):
    """The server refuses the request itself: most often, it exceeds the model's context."""


class OpenAIGenerator:
    """A model behind a server's URL.

    Conversation models are asked through ``/chat/completions`` with ``Prompt.system`` and
    ``Prompt.user``; base models continue ``Prompt.completion`` through ``/completions``.

    Args:
        url: base address, ending in ``/v1``. There is no default: text goes where it is told.
        name: model asked for.
        api_key: bearer token, or empty.
        timeout: seconds without any answer before giving up.
        is_base: whether the model follows no instruction.
        grammar: makes of a schema what llama.cpp takes as ``grammar``; None: the server makes its own.
    """

    def __init__(
        self,
        url: str,
        name: str,
        *,
        api_key: str,
        timeout: float,
        is_base: bool,
        grammar: Callable[[Schema], str] | None = None,
    ) -> None:
        self.url = url
        self.name = name
        self.is_base = is_base
        self._grammar = grammar
        self._client = openai.OpenAI(
            base_url=url,
            api_key=api_key or "none",
            timeout=timeout,
            max_retries=1,
            # no proxy, no netrc: a report must not take a detour by what the environment says
            http_client=openai.DefaultHttpxClient(trust_env=False),
        )

    def stream(
        self,
        prompt: Prompt,
        *,
        max_tokens: int,
        schema: Schema | None = None,
        stop: Sequence[str] = (),
        seed: int | None = None,
    ) -> Iterator[str]:
        """Yield pieces of the answer; see ``Generator.stream``."""
        try:
            answer = self._request(prompt, max_tokens, schema, list(stop), seed)
            with answer:
                for event in answer:
                    for choice in event.choices:
                        piece = choice.text if self.is_base else choice.delta.content
                        if piece:
                            yield piece
        except openai.APITimeoutError:
            raise GeneratorUnavailable(
                f"Le serveur de modèles {self.url} ne répond pas dans le temps imparti : "
                "vérifiez-le ou augmentez PARTAGES_GENERATOR_TIMEOUT."
            ) from None
        except openai.APIConnectionError:
            raise GeneratorUnavailable(
                f"Le serveur de modèles {self.url} est injoignable : vérifiez qu'il est démarré."
            ) from None
        except openai.APIStatusError as error:
            raise self._refusal(error.status_code) from None
        except GeneratorError:
            raise
        except (openai.OpenAIError, httpx2.HTTPError, ValueError, AttributeError, TypeError):
            # a stream cut short, something that is not JSON, or JSON of another shape
            raise GeneratorError(
                f"Le serveur de modèles {self.url} a interrompu ou mal formé sa réponse : "
                "vérifiez qu'il est compatible avec le protocole OpenAI."
            ) from None

    def _request(
        self, prompt: Prompt, max_tokens: int, schema: Schema | None, stop: list[str], seed: int | None
    ) -> Any:
        common: dict[str, Any] = {
            "model": self.name,
            "max_tokens": max_tokens,
            "temperature": 0 if seed is None else TEMPERATURE,
            "stream": True,
        }
        if seed is not None:
            common["seed"] = seed
        if stop:
            common["stop"] = stop
        if schema:
            common |= self._constraint(schema)
        if self.is_base:
            return self._client.completions.create(prompt=prompt.completion, **common)
        messages: list[Any] = [
            {"role": "system", "content": prompt.system},
            {"role": "user", "content": prompt.user},
        ]
        return self._client.chat.completions.create(messages=messages, **common)

    def _constraint(self, schema: Schema) -> dict[str, Any]:
        if self._grammar:
            return {"extra_body": {"grammar": self._grammar(schema)}}
        if self.is_base:  # the extension of llama.cpp and vLLM: /completions has no response_format
            return {"extra_body": {"json_schema": schema, "guided_json": schema}}
        return {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "answer", "schema": schema, "strict": True},
            }
        }

    def _refusal(self, status: int) -> GeneratorError:
        if status in (401, 403):
            return GeneratorError(
                f"Le serveur de modèles {self.url} refuse la clé : vérifiez PARTAGES_API_KEY."
            )
        if status == 404:
            return GeneratorError(
                f"Le serveur de modèles {self.url} ne connaît pas le modèle « {self.name} » : "
                "vérifiez PARTAGES_MODEL et l'adresse (elle finit d'ordinaire par /v1)."
            )
        if status in (400, 413, 422):
            return PromptTooLong(
                f"Le serveur de modèles {self.url} refuse la demande (HTTP {status}) : "
                "le document est peut-être trop long pour ce modèle."
            )
        return GeneratorError(f"Le serveur de modèles {self.url} est en erreur (HTTP {status}) : réessayez.")

    def close(self) -> None:
        """Close the connections."""
        self._client.close()
