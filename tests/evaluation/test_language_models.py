"""Questions and bits, on the embedded model and on a small server of the OpenAI protocol."""

import json
import math
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from partages.cli import cli
from partages.evaluation import language_models as measure
from partages.evaluation.tasks import utils
from partages.settings import Settings


def question(name: str, *right: str) -> dict:
    answers = {letter: f"réponse {letter}" for letter in "abcde"}
    return {"id": name, "question": "Laquelle ?", "answers": answers, "correct_answers": list(right)}


@pytest.mark.parametrize(
    ("answer", "read"),
    [
        (" B", "B"), ("A, C et E.", "ACE"), ("ABD", "ABD"), ("(c)", "C"), ("A. Glycolyse", "A"), ("b;d", "BD"),
        ("Je ne peux pas répondre.", None), ("", None), ("Aucune", None), ("D E", "DE"), ("Effectivement", None),
    ],
)  # fmt: skip
def test_answers_are_read_as_a_reader_would(answer: str, read: str | None) -> None:
    assert utils.parse(answer) == (frozenset(read) if read else None)


def test_scores_by_hand() -> None:
    asked = {"correct_answers": [0, 2]}
    assert utils.letters(asked) == "A, C"
    assert utils.exact_match(asked, ["A, C"]) == {"exact_match": 1, "hamming": 1}
    assert utils.exact_match(asked, ["A, B"]) == {"exact_match": 0, "hamming": pytest.approx(1 / 3)}
    assert utils.exact_match(asked, ["rien"]) == {"exact_match": 0, "hamming": 0}
    found = measure.figures(np.array([4, 2, 3, 1, 3, 4.0]))
    assert {name: float(value) for name, value in found.items()} == {
        "exact_match": 0.5, "hamming": 0.75, "invalid": 0.25, "likelihood_accuracy": 0.75,
    }  # fmt: skip


@pytest.mark.parametrize("name", measure.TASKS)
def test_tasks_make_their_prompt_and_name_their_origin(name: str) -> None:
    task, digest = measure.read_task(name)
    asked = {"question": "Laquelle ?", **{f"answer_{letter}": f"réponse {letter}" for letter in "abcde"}}
    prompt = measure.prompt_of(task, asked)
    assert prompt.endswith("E. réponse e\nRéponse :" if "single" in name else "E. réponse e\nRéponses :")
    assert len(digest) == 64
    assert task["task"] == name
    for value in task.values():
        if isinstance(value, str) and value.startswith("utils."):
            assert hasattr(utils, value.partition(".")[2])


class _Server(BaseHTTPRequestHandler):
    """Answers B always; as a conversation, with probabilities."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        top = [
            {"token": t, "logprob": math.log(p), "bytes": None}
            for t, p in ((" B", 0.5), ("A", 0.2), ("Le", 0.3))
        ]
        first = {"token": " B", "logprob": math.log(0.5), "bytes": None, "top_logprobs": top}
        choice = {
            "index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "B"},
            "logprobs": {"content": [first], "refusal": None} if body.get("logprobs") else None,
        }  # fmt: skip
        answer = {
            "id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice],
            "usage": {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10},
        }  # fmt: skip
        data = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Quiet."""


def test_any_server_answers_questions(tmp_path: Path) -> None:
    data = tmp_path / "q.json"
    data.write_text(
        json.dumps([question("1", "b"), question("2", "a"), question("3", "b", "c"), question("4", "b")])
    )
    with HTTPServer(("127.0.0.1", 0), _Server) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}/v1"
        try:
            found = [
                json.loads(
                    CliRunner()
                    .invoke(
                        cli,
                        [
                            "evaluate",
                            "model",
                            "m",
                            "--server",
                            url,
                            "--data",
                            str(data),
                            "--task",
                            task,
                            "--format",
                            "json",
                        ],
                        catch_exceptions=False,
                    )
                    .stdout
                )
                for task in measure.TASKS
            ]
        finally:
            server.shutdown()
            thread.join()
    single, multiple = found
    assert single["questions"] == 3
    assert single["figures"]["exact_match"]["value"] == pytest.approx(2 / 3)
    assert single["figures"]["likelihood_accuracy"]["value"] == pytest.approx(2 / 3)
    assert single["cost"]["tokens"] == 60
    assert multiple["figures"]["exact_match"]["value"] == 0.5
    assert multiple["figures"]["hamming"]["value"] == pytest.approx((1 + 0 + 0.5 + 1) / 4)
    assert multiple["figures"]["likelihood_accuracy"]["value"] is None


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
    text.write_text(
        "Patiente de 72 ans, hypertendue, adressée pour une dyspnée fébrile. " * 3, encoding="utf-8"
    )
    by_torch = measure._bits_by_torch(Settings(), [text], None)
    by_server = measure._bits_by_llama_cpp(Settings(), [text], 4000)
    assert by_torch
    assert by_torch["engine"] == "torch"
    assert by_torch["total"]["tokens"] == by_server["total"]["tokens"]
    assert by_torch["total"]["bits"] == pytest.approx(by_server["total"]["bits"], rel=0.02)


@pytest.mark.shared
@pytest.mark.slow
def test_the_embedded_model_answers_the_published_questions(shared: Path) -> None:
    found = CliRunner().invoke(
        cli,
        [
            "evaluate",
            "model",
            "embedded",
            "--data",
            str(shared / "frenchmedmcqa" / "dev.json"),
            "--limit",
            "3",
            "--format",
            "json",
        ],
        catch_exceptions=False,
    )
    result = json.loads(found.stdout)
    assert result["questions"] == 3
    assert result["figures"]["likelihood_accuracy"]["value"] is not None
