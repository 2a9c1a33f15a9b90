"""The class that lm-eval drives: its requests, asked of a ``Server``."""

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

from lm_eval.api.model import LM

from partages.evaluation.likelihoods import Server


class ServerLM(LM):
    """A server, as lm-eval calls a model.

    Args:
        rolling: natural logarithm of a whole text's probability, where something gives it faster.
        on_request: called after each request done.
    """

    def __init__(
        self,
        server: Server,
        rolling: Callable[[str], float] | None = None,
        on_request: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__()
        self.server, self.rolling, self.on_request = server, rolling or server.whole, on_request

    def generate_until(self, requests: Sequence[Any]) -> list[str]:
        """Greedy answers."""
        out = []
        for request in requests:
            prompt, options = request.args
            out.append(
                self.server.write(prompt, int(options.get("max_gen_toks", 256)), options.get("until") or [])
            )
            self.on_request()
        return out

    def loglikelihood(self, requests: Sequence[Any]) -> list[tuple[float, bool]]:
        """(log-probability of the continuation, whether it is the greedy one)."""
        out: list[tuple[float, bool]] = []
        for prompt, group in groupby(requests, key=lambda request: request.args[0]):
            answers = [request.args[1] for request in group]
            out += self.server.likelihoods(prompt, answers)
            for _ in answers:
                self.on_request()
        return out

    def loglikelihood_rolling(self, requests: Sequence[Any]) -> list[float]:
        """Log-probability of whole texts."""
        out = []
        for request in requests:
            (text,) = request.args
            out.append(self.rolling(text))
            self.on_request()
        return out
