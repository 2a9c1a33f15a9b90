"""The steps one after another, as a user types them, on a small model."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from partages.cli import cli
from partages.errors import UsageError
from partages.models.gguf_file import Weights, read_weights, write_weights

pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")  # peft reads it


def run(*arguments: object) -> str:
    result = CliRunner().invoke(cli, ["train", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def base(tiny: Weights, tmp_path: Path) -> Path:
    write_weights(tmp_path / "base.gguf", tiny)
    return tmp_path / "base.gguf"


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    path = tmp_path / "notes.txt"
    path.write_text("".join(f"le patient {n} a la toux, patient {n * 7} non\n" for n in range(300)))
    return path


def test_from_text_to_adapter_and_card(base: Path, notes: Path, tmp_path: Path) -> None:
    data, out, merge = tmp_path / "data", tmp_path / "run", tmp_path / "merge"
    run(
        "prepare",
        "--base",
        base,
        "--input",
        f"{notes}=2",
        "--lines",
        "--tokens",
        4000,
        "--length",
        64,
        "--output",
        data,
    )
    run("pretrain", "--base", base, "--data", data, "--steps", 30, "--rate", "0.02", "--output", out)
    curve = [json.loads(line) for line in (out / "curve.jsonl").read_text().splitlines()]
    assert curve[-1]["loss"] < curve[0]["loss"]
    run(
        "merge",
        "--base",
        base,
        "--run",
        out,
        "--medical",
        notes,
        "--general",
        notes,
        "--lines",
        "--output",
        merge,
    )
    measured = json.loads((merge / "manifest.json").read_text())
    assert {point["method"] for point in measured["points"]} == {"base", "linear", "slerp", "ties"}
    assert measured["left_out"] == {}
    assert measured["gains"]["medical"]["low"] > 0
    assert measured["weight"] > 0
    run("export", "--base", base, "--run", out, "--kind", "adapter", "--output", tmp_path / "a.gguf")
    assert any(name.endswith("lora_a") for name in read_weights(tmp_path / "a.gguf").tensors)
    run("publish", "--run", out, "--merge", merge, "--name", "essai", "--output", tmp_path / "card")
    card = (tmp_path / "card" / "README.md").read_text()
    assert "Gemma Terms of Use" in card
    assert "notes" in card
    assert (tmp_path / "card" / "curve.svg").exists()


def test_answers_are_learnt(base: Path, tmp_path: Path) -> None:
    examples = tmp_path / "examples.jsonl"
    examples.write_text(
        "".join(json.dumps({"prompt": f"patient {n} ?", "answer": "la toux"}) + "\n" for n in range(40))
    )
    run(
        "instruct",
        "--base",
        base,
        "--data",
        examples,
        "--plain",
        "--steps",
        20,
        "--rate",
        "0.02",
        "--output",
        tmp_path / "run",
    )
    curve = [json.loads(line) for line in (tmp_path / "run" / "curve.jsonl").read_text().splitlines()]
    assert curve[-1]["loss"] < curve[0]["loss"] - 0.3


def test_data_of_another_base_is_refused(base: Path, notes: Path, tmp_path: Path) -> None:
    from tests.training.conftest import small

    write_weights(tmp_path / "other.gguf", small(1))
    run("prepare", "--base", base, "--input", notes, "--lines", "--length", 64, "--output", tmp_path / "d")
    with pytest.raises(UsageError, match="autre base"):
        run(
            "pretrain",
            "--base",
            tmp_path / "other.gguf",
            "--data",
            tmp_path / "d",
            "--steps",
            1,
            "--output",
            tmp_path / "r",
        )


@pytest.mark.parametrize("line", ["{", "[]", '{"prompt": "a"}', '{"prompt": "a", "answer": 3}'])
def test_a_bad_example_is_named_by_its_line(base: Path, tmp_path: Path, line: str) -> None:
    (tmp_path / "e.jsonl").write_text('{"prompt": "a", "answer": "b"}\n' + line + "\n")
    with pytest.raises(UsageError, match="ligne 2"):
        run(
            "instruct",
            "--base",
            base,
            "--data",
            tmp_path / "e.jsonl",
            "--plain",
            "--steps",
            1,
            "--output",
            tmp_path / "r",
        )


@pytest.mark.slow
def test_a_killed_command_typed_again_follows_the_same_curve(base: Path, notes: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    run(
        "prepare",
        "--base",
        base,
        "--input",
        notes,
        "--lines",
        "--tokens",
        2000,
        "--length",
        64,
        "--output",
        data,
    )
    options = ["pretrain", "--base", base, "--data", data, "--steps", 60, "--rate", "0.01", "--output"]
    run(*options, tmp_path / "whole")
    cut = tmp_path / "cut"
    command = [sys.executable, "-m", "partages.cli", "train", *map(str, options), str(cut)]
    process = subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, stderr=subprocess.DEVNULL)
    while not (cut / "curve.jsonl").exists() and process.poll() is None:
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert not (cut / "manifest.json").exists()
    run(*options, cut)
    losses = [
        [json.loads(line)["loss"] for line in (folder / "curve.jsonl").read_text().splitlines()]
        for folder in (tmp_path / "whole", cut)
    ]
    assert len(losses[0]) == 60
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)
