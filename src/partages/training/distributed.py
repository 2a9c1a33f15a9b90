"""Several processes, started by ``accelerate launch`` or ``torchrun``: weights, gradients and moments sharded (FSDP2 of torch).

Each process takes its part of the rows of every step; the loss is over all of them, so that one process or several follow the
same curve, and a checkpoint of one is taken up by any number. Gloo on processors, NCCL on GPUs.
"""

import os
from typing import Any

import torch
from torch import Tensor, nn

SIZE, RANK = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))


class Step(nn.Module):
    """A network whose forward pass is its loss, so that all that needs whole weights happens inside."""

    def __init__(self, network: Any, loss: Any) -> None:
        super().__init__()
        self.network = network
        self.loss = loss

    def forward(self, *given: Any) -> Any:
        """Sum of the losses, and over how many tokens."""
        return self.loss(self.network, *given)


def device() -> torch.device:
    """Where this process computes."""
    if torch.cuda.is_available():
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    return torch.device("cpu")


def start() -> None:
    """Join the other processes, once."""
    import torch.distributed as dist

    if not dist.is_initialized():
        where = device()
        if where.type == "cuda":
            torch.cuda.set_device(where)
        dist.init_process_group("nccl" if where.type == "cuda" else "gloo")


def shard(step: Step) -> Step:
    """Spread the weights over the processes, layer by layer; products in the precision that ``accelerate`` was told."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

    start()
    kind = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(
        os.environ.get("ACCELERATE_MIXED_PRECISION", "no")
    )
    policy = MixedPrecisionPolicy(param_dtype=kind, reduce_dtype=torch.float32 if kind else None)
    mesh = init_device_mesh(device().type, (SIZE,))
    model = step.network.get_base_model() if hasattr(step.network, "get_base_model") else step.network
    names = set(model._no_split_modules or ())
    for module in list(model.modules()):
        if type(module).__name__ in names:
            fully_shard(module, mesh=mesh, mp_policy=policy)
    fully_shard(step, mesh=mesh, mp_policy=policy)
    return step


def added(*values: float) -> list[float]:
    """Sums over all processes."""
    import torch.distributed as dist

    together = torch.tensor(values, dtype=torch.float64, device=device())
    if device().type == "cuda":
        together = together.float()
    dist.all_reduce(together)
    return [float(value) for value in together]


def whole(value: Any) -> Any:
    """A sharded tensor put together on the processor, in every process; anything else as it is, copied."""
    if hasattr(value, "full_tensor"):
        value = value.full_tensor()
    return value.detach().cpu().clone() if isinstance(value, Tensor) else value


def part(value: Tensor, like: Any) -> Tensor:
    """A whole tensor as one sharded like another."""
    if not hasattr(like, "placements"):
        return value
    from torch.distributed.tensor import distribute_tensor

    return distribute_tensor(value.to(like.device), like.device_mesh, like.placements)


def whole_state(optimiser: torch.optim.Optimizer) -> dict[str, Any]:
    """What the optimiser holds, put together."""
    told = optimiser.state_dict()
    state = {at: {name: whole(value) for name, value in held.items()} for at, held in told["state"].items()}
    return {**told, "state": state}


def load_state(optimiser: torch.optim.Optimizer, told: dict[str, Any], parameters: list[Any]) -> None:
    """Give an optimiser what ``whole_state`` kept."""
    state = {
        at: {
            name: part(value, parameters[at]) if isinstance(value, Tensor) and value.dim() else value
            for name, value in held.items()
        }
        for at, held in told["state"].items()
    }
    optimiser.load_state_dict({**told, "state": state})
