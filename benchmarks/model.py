"""What the shipped model gained and lost beside its base: bits per character, conclusions, JSON, speed; questions.

    python benchmarks/model.py bits [--characters 16000] [--models partages-270m gemma-3-270m] --output bits.json
    python benchmarks/model.py conclusions --limit 5 --output conclusions.json
    python benchmarks/model.py json --limit 10 --output json.json
    python benchmarks/model.py speed --output speed.json
    partages evaluate model partages-270m --tasks frenchmedmcqa_single,frenchmedmcqa_multiple --data ../shared/data/frenchmedmcqa/dev.json

Text is read from ``../shared/data`` and was not trained on: documents that the split of ``training/rows.py`` keeps for the test,
two whole lectures, the dev part of MORFITT, two sources left out altogether (ECDC, and the WMT18 abstracts, whose licence allows
research only), and texts written for this project (``data/reports``, the samples, ``data/general``). Intervals: 95 %, 1,000
bootstrap draws over documents. FrenchMedMCQA: dev, used for choosing. Networks run in bfloat16 for the bits.
"""

import argparse
import csv
import gzip
import json
import os
import random
import re
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))

from partages.models.embedded import EmbeddedGenerator, model_path
from partages.models.generator import Prompt, generate
from partages.samples import all_samples
from partages.settings import Settings
from partages.training.rows import split_of

HERE = Path(__file__).parent
SHARED = HERE.parents[1] / "shared/data"
MODELS = ("gemma-3-270m", "partages-270m")
DRAWS = 1000
LECTURES = (14, 16)
"""Lectures of CERIMES that are kept out of the training, by their place in the file."""
STRETCH = 4000
"""Characters read of a document: with windows of 512 tokens, two or three windows."""


def lines_of(name: str) -> list[str]:
    """The documents of a corpus, one a line."""
    with gzip.open(SHARED / "corpus" / f"{name}.txt.gz", "rt", encoding="utf-8") as file:
        return [line.strip() for line in file if line.strip()]


def grouped(lines: list[str], size: int = 2000) -> list[str]:
    """Short lines that follow one another, as documents."""
    found, held = [], ""
    for line in lines:
        held += line + "\n"
        if len(held) >= size:
            found.append(held.strip())
            held = ""
    return [*found, held.strip()] if held.strip() else found


def unseen(texts: list[str]) -> list[str]:
    """Those that the split keeps for the test."""
    return [text for text in texts if split_of(text) == "test"]


def cases() -> list[str]:
    return unseen([path.read_text().strip() for path in sorted((SHARED / "frasimed").rglob("*.txt"))])


def abstracts() -> list[str]:
    with (SHARED / "morfitt/dev.tsv").open(encoding="utf-8", newline="") as file:
        return [row["abstract"].strip() for row in csv.DictReader(file, delimiter="\t")]


def lectures() -> list[str]:
    whole = lines_of("cerimes")
    return [
        whole[at][start : start + STRETCH] for at in LECTURES for start in range(20_000, 100_000, 4 * STRETCH)
    ]


def own_reports() -> list[str]:
    marked = (path.read_text() for path in sorted((HERE / "data/reports").glob("*.txt")))
    return [re.sub(r"</?[A-Z][^>]*>", "", text) for text in marked] + [one.text for one in all_samples()]


TEXTS: dict[str, tuple[str, Callable[[], list[str]]]] = {
    "clinical cases": ("trained source", cases),
    "leaflets": ("trained source", lambda: unseen(lines_of("anses_rcp"))),
    "lectures": ("trained source", lectures),
    "abstracts": ("trained source", abstracts),
    "encyclopedia": ("trained source", lambda: unseen(lines_of("wikipedia"))),
    "devices": ("trained source", lambda: grouped(unseen(lines_of("cnedimts")))),
    "titles": ("trained source", lambda: grouped(unseen(lines_of("quaero")))),
    "own reports": ("never seen", own_reports),
    "ECDC": ("never seen", lambda: grouped(lines_of("ecdc"))),
    "WMT18 abstracts": ("never seen", lambda: lines_of("wmt_18_medline")),
    "general": (
        "general",
        lambda: [path.read_text() for path in sorted((HERE / "data/general").glob("*.txt"))],
    ),
}


def chosen(texts: list[str], most: int) -> list[str]:
    """Documents in an order that a seed draws, cut at ``STRETCH``, until there are ``most`` characters."""
    texts = list(texts)
    random.Random(0).shuffle(texts)
    kept, total = [], 0
    for text in texts:
        if total >= most:
            break
        kept.append(text[:STRETCH])
        total += len(kept[-1])
    return kept


def share(before: np.ndarray, after: np.ndarray) -> dict[str, float]:
    """Bits of ``after`` over those of ``before``, less one, and its interval over documents."""
    draw = np.random.default_rng(0).integers(0, len(before), (DRAWS, len(before)))
    low, high = np.quantile(after[draw].sum(1) / before[draw].sum(1) - 1, [0.025, 0.975])
    return {"change": float(after.sum() / before.sum() - 1), "low": float(low), "high": float(high)}


def measure_bits(asked: argparse.Namespace) -> dict[str, Any]:
    """Bits of each document by each model, kept as they come; then bits per character and changes."""
    import torch

    from partages.models.gguf_file import read_weights
    from partages.training.measure import bits
    from partages.training.network import build
    from partages.training.vocabulary import build_tokenizer

    try:
        found = json.loads(asked.output.read_text())["bits"]
    except (OSError, ValueError, KeyError):
        found = {}
    kinds = asked.kinds or list(TEXTS)
    texts = {name: chosen(TEXTS[name][1](), asked.characters) for name in kinds}
    for model in asked.models:
        path = Path(model) if model.endswith(".gguf") else model_path(Settings(model=model))
        weights = read_weights(path)
        network, tokenizer = build(weights, torch.bfloat16), build_tokenizer(weights)
        held = found.setdefault(model, {})
        for name, documents in texts.items():
            if name in held:
                continue
            held[name] = bits(network, tokenizer, weights.token_id("bos"), documents).bits.tolist()
            print(f"{model} {name} {sum(held[name]) / sum(map(len, documents)):.4f}", flush=True)
            asked.output.write_text(json.dumps({"bits": found}))
    base, *others = asked.models
    table = {}
    for name, documents in texts.items():
        characters = sum(map(len, documents))
        row: dict[str, Any] = {"kind": TEXTS[name][0], "documents": len(documents), "characters": characters}
        for model in asked.models:
            row[model] = sum(found[model][name]) / characters
        for model in others:
            row[f"{model} change"] = share(np.array(found[base][name]), np.array(found[model][name]))
        table[name] = row
    return {"bits": found, "table": table}


def measure_conclusions(asked: argparse.Namespace) -> dict[str, Any]:
    """Conclusions of fictitious reports (``scripts/model_reports.py``, another seed; and the samples): ROUGE-L, supported
    sentences; and JSON without constraint: is it valid against the schema, and right?"""
    import model_reports
    from rouge_score.rouge_scorer import RougeScorer

    from partages.errors import PartagesError
    from partages.usecases.conclude.checking import check
    from partages.usecases.conclude.extractive import draft
    from partages.usecases.conclude.generated import tidy, write
    from partages.usecases.conclude.sections import locate

    scorer = RougeScorer(["rougeL"])
    pairs = []
    for sample in all_samples()[: asked.limit]:
        place = locate(sample.text)
        if place:
            pairs.append(("samples", sample.text, place, sample.text[place[0] : place[1]]))
    rng = random.Random(12345)
    for _ in range(asked.limit):
        drawn = model_reports.draw(rng)
        pairs.append(("drawn", str(drawn["report"]), None, str(drawn["conclusion"])))

    rows: list[dict[str, Any]] = []

    def note(model: str, kind: str, text: str, place: Any, reference: str, written: str) -> None:
        sentences = check(written, text, place) if written else []
        rows.append(
            {
                "model": model, "kind": kind, "rouge": scorer.score(reference, written)["rougeL"].fmeasure, "sentences": len(sentences),
                "supported": sum(one.supported for one in sentences), "words": len(written.split()),
            }
        )  # fmt: skip

    for kind, text, place, reference in pairs:
        note("extractive", kind, text, place, reference, " ".join(one.text for one in draft(text, 5, place)))
    for name in asked.models:
        generator = EmbeddedGenerator(Settings(model=name))
        for kind, text, place, reference in pairs:
            try:
                written = tidy("".join(write(text, generator, 5, place)), 5)
            except PartagesError:
                written = ""
            note(name, kind, text, place, reference, written)
            print(name, kind, json.dumps(rows[-1]), written[:300], flush=True)
        generator.close()
    table = {}
    for model in dict.fromkeys(row["model"] for row in rows):
        for kind in ("samples", "drawn"):
            held = [row for row in rows if row["model"] == model and row["kind"] == kind]
            if not held:
                continue
            rouge = np.array([row["rouge"] for row in held])
            draw = np.random.default_rng(0).integers(0, len(held), (DRAWS, len(held)))
            supported, counted = (np.array([row[key] for row in held]) for key in ("supported", "sentences"))
            shares = supported[draw].sum(1) / np.maximum(1, counted[draw].sum(1))
            table[f"{model}, {kind}"] = {
                "reports": len(held), "rouge_l": float(rouge.mean()), "rouge_l_interval": np.quantile(rouge[draw].mean(1), [0.025, 0.975]).tolist(),
                "supported": float(supported.sum() / max(1, counted.sum())), "supported_interval": np.quantile(shares, [0.025, 0.975]).tolist(),
                "words": float(np.mean([row["words"] for row in held])), "empty": sum(row["words"] == 0 for row in held),
            }  # fmt: skip
    return {"table": table}


SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "age": {"type": ["integer", "null"]},
        "sexe": {"type": "string", "enum": ["H", "F"]},
        "diagnostic": {"type": "string"},
        "suites": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["age", "sexe", "diagnostic", "suites"],
    "additionalProperties": False,
}


def measure_json(asked: argparse.Namespace) -> dict[str, Any]:
    """JSON asked by a schema in words, decoding not constrained: valid against it, and right age and sex."""
    import jsonschema
    import model_reports

    rng = random.Random(54321)
    drawn = [model_reports.draw(rng) for _ in range(asked.limit)]
    result = {}
    for name in asked.models:
        generator = EmbeddedGenerator(Settings(model=name))
        valid = right = 0
        for one in drawn:
            ask = "Réponds par le JSON seul, conforme à ce schéma :\n" + json.dumps(
                SCHEMA, ensure_ascii=False
            )
            user = f"Compte rendu :\n<<<\n{one['report']}\n>>>\n\n{ask}"
            text = generate(
                generator, Prompt("", user, f"{user}\n\nJSON :\n"), max_tokens=220, stop=("\n\n",)
            )
            try:
                answer = json.loads(text)
                jsonschema.validate(answer, SCHEMA)
                valid += 1
                facts: Any = one["facts"]
                right += answer["age"] == facts["age"] and answer["sexe"] == facts["sexe"]
            except (ValueError, jsonschema.ValidationError):
                pass
        result[name] = {"reports": len(drawn), "valid": valid, "age and sex right": right}
        print(name, result[name], flush=True)
        generator.close()
    return result


def measure_speed(asked: argparse.Namespace) -> dict[str, Any]:
    """Tokens a second of clock and of processor, the models in turn in short bursts on one core.

    The ratio is the median over turns, with the middle half of them; processor time suffers less from what else runs.
    """
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    prompt = Prompt(
        "", "Décris la prise en charge d'une pneumopathie.", "La pneumopathie aiguë communautaire est"
    )
    generators = {name: EmbeddedGenerator(Settings(model=name)) for name in asked.models}
    clocks: dict[str, Callable[[], float]] = {"clock": time.perf_counter, "processor": time.process_time}
    found: dict[str, dict[str, list[float]]] = {kind: {name: [] for name in generators} for kind in clocks}
    for generator in generators.values():
        generate(generator, prompt, max_tokens=4)
    for turn in range(asked.turns):
        for name in list(generators)[:: -1 if turn % 2 else 1]:
            started = {kind: clock() for kind, clock in clocks.items()}
            tokens = sum(1 for _ in generators[name].stream(prompt, max_tokens=50))
            for kind, clock in clocks.items():
                found[kind][name].append(tokens / (clock() - started[kind]))
    for generator in generators.values():
        generator.close()
    base, *others = asked.models
    return {
        "turns": asked.turns,
        **{
            kind: {
                "tokens a second": {name: statistics.median(values) for name, values in of.items()},
                "ratio": {
                    name: np.quantile(np.array(of[name]) / np.array(of[base]), [0.5, 0.25, 0.75]).tolist()
                    for name in others
                },
            }
            for kind, of in found.items()
        },
    }


def main() -> None:
    """Measure what is asked, print it, write it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    what = {
        "bits": measure_bits, "conclusions": measure_conclusions, "json": measure_json, "speed": measure_speed,
    }  # fmt: skip
    parser.add_argument("what", choices=what)
    parser.add_argument("--models", nargs="+", default=list(MODELS))
    parser.add_argument("--kinds", nargs="+", choices=TEXTS)
    parser.add_argument("--characters", type=int, default=16_000)
    parser.add_argument("--limit", type=int, default=10, help="reports: samples and drawn ones, each")
    parser.add_argument("--turns", type=int, default=20)
    parser.add_argument("--output", type=Path, required=True)
    asked = parser.parse_args()
    result = what[asked.what](asked)
    asked.output.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    print(json.dumps(result.get("table", result), indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
