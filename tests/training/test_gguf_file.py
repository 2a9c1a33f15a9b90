"""GGUF files: read, written, trimmed; what is no model is said in one sentence."""

from pathlib import Path

import numpy as np
import pytest

from partages.errors import UsageError
from partages.models.gguf_file import TOKENS, Weights, read_weights, with_vocabulary, write_weights


def test_what_is_written_is_read_again_and_written_the_same(tiny: Weights, tmp_path: Path) -> None:
    write_weights(tmp_path / "a.gguf", tiny)
    again = read_weights(tmp_path / "a.gguf")
    assert again.tokens == tiny.tokens
    assert {name: field.value for name, field in again.fields.items()}.keys() == tiny.fields.keys()
    for name, tensor in tiny.tensors.items():
        assert again.tensors[name].shape == tensor.shape
        assert np.array_equal(again.tensors[name].data, tensor.data)
    write_weights(tmp_path / "b.gguf", again)
    assert (tmp_path / "a.gguf").read_bytes() == (tmp_path / "b.gguf").read_bytes()


def test_the_reader_of_llama_cpp_reads_what_is_written(embedded_weights: Weights, tmp_path: Path) -> None:
    import gguf

    assert len(embedded_weights.tokens) == 262_144
    part = with_vocabulary(embedded_weights, range(2000))
    write_weights(tmp_path / "part.gguf", part)
    official = gguf.GGUFReader(tmp_path / "part.gguf")
    assert official.fields["tokenizer.ggml.tokens"].contents() == part.tokens
    assert {tensor.name for tensor in official.tensors} == set(part.tensors)
    for tensor in official.tensors:
        assert np.array_equal(
            tensor.data.reshape(-1).view(np.uint8), part.tensors[tensor.name].data.reshape(-1)
        )


def test_a_part_of_the_vocabulary_keeps_rows_and_special_tokens(tiny: Weights) -> None:
    kept = [0, 1, 2, 3, *range(4, 260), 270, 300]
    part = with_vocabulary(tiny, kept)
    assert part.tokens == [tiny.tokens[at] for at in sorted(kept)]
    assert part.token_id("bos") == 2
    assert np.array_equal(
        part.tensors["token_embd.weight"].data, tiny.tensors["token_embd.weight"].data[sorted(kept)]
    )
    without = with_vocabulary(tiny, range(5, 300))
    assert without.token_id("bos") is None
    assert len(without.fields[TOKENS].value) == 295


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"GGUF",
        b"PK\x03\x04" * 50,
        b"GGUF" + b"\x02\0\0\0" + b"\0" * 40,
        b"GGUF\x03\0\0\0" + b"\xff" * 64,
    ],
)
def test_what_is_no_model_is_said(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "modele.gguf"
    path.write_bytes(content)
    with pytest.raises(UsageError, match="GGUF"):
        read_weights(path)


def test_a_cut_model_is_said(tiny: Weights, tmp_path: Path) -> None:
    write_weights(tmp_path / "a.gguf", tiny)
    data = (tmp_path / "a.gguf").read_bytes()
    for size in (10, 500, 4000, len(data) - 200):
        (tmp_path / "b.gguf").write_bytes(data[:size])
        with pytest.raises(UsageError, match="coupé"):
            read_weights(tmp_path / "b.gguf")
    with pytest.raises(UsageError, match="ne peut pas être lu"):
        read_weights(tmp_path / "absent.gguf")
