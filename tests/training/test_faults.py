"""What is no base, no text, no memory: one clear sentence each; and the dial."""

import json
from pathlib import Path

import numpy as np
import pytest

from partages.errors import UsageError
from partages.models.gguf_file import Field, Weights, write_weights
from partages.training.base import read_base
from partages.training.merge import Point, between
from partages.training.merging import chosen
from partages.training.pretrain import Recipe, with_adapters
from partages.training.probe import Speed, check_weights, plan, probe
from tests.training.test_commands import run

pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")


@pytest.fixture
def folder(tiny: Weights, tmp_path: Path) -> Path:
    from partages.training.export import write_folder

    write_weights(tmp_path / "base.gguf", tiny)
    base = read_base(tmp_path / "base.gguf")
    write_folder(base.network(), base, tmp_path / "folder")
    return tmp_path / "folder"


def test_a_folder_that_is_no_model_is_said(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "model_type": "perceptron"}))
    with pytest.raises(UsageError, match="architecture inconnue"):
        read_base(folder).network()
    (folder / "config.json").write_text(json.dumps({**config, "hidden_size": 64}))
    with pytest.raises(UsageError, match="poids"):
        read_base(folder).network()
    (folder / "config.json").write_text("{")
    with pytest.raises(UsageError, match="JSON"):
        read_base(folder)
    for name, told in (
        ("model.safetensors", "poids"),
        ("tokenizer.json", "découpeur"),
        ("config.json", "config.json"),
    ):
        (folder / "config.json").write_text(json.dumps(config))
        (folder / name).unlink()
        with pytest.raises(UsageError, match=told):
            read_base(folder)
        (folder / name).write_text("{}")


def test_an_architecture_that_is_not_known_is_said(tiny: Weights, tmp_path: Path) -> None:
    write_weights(
        tmp_path / "m.gguf", Weights({**tiny.fields, "general.architecture": Field("mamba", 8)}, tiny.tensors)
    )
    with pytest.raises(UsageError, match="mamba"):
        read_base(tmp_path / "m.gguf").network()


def test_a_base_without_template_is_said_and_marks_in_a_text_are_text(tiny: Weights, tmp_path: Path) -> None:
    write_weights(tmp_path / "base.gguf", tiny)
    base = read_base(tmp_path / "base.gguf")
    with pytest.raises(UsageError, match="--plain"):
        base.conversation("q", "a")
    fields = dict(tiny.fields)
    tokens, kinds = list(tiny.tokens), list(tiny.fields["tokenizer.ggml.token_type"].value)
    for at, mark in ((300, "<start_of_turn>"), (301, "<end_of_turn>")):
        tokens[at], kinds[at] = mark, 3
    fields["tokenizer.ggml.tokens"] = Field(tokens, 9, 8)
    fields["tokenizer.ggml.token_type"] = Field(kinds, 9, 5)
    write_weights(tmp_path / "chat.gguf", Weights(fields, tiny.tensors))
    chat = read_base(tmp_path / "chat.gguf")
    before, after = chat.conversation("le <end_of_turn> patient", "la toux", "ordre")
    assert before[:2] == [2, 300]
    assert before.count(301) == 1, "the mark in the question is text"
    assert before.count(300) == 2
    assert after[-1] == 301
    assert chat.tokenizer.decode(before, skip_special_tokens=False).count("ordre") == 1
    plain = read_base(tmp_path / "chat.gguf", plain=True)
    assert 300 not in plain.conversation("q", "a")[0]


@pytest.mark.parametrize("text", ["", "le patient\n"])
def test_an_empty_or_tiny_corpus_is_said(tiny: Weights, tmp_path: Path, text: str) -> None:
    write_weights(tmp_path / "base.gguf", tiny)
    (tmp_path / "notes.txt").write_text(text)
    with pytest.raises(UsageError, match=r"Aucun texte|Trop peu"):
        run(
            "prepare",
            "--base",
            tmp_path / "base.gguf",
            "--input",
            tmp_path / "notes.txt",
            "--output",
            tmp_path / "d",
        )


@pytest.mark.parametrize(
    ("schema", "answer", "told"),
    [
        ({"type": "objet"}, {}, "schéma JSON valable"),
        ({"type": "object", "required": ["sein"]}, {"site": "sein"}, "ne suit pas"),
        ({"type": "object"}, "texte", "pas du JSON"),
        ("object", {}, "schéma JSON valable"),
        ({"$ref": "#/nowhere"}, {}, "ne contient pas"),
        ({"$ref": "http://127.0.0.1:9/schema"}, {}, "ne contient pas"),
    ],
)
def test_a_wrong_schema_is_said(
    tiny: Weights, tmp_path: Path, schema: object, answer: object, told: str
) -> None:
    write_weights(tmp_path / "base.gguf", tiny)
    line = {"prompt": "p", "answer": answer, "schema": schema}
    (tmp_path / "e.jsonl").write_text(json.dumps(line) + "\n")
    with pytest.raises(UsageError, match=rf"ligne 1 .*{told}"):
        run(
            "instruct",
            "--base",
            tmp_path / "base.gguf",
            "--data",
            tmp_path / "e.jsonl",
            "--steps",
            1,
            "--output",
            tmp_path / "r",
        )


def test_an_answer_that_obeys_its_schema_is_learnt_as_json(tmp_path: Path) -> None:
    from partages.training.instruct import read_examples

    line = {
        "prompt": "p",
        "answer": {"site": "œil"},
        "schema": {"type": "object", "required": ["site"]},
        "task": "json",
    }
    (tmp_path / "e.jsonl").write_text(json.dumps(line) + "\n")
    (example,) = read_examples(tmp_path / "e.jsonl")
    assert example.answer == '{"site": "œil"}'
    assert example.task == "json"


def test_memory_is_foreseen(tiny: Weights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_weights(10**9, "lora", 5 * 10**9)
    with pytest.raises(UsageError, match="--method lora"):
        check_weights(10**9, "full", 5 * 10**9)
    write_weights(tmp_path / "base.gguf", tiny)
    network = with_adapters(read_base(tmp_path / "base.gguf").network(), 2, 0)
    rows = (np.full((4, 64), 270, np.uint32), np.zeros((4, 64), np.uint8), None)
    monkeypatch.setattr("partages.training.probe.available_memory", lambda: 1000)
    with pytest.raises(UsageError, match="mémoire ne suffira pas"):
        probe(network, rows, Recipe(steps=1, rank=2), 1.0)


def test_the_plan_follows_the_machine_and_what_the_user_decided() -> None:
    slow = plan(Speed(2, 1.0, 1), 10**6, 3600, 640, "lora")
    fast = plan(Speed(8, 0.1, 1), 10**6, 3600, 640, "lora")
    for found, seconds in ((slow, 1.0), (fast, 0.1)):
        assert 0.8 * 3600 < found["steps"] * found["batch"] * seconds < 3600
        assert found["batch"] % found["micro"] == 0
    assert fast["batch"] > slow["batch"]
    assert fast["rank"] >= slow["rank"]
    assert (
        plan(Speed(2, 1.0, 1), 50, 3600, 640, "lora")["steps"]
        * plan(Speed(2, 1.0, 1), 50, 3600, 640, "lora")["batch"]
        <= 200
    )
    assert plan(Speed(2, 1.0, 1), 10**6, 3600, 640, "full")["rank"] == 0
    kept = plan(Speed(2, 1.0, 1), 10**6, 3600, 640, "lora", batch=6, rank=4, rate=1e-4)
    assert (kept["batch"], kept["rank"], kept["rate"]) == (6, 4, 1e-4)


def test_the_merge_chosen_is_the_least_cost_or_the_most_gain_within_a_loss() -> None:
    points = [Point("base", 0, 1.0, 1.0), Point("linear", 0.5, 0.9, 1.01), Point("linear", 1.0, 0.7, 1.15)]
    assert chosen(points, 0.5, None).weight == 1.0
    assert chosen(points, 0.8, None).weight == 0.5
    assert chosen(points, 0.5, 0.02).weight == 0.5
    assert chosen(points, 0.5, 0.0).method == "base"


def test_a_linear_merge_is_the_one_of_mergekit(folder: Path, tmp_path: Path) -> None:
    import torch

    from partages.training.merge import by_mergekit

    base = read_base(folder)
    other = base.network()
    with torch.no_grad():
        for value in other.parameters():
            value.add_(torch.randn(value.shape) * 0.1)
    other.save_pretrained(tmp_path / "other")
    expected = between(base.network().state_dict(), other.state_dict(), 0.25)
    found = by_mergekit(folder, tmp_path / "other", "linear", 0.25)
    assert not isinstance(found, str)
    for name, value in found.items():
        assert torch.allclose(value, expected[name], atol=1e-5), name
    assert "architecture" in str(by_mergekit(tmp_path, tmp_path / "other", "ties", 1.0))


@pytest.mark.slow
def test_all_steps_in_a_row_within_a_time(tiny: Weights, tmp_path: Path) -> None:
    write_weights(tmp_path / "base.gguf", tiny)
    notes = tmp_path / "notes.txt"
    notes.write_text("".join(f"le patient {n} a la toux, patient {n * 7} non\n" for n in range(400)))
    examples = tmp_path / "examples.jsonl"
    examples.write_text(
        "".join(json.dumps({"prompt": f"patient {n} ?", "answer": "la toux"}) + "\n" for n in range(60))
    )
    options = (
        "--hours", 0.01, "--base", tmp_path / "base.gguf", "--input", notes, "--general", notes, "--lines",
        "--examples", examples, "--output", tmp_path / "out",
    )  # fmt: skip
    run(*options)
    made = tmp_path / "out" / "model"
    assert read_base(made / "model.gguf").network()
    assert "kWh" in (made / "README.md").read_text()
    told = json.loads((tmp_path / "out" / "instruct" / "manifest.json").read_text())
    assert told["energy"]["kwh"] > 0
    assert told["versions"]["codecarbon"]
    before = (tmp_path / "out" / "pretrain" / "manifest.json").stat().st_mtime
    run(*options)
    assert (tmp_path / "out" / "pretrain" / "manifest.json").stat().st_mtime == before, (
        "what is done is not done again"
    )


def test_nothing_of_the_user_is_erased_by_a_result(tiny: Weights, tmp_path: Path, folder: Path) -> None:
    write_weights(tmp_path / "base.gguf", tiny)
    notes = tmp_path / "notes"
    notes.mkdir()
    (notes / "a.txt").write_text("".join(f"le patient {n} a la toux\n" for n in range(300)))
    data, out = tmp_path / "data", tmp_path / "run"
    base = ("--base", tmp_path / "base.gguf")
    run("prepare", *base, "--input", notes, "--lines", "--length", 32, "--output", data)
    run("pretrain", *base, "--data", data, "--steps", 1, "--output", out)
    with pytest.raises(UsageError, match="serait effacé"):
        run("export", *base, "--run", out, "--kind", "safetensors", "--output", notes)
    assert (notes / "a.txt").exists()
    with pytest.raises(UsageError, match="est un dossier"):
        run("export", *base, "--run", out, "--kind", "q8_0", "--output", notes)
    with pytest.raises(UsageError, match="est un dossier"):
        run("trim", *base, "--input", notes, "--output", notes)
    file = notes / "a.txt"
    with pytest.raises(UsageError, match="est un fichier"):
        run("export", *base, "--run", out, "--kind", "safetensors", "--output", file)
    for place in (file, file / "run"):
        with pytest.raises(UsageError, match="est un fichier"):
            run("pretrain", *base, "--data", data, "--steps", 1, "--output", place)
    for _ in range(2):  # in place of itself
        run("export", *base, "--run", out, "--kind", "safetensors", "--output", tmp_path / "model")
    (tmp_path / "merge").mkdir()
    told = {"step": "merge", "run": "run", "method": "linear", "weight": 0.5, "base": {"sha256": "0"}}
    (tmp_path / "merge" / "manifest.json").write_text(json.dumps(told))
    with pytest.raises(UsageError, match="autre entraînement"):
        run(
            "export", *base, "--run", out, "--kind", "adapter", "--merge", tmp_path / "merge", "--output", tmp_path / "a.gguf"
        )  # fmt: skip


def test_a_gguf_of_another_version_and_a_base_that_is_not_there_are_said(
    tiny: Weights, tmp_path: Path
) -> None:
    path = tmp_path / "base.gguf"
    with pytest.raises(UsageError, match="n'existe pas"):
        read_base(path)
    write_weights(path, tiny)
    content = bytearray(path.read_bytes())
    for version, told in ((2, "version 2"), (4, "version 4"), (3 << 24, "gros-boutiste")):
        content[4:8] = version.to_bytes(4, "little")
        path.write_bytes(content)
        with pytest.raises(UsageError, match=told):
            read_base(path)
    content[4:8] = (3).to_bytes(4, "little")
    for size in (6, 200, len(content) // 2):
        path.write_bytes(content[:size])
        with pytest.raises(UsageError, match="coupé"):
            read_base(path)
