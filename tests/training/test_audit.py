"""What a model gives back: a model that learnt by heart is caught, one that learnt nothing is not."""

import json
from pathlib import Path

import numpy as np
import pytest

from partages.errors import UsageError
from partages.models.gguf_file import write_weights
from partages.training.audit import auc, canaries
from tests.training.conftest import small
from tests.training.test_commands import run

pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")


def test_the_area_is_the_share_of_pairs_in_order() -> None:
    found = auc(np.array([3.0, 1.0, 2.0]), np.array([0.0, 2.0]), 0)
    assert found["auc"] == pytest.approx((2 + 1 + 1.5) / 6)
    assert found["low"] <= found["auc"] <= found["high"]


def test_canaries_are_all_different_and_the_same_each_time() -> None:
    found = canaries(3)
    assert found == canaries(3) != canaries(4)
    assert (
        len({canary.lead for canary in found}) == len({canary.number for canary in found}) == len(found) == 12
    )


@pytest.mark.slow
def test_a_model_that_learnt_by_heart_is_caught_and_not_published(tmp_path: Path) -> None:
    write_weights(tmp_path / "base.gguf", small(width=128))
    draw = np.random.default_rng(0)
    notes = tmp_path / "notes.txt"
    notes.write_text(
        "".join(f"le patient {' '.join(map(str, draw.integers(0, 10**6, 14)))}\n" for _ in range(900)),
        encoding="utf-8",
    )
    base = ("--base", tmp_path / "base.gguf")
    run(
        "prepare",
        *base,
        "--input",
        notes,
        "--lines",
        "--tokens",
        1500,
        "--length",
        128,
        "--output",
        tmp_path / "data",
    )
    told = {}
    for name, steps, rate in (("heart", 400, 0.005), ("nothing", 2, 1e-6)):
        out, audit = tmp_path / name, tmp_path / f"audit-{name}"
        run(
            "pretrain",
            *base,
            "--data",
            tmp_path / "data",
            "--steps",
            steps,
            "--rate",
            rate,
            "--method",
            "full",
            "--output",
            out,
        )
        run(
            "audit", *base, "--run", out, "--data", tmp_path / "data", "--passages", 20, "--most", 40,
            *(["--no-canaries"] if name == "nothing" else ["--steps", 60]), "--output", audit,
        )  # fmt: skip
        told[name] = json.loads((audit / "manifest.json").read_text())
    assert told["heart"]["membership"]["low"] > 0.75
    assert told["nothing"]["membership"]["low"] < 0.6
    assert told["heart"]["passed_thresholds"]
    assert told["nothing"]["passed_thresholds"] == []
    exposures = [one["exposure"] for one in told["heart"]["canaries"]]
    assert exposures[-1] > 7 > exposures[0]
    assert [one["copies"] for one in told["heart"]["canaries"]] == [1, 4, 16]
    publish = ("--name", "essai", "--output", tmp_path / "card")
    with pytest.raises(UsageError, match="rend trop"):
        run("publish", "--run", tmp_path / "heart", "--audit", tmp_path / "audit-heart", *publish)
    with pytest.raises(UsageError, match="autre entraînement"):
        run("publish", "--run", tmp_path / "heart", "--audit", tmp_path / "audit-nothing", *publish)
    run("publish", "--run", tmp_path / "nothing", "--audit", tmp_path / "audit-nothing", *publish)
    assert "membership inference" in (tmp_path / "card" / "README.md").read_text()
