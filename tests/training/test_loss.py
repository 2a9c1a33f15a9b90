"""Losses in pieces against PyTorch's, values and gradients."""

import pytest
import torch

from partages.training import loss


def _states(monkeypatch, kind=torch.float32):
    monkeypatch.setattr(loss, "CHUNK", 7)
    draw = torch.Generator().manual_seed(3)
    hidden, wanted = (torch.randn(20, 16, generator=draw).to(kind) for _ in range(2))
    return hidden.requires_grad_(True), wanted, torch.randn(50, 16, generator=draw).to(kind)


def test_cross_entropy_is_that_of_pytorch(monkeypatch):
    hidden, _, weight = _states(monkeypatch)
    targets = torch.arange(20) % 50
    total = loss.cross_entropy_sum(hidden, weight, targets)
    total.backward()
    own, hidden.grad = hidden.grad, None
    expected = torch.nn.functional.cross_entropy(hidden @ weight.T, targets, reduction="sum")
    expected.backward()
    assert total.item() == pytest.approx(expected.item(), rel=1e-5)
    assert torch.allclose(own, hidden.grad, atol=1e-4)


def test_divergence_is_that_of_pytorch(monkeypatch):
    hidden, wanted, weight = _states(monkeypatch)
    total = loss.divergence_sum(hidden, wanted, weight)
    (3 * total).backward()
    own, hidden.grad = hidden.grad, None
    expected = torch.nn.functional.kl_div(
        torch.log_softmax(hidden @ weight.T, -1), torch.log_softmax(wanted @ weight.T, -1), reduction="sum", log_target=True
    )  # fmt: skip
    (3 * expected).backward()
    assert total.item() == pytest.approx(expected.item(), rel=1e-4)
    assert torch.allclose(own, hidden.grad, atol=1e-3)


def test_divergence_from_itself_is_zero(monkeypatch):
    hidden, _, weight = _states(monkeypatch)
    total = loss.divergence_sum(hidden, hidden.detach().clone(), weight)
    total.backward()
    assert total.item() == pytest.approx(0, abs=1e-4)
    assert hidden.grad.abs().max() < 1e-4
