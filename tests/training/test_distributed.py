"""Two processes on the processor follow the curve of one."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from partages.models.gguf_file import Weights, write_weights
from partages.training.base import read_base
from partages.training.export import write_folder
from tests.training.test_commands import run

pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")
CONFIGURATIONS = Path(__file__).parents[2] / "src/partages/training/accelerate"


def launched(configuration: Path, *arguments: object, **environment: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable, "-m", "accelerate.commands.launch", "--config_file", configuration, "--main_process_port", port,
        "-m", "partages.cli", "train", *arguments,
    ]  # fmt: skip
    done = subprocess.run(
        list(map(str, command)),
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.slow
@pytest.mark.parametrize("method", ["lora", "full"])
def test_two_processes_follow_the_curve_of_one(tiny: Weights, tmp_path: Path, method: str) -> None:
    write_weights(tmp_path / "base.gguf", tiny)
    notes = tmp_path / "notes.txt"
    notes.write_text("".join(f"le patient {n} a la toux, patient {n * 7} non\n" for n in range(300)))
    base = ("--base", tmp_path / "base.gguf")
    run(
        "prepare",
        *base,
        "--input",
        notes,
        "--lines",
        "--tokens",
        3000,
        "--length",
        64,
        "--output",
        tmp_path / "data",
    )
    options = (
        "pretrain",
        *base,
        "--data",
        tmp_path / "data",
        "--steps",
        6,
        "--rate",
        "0.01",
        "--method",
        method,
        "--output",
    )
    run(*options, tmp_path / "one")
    asked = {
        "FSDP_RESHARD_AFTER_FORWARD": "true",
        "FSDP_ACTIVATION_CHECKPOINTING": "true",
    }  # as the 8B file does
    launched(
        CONFIGURATIONS / "two-processes-cpu.yaml",
        *options,
        tmp_path / "two",
        **(asked if method == "full" else {}),
    )
    curves = [
        [json.loads(line)["loss"] for line in (tmp_path / name / "curve.jsonl").read_text().splitlines()]
        for name in ("one", "two")
    ]
    assert len(curves[1]) == 6
    assert curves[1] == pytest.approx(curves[0], rel=0.01 if method == "full" else 0.02)
    assert curves[0][-1] < curves[0][0] - 0.1
    told = json.loads((tmp_path / "two" / "manifest.json").read_text())
    assert told["processes"] == 2
    assert told["tokens"] == json.loads((tmp_path / "one" / "manifest.json").read_text())["tokens"]
    run("export", *base, "--run", tmp_path / "two", "--kind", "f32", "--output", tmp_path / "two.gguf")


def test_only_the_first_process_reads_the_weights(tiny: Weights, tmp_path: Path) -> None:
    write_weights(tmp_path / "base.gguf", tiny)
    base = read_base(tmp_path / "base.gguf")
    write_folder(base.network(), base, tmp_path / "folder")
    for path in (tmp_path / "base.gguf", tmp_path / "folder"):
        whole, shape = read_base(path).network(), read_base(path).network(empty=True)
        assert all(value.is_meta for value in shape.parameters())
        assert {name: value.shape for name, value in shape.named_parameters()} == {
            name: value.shape for name, value in whole.named_parameters()
        }


def test_configurations_are_what_accelerate_reads() -> None:
    from accelerate.commands.config.config_args import ClusterConfig
    from accelerate.commands.launch import _validate_launch_command, launch_command_parser
    from accelerate.utils.launch import prepare_multi_gpu_env

    names = {path.stem for path in CONFIGURATIONS.glob("*.yaml")}
    assert names == {"two-processes-cpu", "1b-one-node", "8b-one-node", "24b-two-nodes"}
    for path in CONFIGURATIONS.glob("*.yaml"):
        ClusterConfig.from_yaml_file(str(path))
        told = yaml.safe_load(path.read_text())
        assert told["num_processes"] % told["num_machines"] == 0
        if path.stem == "two-processes-cpu":
            continue
        arguments, _, _ = _validate_launch_command(
            launch_command_parser().parse_args(["--config_file", str(path), "-m", "partages.cli"])
        )
        assert arguments.num_processes == told["num_processes"]
        given = prepare_multi_gpu_env(arguments)  # what the loop reads
        deep = path.stem != "1b-one-node"
        assert (given["FSDP_ACTIVATION_CHECKPOINTING"], given["FSDP_RESHARD_AFTER_FORWARD"]) == (
            (str(deep).lower(),) * 2
        )
        assert given["ACCELERATE_MIXED_PRECISION"] == "bf16"
