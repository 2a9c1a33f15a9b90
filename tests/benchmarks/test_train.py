"""What the benchmark of training says of two sides, from their measures."""

import runpy
from pathlib import Path

import pytest

TRAIN = Path(__file__).parents[2] / "benchmarks" / "train.py"


def side(*measures: tuple[int, float, list[float]]) -> dict[str, object]:
    return {"measures": list(measures), "seconds": measures[-1][1]}


def test_a_side_is_held_against_where_the_first_ends() -> None:
    compared = runpy.run_path(str(TRAIN))["compared"]
    held = ["a" * 100, "b" * 100, "c" * 5000]
    plain = side(
        (0, 0.0, [100.0, 100.0, 1500.0]), (2, 50.0, [95.0, 95.0, 1400.0]), (4, 100.0, [90.0, 90.0, 1320.0])
    )
    ours = side(
        (0, 0.0, [101.0, 101.0, 1515.0]), (2, 10.0, [90.0, 89.0, 1320.0]), (4, 20.0, [81.0, 81.0, 1188.0])
    )
    told = compared(plain, ours, held)
    assert told.startswith("bits at the end -10.00% [-10.00%, -10.00%]")
    assert "after 10 s of 100 s (10.0 times sooner)" in told
    assert "did not reach" in compared(ours, plain, held)


@pytest.mark.parametrize(("lines", "read"), [(False, 1), (True, 3)])
def test_every_side_reads_the_same_documents(tmp_path: Path, lines: bool, read: int) -> None:
    from argparse import Namespace

    texts = runpy.run_path(str(TRAIN))["texts"]
    (tmp_path / "t.txt").write_text("".join(f"document {n} de l'essai\n" for n in range(400)) * 2)
    chosen = Namespace(text=tmp_path / "t.txt", lines=lines, characters=50, documents=5)
    train, given, held = texts(chosen)
    assert sum(map(len, given)) == 50
    assert len(given) == read
    assert not set(train) & set(held)
    assert len(set(held)) == len(held)
    assert len(held) == (5 if lines else 0)
