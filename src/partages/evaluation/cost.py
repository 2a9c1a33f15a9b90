"""What an evaluation costs: time, memory, energy.

Energy is codecarbon's figure for this process, offline: counters of the processor where the machine lets them be read,
else the processor's rated power times its use. It is an estimate, and says by which of the two.
"""

import logging
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any


@contextmanager
def measured(with_energy: bool = True) -> Iterator[dict[str, Any]]:
    """A dictionary that is filled when the block ends.

    Keys: ``seconds``, ``cpu_seconds``, ``peak_memory_mb`` (of the process since it began) and, with codecarbon,
    ``energy_wh``, ``emissions_g`` (CO2 equivalent, French grid), ``energy_method``.
    """
    found: dict[str, Any] = {}
    tracker = _tracker() if with_energy and find_spec("codecarbon") else None
    started, used = time.monotonic(), time.process_time()
    try:
        yield found
    finally:
        found["seconds"] = round(time.monotonic() - started, 3)
        found["cpu_seconds"] = round(time.process_time() - used, 3)
        found["peak_memory_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)
        found |= _energy(tracker) if tracker else {"energy_wh": None}


def _tracker() -> Any:
    from codecarbon import OfflineEmissionsTracker

    logging.getLogger("codecarbon").setLevel(logging.CRITICAL)
    tracker = OfflineEmissionsTracker(
        country_iso_code="FRA", tracking_mode="process", output_methods=[], log_level="critical"
    )
    tracker.start()
    return tracker


def _energy(tracker: Any) -> dict[str, Any]:
    tracker.stop()
    data = getattr(tracker, "final_emissions_data", None)
    if data is None:
        return {"energy_wh": None}
    return {
        "energy_wh": float(f"{1000 * data.energy_consumed:.4g}"),
        "emissions_g": float(f"{1000 * data.emissions:.4g}"),
        "energy_method": f"codecarbon {version('codecarbon')}, hors ligne, {data.cpu_model or 'processeur inconnu'}",
    }
