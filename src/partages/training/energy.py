"""Energy of a run, by ``codecarbon`` without any network: counted where the machine has counters, else estimated from the
processor's thermal design power and load, and from memory. Added up over the parts of an interrupted run."""

import json
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NAME = "energy.json"
COUNTRY = "FRA"


@contextmanager
def measured(folder: Path) -> Iterator[None]:
    """Add what happens inside to ``energy.json`` of a folder: ``kwh``, ``kg_co2``, ``seconds``."""
    if int(os.environ.get("RANK", "0")):  # the first process measures the machine
        yield
        return
    tracker = _tracker()
    start = time.monotonic()
    try:
        yield
    finally:
        seconds = time.monotonic() - start
        found = None
        if tracker is not None:
            tracker.stop()
            found = getattr(tracker, "final_emissions_data", None)
        before = read(folder) or {"kwh": 0.0, "kg_co2": 0.0, "seconds": 0.0}
        if found is not None and before["kwh"] is not None:
            told = {
                "kwh": round(before["kwh"] + found.energy_consumed, 9),
                "kg_co2": round(before["kg_co2"] + found.emissions, 9),
            }
        else:
            told = {"kwh": None, "kg_co2": None}
        told |= {"seconds": round(before["seconds"] + seconds, 1)}
        if folder.is_dir():
            (folder / NAME).write_text(
                json.dumps({**told, "country": COUNTRY, "by": _by()}), encoding="utf-8"
            )


def read(folder: Path) -> dict[str, Any] | None:
    """What was measured so far, None when nothing was."""
    try:
        found = json.loads((folder / NAME).read_bytes())
        return found if isinstance(found, dict) and "kwh" in found else None
    except (OSError, ValueError):
        return None


def _tracker() -> Any:
    try:
        from codecarbon import OfflineEmissionsTracker
    except ImportError:
        return None
    logging.getLogger("codecarbon").disabled = True
    tracker = OfflineEmissionsTracker(
        country_iso_code=COUNTRY, output_methods=[], log_level="critical", allow_multiple_runs=True,
        measure_power_secs=30,
    )  # fmt: skip
    tracker.start()
    return tracker


def _by() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"codecarbon {version('codecarbon')}"
    except PackageNotFoundError:
        return "codecarbon is not installed"
