"""The class that lm-eval drives: its requests, asked of a ``Server``, each answer kept as it comes."""

import hashlib
import json
from collections.abc import Callable, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

from lm_eval.api.model import LM

from partages.errors import OutputError
from partages.evaluation.likelihoods import Server


class Journal:
    """Answers in a file, one JSON line each, so that a run that was killed asks nothing twice.

    Args:
        identity: what the answers depend on besides the request: the model and its file.

    Raises:
        OutputError: the file cannot be read or written.
    """

    def __init__(self, path: Path | None, identity: str) -> None:
        self._identity = identity
        self._known: dict[str, Any] = {}
        try:
            if path and path.is_file():
                for line in path.read_text(encoding="utf-8").splitlines():
                    try:
                        entry = json.loads(line)
                        self._known[entry["key"]] = entry["answer"]
                    except (ValueError, KeyError, TypeError):
                        continue  # a line cut short by the end of the process
            self._file = path.open("a", encoding="utf-8") if path else None
            if self._file and self._known:
                self._file.write("\n")  # after a line cut short
        except OSError as error:
            raise OutputError(f"« {path} » ne peut pas être écrit ({error.strerror}).") from None

    def answer(self, kind: str, request: Sequence[Any], ask: Callable[[], Any]) -> Any:
        """The answer kept for a request, else the one that ``ask`` gives, now kept."""
        text = json.dumps([self._identity, kind, *request], ensure_ascii=False, sort_keys=True)
        key = hashlib.sha256(text.encode()).hexdigest()
        if key not in self._known:
            self._known[key] = ask()
            if self._file:
                self._file.write(
                    json.dumps({"key": key, "answer": self._known[key]}, ensure_ascii=False) + "\n"
                )
                self._file.flush()
        return self._known[key]

    def close(self) -> None:
        """Close the file."""
        if self._file:
            self._file.close()


class ServerLM(LM):
    """A server, as lm-eval calls a model.

    Args:
        rolling: natural logarithm of a whole text's probability, where something gives it faster.
        on_request: called after each request done.
    """

    def __init__(
        self,
        server: Server,
        journal: Journal,
        rolling: Callable[[str], float] | None = None,
        on_request: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__()
        self.server, self.journal, self.on_request = server, journal, on_request
        self.rolling = rolling or server.whole

    def generate_until(self, requests: Sequence[Any]) -> list[str]:
        """Greedy answers."""
        out = []
        for request in requests:
            prompt, options = request.args
            given = prompt, int(options.get("max_gen_toks", 256)), list(options.get("until") or [])
            out.append(self.journal.answer("write", given, partial(self.server.write, *given)))
            self.on_request()
        return out

    def loglikelihood(self, requests: Sequence[Any]) -> list[tuple[float, bool]]:
        """(log-probability of the continuation, whether it is the greedy one)."""
        out: list[tuple[float, bool]] = []
        for prompt, group in groupby(requests, key=lambda request: request.args[0]):
            given = prompt, [request.args[1] for request in group]
            found = self.journal.answer("likelihoods", given, partial(self.server.likelihoods, *given))
            for value, greedy in found:
                out.append((value, greedy))
                self.on_request()
        return out

    def loglikelihood_rolling(self, requests: Sequence[Any]) -> list[float]:
        """Log-probability of whole texts."""
        out = []
        for request in requests:
            (text,) = request.args
            out.append(self.journal.answer("whole", [text], partial(self.rolling, text)))
            self.on_request()
        return out
