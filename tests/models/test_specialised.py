"""The shipped model: rebuilt bit for bit from the base, whole or not at all."""

from pathlib import Path

import numpy as np
import pytest

from partages.errors import GeneratorUnavailable
from partages.models import embedded, specialised
from partages.models.catalogue import BASE_NAME, DEFAULT_NAME
from partages.models.embedded import model_path
from partages.models.gguf_file import F32, Tensor, Weights, read_weights
from partages.models.specialised import Update, build, equalised, load, pack_update, save, shipped
from partages.settings import Settings
from tests.training.conftest import small


def _updates(base: Weights, size: float) -> dict[str, Update]:
    draw = np.random.default_rng(0)

    def one(tensor: Tensor) -> Update:
        rows, columns = tensor.shape
        a, b = draw.normal(size=(4, columns)), draw.normal(size=(rows, 4)) * size
        return pack_update(a.astype(np.float32), b.astype(np.float32))

    return {
        name: one(tensor)
        for name, tensor in base.tensors.items()
        if len(tensor.shape) == 2 and name != "token_embd.weight"
    }


def _exponents(base: Weights) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(4)
    layers, head = int(base.number("block_count")), int(base.number("attention.key_length"))
    sizes = {"attn_norm": "attn_q", "attn_v": "", "ffn_norm": "ffn_gate", "ffn_up": "ffn_down"}
    return {
        f"blk.{layer}.{giver}": draw.integers(
            -8, 9, base.tensors[f"blk.{layer}.{reader}.weight"].shape[1] if reader else head
        ).astype(np.int8)
        for layer in range(layers)
        for giver, reader in sizes.items()
    }


def test_channels_made_alike_leave_the_function_as_it_is() -> None:
    import torch

    from partages.training.network import build as network

    base = small(width=128)
    alike = equalised(base, _exponents(base))
    tokens = torch.arange(4, 40)[None]
    with torch.no_grad():
        before, after = (network(one)(tokens).logits for one in (base, alike))
    assert torch.allclose(before, after, atol=1e-4 * float(before.std()))
    changed = [
        name for name, one in alike.tensors.items() if not np.array_equal(one.data, base.tensors[name].data)
    ]
    assert len(changed) == 9 * int(base.number("block_count"))


def test_an_update_is_close_to_what_was_trained_and_does_not_depend_on_the_order_of_its_sum() -> None:
    draw = np.random.default_rng(1)
    a = draw.normal(size=(64, 640)).astype(np.float32)
    b = (draw.normal(size=(2048, 64)) * np.geomspace(1e-6, 1e-3, 64)).astype(np.float32)
    update = pack_update(a, b)
    assert np.abs(update.matrix() - b @ a).max() < 0.02 * np.abs(b @ a).max()
    turned = draw.permutation(64)
    shuffled = Update(update.a[turned], update.b[:, turned], update.weight[turned], update.scale)
    assert np.array_equal(shuffled.matrix(), update.matrix())
    pieces = np.concatenate(
        [Update(update.a, update.b[at : at + 1], update.weight, update.scale).matrix() for at in range(2048)]
    )
    assert np.array_equal(pieces, update.matrix())


def test_a_model_is_built_with_its_tokens_and_its_updates(tmp_path: Path) -> None:
    from gguf.constants import GGMLQuantizationType
    from gguf.quants import dequantize

    base = small(width=128)
    updates = _updates(base, 0.01)
    kept, exponents = np.array([0, 1, 2, 3, *range(4, 280)]), _exponents(base)
    save(tmp_path / "update.npz", kept, exponents, updates)
    kept_again, exponents_again, updates_again = load(tmp_path / "update.npz")
    assert np.array_equal(kept, kept_again)
    assert exponents.keys() == exponents_again.keys()
    built = build(base, kept_again, exponents_again, updates_again, {})
    base = equalised(base, exponents)
    assert built.tokens == base.tokens[:280]
    assert np.array_equal(
        built.tensors["token_embd.weight"].data, base.tensors["token_embd.weight"].data[:280]
    )
    for name, tensor in built.tensors.items():
        before = base.tensors[name]
        if name not in updates:
            continue
        wanted = before.data.view(np.float32).reshape(before.shape) + updates[name].matrix()
        found = dequantize(np.asarray(tensor.data), GGMLQuantizationType(tensor.kind)).reshape(tensor.shape)
        group, steps = {
            specialised.IQ4_NL: (32, 4),  # a scale that cuts the far end off may be the best one
            specialised.Q5_0: (32, 16),
            specialised.Q8_0: (32, 220),  # the scale has eleven bits
            specialised.Q6_K: (16, 24),  # scales are rounded too, to 8 bits
        }[tensor.kind]
        step = np.abs(wanted.reshape(-1, group)).max(axis=1, keepdims=True) / steps
        assert (np.abs(wanted - found).reshape(-1, group) <= step * 1.01).all()
        assert not np.allclose(found, before.data.view(np.float32).reshape(before.shape), atol=1e-4)
    again = build(small(width=128), kept, exponents, updates, {})
    for name, tensor in built.tensors.items():
        assert tensor.kind == (F32 if name not in updates else specialised.stored_as(name))
        assert np.array_equal(tensor.data, again.tensors[name].data)


def test_four_bits_are_the_nearest_levels_at_the_best_scale() -> None:
    from gguf.constants import GGMLQuantizationType
    from gguf.quants import dequantize

    values = np.random.default_rng(2).normal(size=(100, 32)).astype(np.float32)
    values[0] = 0
    stored = specialised.to_four_bits(values)
    found = dequantize(stored, GGMLQuantizationType.IQ4_NL).reshape(values.shape)
    assert not found[0].any()

    def nearest(scale: np.ndarray) -> np.ndarray:
        levels = (specialised.LEVELS * scale)[:, None, :]
        return np.take_along_axis(
            levels, np.abs(levels - values[..., None]).argmin(-1)[:, None].swapaxes(1, 2), 2
        )[..., 0]

    scale = stored[:, :2].copy().view(np.float16).astype(np.float32)
    assert np.allclose(found, nearest(scale), atol=1e-6)
    furthest = np.take_along_axis(values, np.abs(values).argmax(1)[:, None], 1) / specialised.LEVELS[0]
    for factor in specialised.SCALES:
        other = nearest((furthest * np.float32(factor)).astype(np.float16).astype(np.float32))
        assert (np.square(found - values).sum(1) <= np.square(other - values).sum(1) * 1.02).all()


def test_six_bits_err_less_than_half_as_much_as_five_and_zeros_stay() -> None:
    from gguf.constants import GGMLQuantizationType
    from gguf.quants import dequantize, quantize

    values = np.random.default_rng(3).normal(size=(64, 256)).astype(np.float32)
    values[0] = 0
    six = dequantize(specialised.to_six_bits(values), GGMLQuantizationType.Q6_K).reshape(values.shape)
    five = dequantize(quantize(values, GGMLQuantizationType.Q5_0), GGMLQuantizationType.Q5_0)
    assert not six[0].any()
    assert np.square(six - values).mean() < np.square(five.reshape(values.shape) - values).mean() / 4


@pytest.mark.slow
def test_the_shipped_model_is_rebuilt_and_rebuilt_again_when_its_file_is_damaged() -> None:
    path = model_path(Settings())
    assert path.stat().st_size == shipped().size < 100_000_000
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + b"\0" if whole[-1:] != b"\0" else whole[:-1] + b"\1")
    assert model_path(Settings()) == path
    assert path.read_bytes() == whole
    assert not list(path.parent.glob("*.partial"))
    model = read_weights(path)
    assert len(model.tokens) < 50_000
    assert model.token_id("bos") is not None


def test_a_name_chooses_the_model(tmp_path: Path) -> None:
    for alias in ("gemma-3-270m-base", BASE_NAME):
        assert model_path(Settings(model=alias)).name.startswith("gemma-3-270m")
    with pytest.raises(GeneratorUnavailable, match=rf"« inconnu » n'est pas intégré.*{DEFAULT_NAME}"):
        model_path(Settings(model="inconnu"))


def test_no_room_for_the_model_is_one_sentence_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, _: Weights) -> None:
        path.write_bytes(b"GGUF")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(embedded, "write_weights", full)
    with pytest.raises(GeneratorUnavailable, match=rf"{shipped().size / 1e6:.0f} Mo.*libérez de la place"):
        model_path(Settings(cache=tmp_path))
    assert not list((tmp_path / "models").iterdir())


def test_a_damaged_package_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    carrier = embedded.package()
    assert carrier
    part = tmp_path / "part"
    part.write_bytes(b"GGUF")
    monkeypatch.setattr(carrier, "chunk_paths", lambda: [part])
    with pytest.raises(GeneratorUnavailable, match="réinstallez gemma3"):
        model_path(Settings(cache=tmp_path / "cache"))
