"""The one dial: what fits in the hours given, from a minute of real steps on this machine; memory is foreseen before it is used."""

import gc
import math
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from partages.errors import UsageError
from partages.training.pretrain import Method, Recipe, Rows, batch_of, loss_of, trained

PROBE_SHARE, PROBE_SECONDS = 0.05, 60.0
"""The probe takes at most this share of the time given, and at most a minute."""
MARGIN = 0.9
"""Share of the time left that is planned: checkpoints, validation and a busier machine take the rest."""
MEMORY_SHARE = 0.85
"""Of the memory available, that a run may take."""
MOST_EPOCHS = 4
"""Times each text may be read: more teaches little (Muennighoff et al., 2023, https://arxiv.org/abs/2305.16264)."""
STEPS = 400
"""Steps aimed at: a batch is as large as leaves about this many."""
RATE = 8e-4
"""Highest learning rate of adapters, for a width of 640 and a batch of 8 rows; a tenth for all weights."""
MICRO = (1, 2, 4, 8)


@dataclass(frozen=True)
class Speed:
    """What the machine did: rows through the network at once, seconds a row, bytes a row."""

    micro: int
    seconds: float
    bytes: int


def available_memory() -> int:
    """Bytes that this process may still take: of the machine, or of its control group."""
    import psutil

    free = int(psutil.virtual_memory().available)
    for limit, used in (
        ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
        ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ):
        try:
            free = min(free, int(Path(limit).read_text()) - int(Path(used).read_text()))
        except (OSError, ValueError):
            continue
    return free


def resident_memory() -> int:
    """Bytes that this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def check_weights(parameters: int, method: Method, free: int) -> None:
    """Refuse a network whose weights alone cannot be trained here, before it is loaded.

    Args:
        parameters: of the network.
        method: all weights need a gradient and two moments each.
        free: bytes.

    Raises:
        UsageError: they do not fit.
    """
    need = parameters * 4 * (4 if method == "full" else 1)
    if need > MEMORY_SHARE * free:
        raise UsageError(
            f"La mémoire ne suffira pas : il faut environ {need / 1e9:.1f} Go pour les seuls poids de ce modèle, "
            f"{free / 1e9:.1f} Go sont libres. "
            + (
                "Entraînez des adaptateurs (--method lora)."
                if method == "full"
                else "Réduisez son vocabulaire (« partages train trim »), ou prenez une base plus petite."
            )
        )


@contextmanager
def _peak() -> Iterator[list[int]]:
    """The most memory held inside, sampled each few milliseconds."""
    seen, over = [resident_memory()], threading.Event()

    def watch() -> None:
        while not over.wait(0.003):
            seen.append(resident_memory())

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield seen
    finally:
        over.set()
        watcher.join()


def _pass(network: Any, rows: Rows, recipe: Recipe, micro: int, share: float = 1.0) -> tuple[float, int]:
    """Seconds and bytes of one passage forward and back; of the start of each row, for a ``share`` below 1."""
    piece = batch_of(rows, np.arange(micro) % len(rows[0]))
    width = max(8, int(piece[0].shape[1] * share))
    cut = (piece[0][:, :width], piece[1][:, :width], None if piece[2] is None else piece[2][:, :width])
    gc.collect()
    before = resident_memory()
    with _peak() as seen:
        start = time.perf_counter()
        loss, count = loss_of(network, cut, recipe, 0)
        if count:
            loss.backward()
        seconds = time.perf_counter() - start
    for value in trained(network).values():
        value.grad = None
    return seconds, max(0, max(seen) - before)


def probe(network: Any, rows: Rows, recipe: Recipe, seconds: float) -> Speed:
    """How many rows are best sent through at once, and how fast.

    Args:
        network: ready to train; it is left as it was.
        rows: to learn from.
        recipe: method, precision, masking; ``micro`` is what is looked for.
        seconds: to spend at most, roughly.

    Raises:
        UsageError: not even one row fits in memory.
    """
    network.train()
    started = time.perf_counter()
    free = MEMORY_SHARE * available_memory()
    moments = sum(value.numel() for value in trained(network).values()) * 12  # gradient, two moments
    _pass(network, rows, recipe, 1, 0.25)  # first use of the libraries
    _, quarter = _pass(network, rows, recipe, 1, 0.25)
    foreseen = quarter * 4 + rows[0].shape[1] ** 2 * _heads(network) * 4
    if foreseen + moments > free:
        raise _too_large(foreseen + moments, free)
    best, size = None, foreseen
    for micro in MICRO:
        if (micro > 1 and micro * size + moments > free) or micro > max(1, len(rows[0])):
            break
        taken, held = _pass(network, rows, recipe, micro)
        if best is None or time.perf_counter() - started < seconds / 2:
            again, _ = _pass(network, rows, recipe, micro)
            taken = min(taken, again) if best is not None else again
        size = max(size if best is None else 0, held // micro, 1)
        if best is None or taken / micro < 0.97 * best.seconds:
            best = Speed(micro, taken / micro, size)
        if time.perf_counter() - started + 3 * taken > seconds:
            break
    assert best is not None
    while (
        left := seconds - (time.perf_counter() - started)
    ) > 4 * best.seconds * best.micro and left > seconds / 3:
        taken, _ = _pass(network, rows, recipe, best.micro)
        best = replace(best, seconds=(best.seconds + taken / best.micro) / 2)
    return best


def _heads(network: Any) -> int:
    return int(getattr(network.config, "num_attention_heads", 16))


def _too_large(need: float, free: float) -> UsageError:
    return UsageError(
        f"La mémoire ne suffira pas : il faut environ {need / 1e9:.1f} Go pour une rangée, {free / 1e9:.1f} Go sont libres. "
        "Préparez des rangées plus courtes (--length), ou réduisez le rang (--rank)."
    )


def plan(
    speed: Speed, rows: int, seconds: float, width: int, method: Method, **chosen: Any
) -> dict[str, Any]:
    """Steps, batch, rank and rate from what the machine does.

    Args:
        speed: of the probe.
        rows: there are to learn from.
        seconds: left to train.
        width: of the network.
        method: ``full`` has no rank, and a tenth of the rate.
        chosen: batch, rank, rate that the user decided; None is derived.

    Rules: as many rows as fit in the time, each read four times at most; the batch leaves about 400 steps; the rank grows
    with what there is to learn (8 under 1,000 rows read, then 16, 32 from 10,000, 64 from 100,000); the rate grows with the
    square root of the batch and falls with that of the width.
    """
    affordable = max(1, int(seconds * MARGIN / speed.seconds))
    read = min(affordable, MOST_EPOCHS * rows)
    batch = chosen.get("batch") or max(1, min(32, rows, round(read / STEPS)))
    micro = min(speed.micro, batch)
    batch = max(micro, batch // micro * micro) if chosen.get("batch") is None else batch
    rank = chosen.get("rank")
    if rank is None:
        rank = (
            0
            if method == "full"
            else 8
            if read < 1000
            else 16
            if read < 10_000
            else 32
            if read < 100_000
            else 64
        )
    rate = chosen.get("rate") or RATE * math.sqrt(min(4.0, batch / 8)) * math.sqrt(640 / width) * (
        0.1 if method == "full" else 1.0
    )
    return {
        "steps": max(1, read // batch), "batch": batch, "micro": micro, "rank": rank,
        "rate": float(f"{min(rate, 2e-3):.2g}"),
    }  # fmt: skip


def network_size(network: Any) -> int:
    """Width of the network."""
    return int(getattr(network.config, "hidden_size", 640))


def all_parameters(network: Any) -> int:
    """Weights of the network."""
    return sum(value.numel() for value in network.parameters())


__all__ = ["Speed", "all_parameters", "available_memory", "check_weights", "network_size", "plan", "probe"]
