"""Questions and bits, on the embedded model and on small servers of the OpenAI protocol."""

import json
import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner

from partages.cli import cli
from partages.errors import GeneratorUnavailable, UsageError
from partages.evaluation import language_models as measure
from partages.evaluation.likelihoods import Server
from partages.settings import Settings


def question(name: str, *right: str) -> dict:
    answers = {letter: f"réponse {letter}" for letter in "abcde"}
    return {"id": name, "question": f"Laquelle ? {name}", "answers": answers, "correct_answers": list(right)}


class _Handler(BaseHTTPRequestHandler):
    """Writes B always. Each letter has a probability: as a conversation, or echoed with the prompt (vLLM)."""

    echoes = False

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        usage = {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10}
        if self.path == "/v1/chat/completions":
            answer = self._conversation(body)
        elif self.path == "/v1/completions" and self.echoes and body.get("echo"):
            answer = self._echo(body["prompt"])
        elif self.path == "/v1/completions" and self.echoes:
            answer = {"index": 0, "finish_reason": "stop", "text": " B"}
        else:
            self.send_error(404)
            return
        data = json.dumps(
            {"id": "1", "object": "o", "created": 0, "model": "m", "choices": [answer], "usage": usage}
        ).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _conversation(self, body: dict) -> dict:
        top = [
            {"token": t, "logprob": math.log(p), "bytes": None}
            for t, p in ((" B", 0.5), ("A", 0.2), ("Le", 0.3))
        ]
        first = {"token": " B", "logprob": math.log(0.5), "bytes": None, "top_logprobs": top}
        return {
            "index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "B"},
            "logprobs": {"content": [first], "refusal": None} if body.get("logprobs") else None,
        }  # fmt: skip

    def _echo(self, prompt: str) -> dict:
        """A token a character, each of one bit, B of two; and one token more, written."""
        values = [None] + [-2 * math.log(2) if c == "B" else -math.log(2) for c in prompt[1:]] + [-0.1]
        return {
            "index": 0, "finish_reason": "length", "text": prompt + "!",
            "logprobs": {
                "text_offset": list(range(len(prompt) + 1)), "token_logprobs": values,
                "tokens": [*prompt, "!"], "top_logprobs": [None] + [{"x": -0.5}] * len(prompt),
            },
        }  # fmt: skip

    def log_message(self, *_: object) -> None:
        """Quiet."""


class _Echoing(_Handler):
    echoes = True


@contextmanager
def served(handler: type[_Handler]) -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1"
        finally:
            server.shutdown()
            thread.join()


def test_any_server_answers_questions_under_lm_eval(tmp_path: Path) -> None:
    pytest.importorskip("lm_eval")
    data = tmp_path / "q.json"
    data.write_text(
        json.dumps([question("1", "b"), question("2", "a"), question("3", "b", "c"), question("4", "b")])
    )
    with served(_Handler) as url:
        found = CliRunner().invoke(
            cli,
            ["evaluate", "model", "m", "--server", url, "--data", str(data), "--tasks",
             "frenchmedmcqa_single,frenchmedmcqa_single_greedy,frenchmedmcqa_multiple", "--draws", "100",
             "-o", str(tmp_path / "r.json"), "--report", str(tmp_path / "r.html")],
            catch_exceptions=False,
        )  # fmt: skip
    assert "66,7 %" in found.stdout
    assert found.stderr == ""
    result = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    single, greedy, multiple = (entry["figures"] for entry in result["tasks"].values())
    assert single["acc"]["value"] == pytest.approx(2 / 3)
    assert greedy["exact_match"]["value"] == pytest.approx(2 / 3)
    assert multiple["exact_match"]["value"] == 0.5
    assert multiple["hamming"]["value"] == pytest.approx((1 + 0 + 0.5 + 1) / 4)
    # three questions asked for the letter, three and four in writing: ten requests of ten tokens
    assert result["cost"]["tokens"] == 100
    assert result["provenance"]["likelihoods"] == "letters"
    assert result["cost"]["energy_wh"] is None or result["cost"]["energy_wh"] >= 0
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 8
    assert "Apache-2.0" in page


def test_likelihoods_from_a_server_that_echoes() -> None:
    with served(_Echoing) as url:
        server = Server(url, "m", api_key="", timeout=5, is_base=True)
        assert server.way() == "echo"
        (b, _), (de, _) = server.likelihoods("Question :", [" B", " de"])
        assert b == pytest.approx(-3 * math.log(2))
        assert de == pytest.approx(-3 * math.log(2))
        # the first character has no probability; the others one bit each
        assert server.whole("abcde") == pytest.approx(-4 * math.log(2))
        server.close()


def test_a_server_that_knows_letters_only_says_so() -> None:
    with served(_Handler) as url:
        server = Server(url, "m", api_key="", timeout=5, is_base=False)
        assert server.likelihoods("Question :", [" A", " B", " C"]) == [
            (pytest.approx(math.log(0.2)), False), (pytest.approx(math.log(0.5)), True), (-50, False)
        ]  # fmt: skip
        with pytest.raises(UsageError, match="_greedy"):
            server.likelihoods("Question :", [" pneumonie"])
        with pytest.raises(UsageError, match="perplexité"):
            server.whole("Texte.")
        server.close()


def test_what_is_no_model_or_no_server_is_refused() -> None:
    def refused(*arguments: str) -> str:
        with pytest.raises((UsageError, GeneratorUnavailable)) as caught:
            CliRunner().invoke(cli, ["evaluate", "model", *arguments], catch_exceptions=False)
        return str(caught.value)

    assert "partages models list" in refused("gpt-9", "--tasks", "morfitt")
    assert "http://" in refused("m", "--server", "localhost:8080", "--tasks", "morfitt")
    assert "n'existe pas" in refused("absent.gguf", "--tasks", "morfitt")
    assert "Aucune tâche" in refused("embedded", "--tasks", "rien")
    assert "--bits-per-character" in refused("embedded", "texte.txt")
    assert "de cette machine" in refused("gpt-9", "--bits-per-character", "texte.txt")


@pytest.mark.slow
def test_a_conversation_model_is_asked_under_its_template(tmp_path: Path) -> None:
    from partages.models.embedded import EmbeddedGenerator

    generator = EmbeddedGenerator(Settings())
    server = measure.server_of(generator, Settings())
    server.is_base = False
    try:
        written = server._templated("Combien font deux et deux ?")
        long = "Un texte qui n'en finit pas. " * 900
        kept = server._shortened_message(long, 16)
        chosen = server.likelihoods("Choisir A ou B.\nRéponse :", [" A", " B"])
    finally:
        server.close()
        generator.close()
    assert written
    assert written.index("Combien") > 0  # the marks of a turn come before
    assert long.endswith(kept)
    assert server.cut == 1
    assert all(-20 < value < 0 for value, _ in chosen)


@pytest.mark.slow
def test_the_embedded_model_finds_french_more_likely_than_noise(tmp_path: Path) -> None:
    (tmp_path / "fr.txt").write_text("Le patient a été hospitalisé pour une pneumonie.", encoding="utf-8")
    (tmp_path / "noise.txt").write_text("xq zvkw pbtn grfd wqxz jkvb mpzt qnrd lxwv.", encoding="utf-8")
    found = measure.bits_per_character(Settings(), [tmp_path / "fr.txt", tmp_path / "noise.txt"])
    french, noise = found["files"].values()
    assert 0.3 < french["bits_per_character"] < 3 < noise["bits_per_character"]
    assert french["characters"] == 48
    assert found["total"]["bits"] == pytest.approx(french["bits"] + noise["bits"])


@pytest.mark.slow
def test_torch_and_llama_cpp_give_the_same_bits(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    text = tmp_path / "fr.txt"
    text.write_text("Patiente de 72 ans, hypertendue, adressée pour une dyspnée fébrile.", encoding="utf-8")
    by_torch = measure._bits_by_torch(Settings(), [text], None)
    by_server = measure._bits_by_llama_cpp(Settings(), [text], 4000)
    assert by_torch
    assert by_torch["engine"] == "torch"
    assert by_torch["total"]["tokens"] == by_server["total"]["tokens"]
    assert by_torch["total"]["bits"] == pytest.approx(by_server["total"]["bits"], rel=0.02)


@pytest.mark.shared
@pytest.mark.slow
def test_the_embedded_model_runs_the_tasks_whose_data_is_at_hand(shared: Path, tmp_path: Path) -> None:
    pytest.importorskip("lm_eval")
    names = ["frenchmedmcqa_single", "frenchmedmcqa_single_greedy", "morfitt_topic", "quaero_perplexity"]
    found = CliRunner().invoke(
        cli,
        ["evaluate", "model", "embedded", "--data", str(shared), "--tasks", ",".join(names), "--limit", "2",
         "--draws", "100", "--format", "json", "-o", str(tmp_path / "r.json")],
        catch_exceptions=False,
    )  # fmt: skip
    result = json.loads(found.stdout)
    assert [entry["documents"] for entry in result["tasks"].values()] == [2] * 4
    assert result["tasks"]["frenchmedmcqa_single"]["split"] == "validation"
    assert result["tasks"]["frenchmedmcqa_single"]["figures"]["acc"]["value"] is not None
    assert 0.3 < result["tasks"]["quaero_perplexity"]["figures"]["bits_per_byte"]["value"] < 4
    assert result["cost"]["tokens"] > 500


@pytest.mark.shared
@pytest.mark.parametrize(
    "name",
    [
        "morfitt",
        "mantra_emea",
        "mantra_medline",
        "mantra_patents",
        "frasimed_diseases",
        "pxcorpus_perplexity",
    ],
)
def test_corpora_at_hand_render(shared: Path, name: str) -> None:
    pytest.importorskip("lm_eval")
    task = measure.load_task(name, shared)
    assert len(task.eval_docs) >= 50
    first = task.eval_docs[0]
    assert task.doc_to_target(first)


@pytest.mark.slow
def test_torch_and_llama_cpp_find_the_same_answer_as_likely(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from partages.models.embedded import EmbeddedGenerator

    text = "Patiente de 72 ans, hypertendue, adressée pour une dyspnée fébrile."
    generator = EmbeddedGenerator(Settings())
    server = measure.server_of(generator, Settings())
    server.is_base = True  # the same text, without the marks of a turn
    try:
        prompt, answer = text[:-9], text[-9:]
        (value, _), (unlikely, greedy) = server.likelihoods(prompt, [answer, " xylophone"])
        whole, before = server.whole(text), server.whole(prompt)
    finally:
        server.close()
        generator.close()
    assert value > unlikely
    assert not greedy
    assert value == pytest.approx(whole - before, rel=0.02)
    by_torch = measure.whole_by_torch(Settings())
    assert by_torch(text) == pytest.approx(whole, rel=0.02)
