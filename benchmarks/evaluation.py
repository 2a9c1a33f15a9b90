"""Speed of scoring: 10,000 documents, 1,000 draws, one core; the target is 20 s, memory flat.

``taskset -c 0 python benchmarks/evaluation.py [DOCUMENTS]``
"""

import json
import random
import resource
import sys
import tempfile
import time
from pathlib import Path

from partages.evaluation.scoring import evaluate

LABELS = ("Nom", "Prenom", "Ville", "DateIdentifiante", "NumeroTelephone", "CodeIdentifiant")


def main(documents: int) -> None:
    """Write fictitious gold and predictions, score them, print time and memory."""
    chance = random.Random(0)
    with tempfile.TemporaryDirectory() as folder:
        gold, found = Path(folder, "gold.jsonl"), Path(folder, "found.jsonl")
        with gold.open("w") as left, found.open("w") as right:
            for number in range(documents):
                spans = [
                    {"start": 100 * n, "end": 100 * n + chance.randint(3, 20), "label": chance.choice(LABELS)}
                    for n in range(20)
                ]
                sex = chance.choice("FM")
                left.write(
                    json.dumps({"id": f"d{number}", "text": "mot " * 520, "spans": spans, "sex": sex}) + "\n"
                )
                kept = [span for span in spans if chance.random() < 0.9]
                right.write(json.dumps({"id": f"d{number}", "spans": kept}) + "\n")
        started = time.monotonic()
        result = evaluate("pseudonymise", gold, predictions=found)
        elapsed = time.monotonic() - started
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{result['documents']} documents, {result['draws']} draws: {elapsed:.1f} s, peak {memory:.0f} MB")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
