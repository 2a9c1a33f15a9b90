"""Several processes, started by ``accelerate launch`` or ``torchrun``: weights, gradients and moments sharded (FSDP2 of torch).

The first process reads the base, the others only its shape: a host holds it whole once while it is spread. Each process takes its part of the rows of every step; the loss is over all of them, so that one process or several follow the
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


def asked(name: str) -> bool:
    """Whether the configuration of ``accelerate launch`` asks for this (``fsdp_config``, passed on as ``FSDP_...``)."""
    return os.environ.get(f"FSDP_{name}", "").lower() in ("true", "1")


def shard(step: Step) -> Step:
    """Spread the weights of the first process over all of them, layer by layer, one tensor at a time; products in the precision
    that ``accelerate`` was told.

    The other processes may hold a network without weights (on the meta device).
    """
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import CPUOffloadPolicy, MixedPrecisionPolicy, OffloadPolicy, fully_shard
    from torch.distributed.tensor import distribute_tensor

    start()
    kind = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(
        os.environ.get("ACCELERATE_MIXED_PRECISION", "no")
    )
    gpu = device().type == "cuda"
    options: dict[str, Any] = {
        "mesh": init_device_mesh(device().type, (SIZE,)),
        "mp_policy": MixedPrecisionPolicy(param_dtype=kind, reduce_dtype=torch.float32 if kind else None),
        "offload_policy": CPUOffloadPolicy() if gpu and asked("OFFLOAD_PARAMS") else OffloadPolicy(),
        "reshard_after_forward": asked("RESHARD_AFTER_FORWARD") or None,
    }
    model = step.network.get_base_model() if hasattr(step.network, "get_base_model") else step.network
    if asked("ACTIVATION_CHECKPOINTING"):
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    given = dict(step.named_parameters()) if RANK == 0 else {}
    computed = dict(step.named_buffers()) if RANK == 0 else {}
    _move(step, torch.device("meta"))
    names = set(model._no_split_modules or ())
    for module in list(model.modules()):
        if type(module).__name__ in names:
            fully_shard(module, **options)
    fully_shard(step, **options)
    _move(step, torch.device("cpu") if gpu and asked("OFFLOAD_PARAMS") else device())
    with torch.no_grad():
        value: Any
        for name, value in step.named_parameters():
            whole_value = given.pop(name) if RANK == 0 else torch.empty(value.shape, dtype=value.dtype)
            spread = distribute_tensor(whole_value.detach().to(device()), value.device_mesh, value.placements)
            value.to_local().copy_(spread.to_local())
        for name, value in step.named_buffers():
            if RANK == 0:
                value.copy_(computed[name])
            torch.distributed.broadcast(value, 0)
    return step


def _move(step: Step, where: torch.device) -> None:
    """To a device, without values; weights tied stay so."""
    places: dict[int, list[tuple[nn.Module, str]]] = {}
    for module in step.modules():
        for name, value in module.named_parameters(recurse=False):
            places.setdefault(id(value), []).append((module, name))
    step.to_empty(device=where)
    for (first, kept), *others in places.values():
        for module, name in others:
            setattr(module, name, getattr(first, kept))


def added(*values: float) -> list[float]:
    """Sums over all processes."""
    import torch.distributed as dist

    together = torch.tensor(values, dtype=torch.float64, device=device())
    if device().type == "cuda":
        together = together.float()
    dist.all_reduce(together)
    return [float(value) for value in together]


def whole(value: Any) -> Any:
    """A sharded tensor put together on the processor of the first process (empty in the others, which take part); anything else
    as it is, copied."""
    if hasattr(value, "full_tensor"):
        value = value.full_tensor()
        if RANK:
            return torch.empty(0)
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
