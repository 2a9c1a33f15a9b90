"""Training speed, memory and what is learnt, beside the plain recipe: ``transformers.Trainer`` and ``peft`` on the embedded base.

    python benchmarks/train.py --text articles.txt.gz --lines --characters 120000

Each side reads the same documents once: adapters of rank 16 on every linear layer, rows of 512 tokens, one at a time, 4 rows a step, the same rates
along the run. The plain recipe runs its texts together and cuts them in blocks, as the examples of transformers do, each opened by the
beginning token; ours trims the
vocabulary to the training part of the text, packs without mixing documents, and multiplies in bfloat16 where the processor has it. Each runs
alone in a process of its own. Its tokens differ, its characters do not: speed is in characters as well, and quality is bits per
character of the same unseen documents (``training/measure.py``, both sides), at each quarter of the run. The last lines say by how much ours
ends above or below the plain recipe (95 % interval by bootstrap over documents), and after how long it had
reached the loss that the plain recipe ends with. Time is that of the processor, with one thread by default, so that what else the
machine does counts little; measures are not counted in it.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SIZE, LENGTH, MICRO, RANK, BATCH = 28_000, 512, 1, 16, 4
SIDES = ["plain", "plain-bf16", "ours"]
CHARACTERS, QUARTERS = 1500, 4


def texts(chosen: argparse.Namespace) -> tuple[list[str], list[str], list[str]]:
    """All documents to learn from, those that are read, those to measure on."""
    from partages.training.rows import Source, documents, split_of

    train, held = [], []
    begun: set[str] = set()
    for text in documents(Source(chosen.text, 1.0, chosen.lines)):
        if split_of(text) == "train":
            train.append(text)
        elif split_of(text) == "test" and len(held) < chosen.documents and text[:CHARACTERS] not in begun:
            held.append(text)
            begun.add(text[:CHARACTERS])  # a source may hold copies
    read, size = [], 0
    for text in train:
        if size >= chosen.characters:
            break
        read.append(text[: chosen.characters - size])
        size += len(read[-1])
    return train, read, held


class Measures:
    """Bits of each unseen document, at the start and at each quarter of the steps."""

    def __init__(self, tokenizer, start: int, held: list[str], steps: int) -> None:
        self.given = tokenizer, start, held
        self.at = {round(steps * part / QUARTERS) for part in range(1, QUARTERS)}
        self.found: list[tuple[int, float, list[float]]] = []

    def take(self, network, step: int, seconds: float) -> None:
        from partages.training.measure import bits

        tokenizer, start, held = self.given
        self.found.append(
            (step, seconds, bits(network, tokenizer, start, held, lambda: None, CHARACTERS).bits.tolist())
        )
        network.train()


def plain(chosen: argparse.Namespace, half: bool) -> dict[str, object]:
    """What one would write with the libraries alone."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer, Trainer, TrainerCallback, TrainingArguments

    from partages.models.embedded import base_path
    from partages.settings import Settings

    base = base_path(Settings())
    tokenizer = AutoTokenizer.from_pretrained(base.parent, gguf_file=base.name)
    network = AutoModelForCausalLM.from_pretrained(base.parent, gguf_file=base.name, dtype=torch.float32)
    network.is_quantized = False  # its weights are float32 by now, but the trainer would refuse them
    _, read, held = texts(chosen)
    stream: list[int] = []
    for text in read:
        stream += [tokenizer.bos_token_id, *tokenizer(text, add_special_tokens=False)["input_ids"]]
    start, room = [tokenizer.bos_token_id], LENGTH - 1  # Gemma predicts badly without it
    blocks = [{"input_ids": start + stream[at : at + room]} for at in range(0, len(stream) - room, room)]
    steps = max(1, len(blocks) // BATCH)
    measures = Measures(tokenizer.backend_tokenizer, tokenizer.bos_token_id, held, steps)
    measures.take(network, 0, 0.0)
    network = get_peft_model(network, LoraConfig(r=RANK, lora_alpha=2 * RANK, target_modules="all-linear"))
    seconds: list[float] = []

    class Clock(TrainerCallback):
        def on_step_begin(self, *_, **__) -> None:
            self.start = time.process_time()

        def on_step_end(self, *_, **__) -> None:
            seconds.append(time.process_time() - self.start)
            if len(seconds) in measures.at:
                measures.take(network, len(seconds), sum(seconds))

    def collate(rows):
        ids = torch.tensor([row["input_ids"] for row in rows])
        return {"input_ids": ids, "labels": ids, "attention_mask": torch.ones_like(ids)}

    with tempfile.TemporaryDirectory() as folder:
        Trainer(
            network,
            TrainingArguments(
                folder, max_steps=steps, per_device_train_batch_size=MICRO, gradient_accumulation_steps=BATCH // MICRO,
                learning_rate=chosen.rate, lr_scheduler_type="cosine_with_min_lr", lr_scheduler_kwargs={"min_lr_rate": 0.1},
                warmup_steps=max(1, round(0.06 * steps)), save_strategy="no", report_to=[], use_cpu=True, bf16=half,
                adam_beta2=0.98, weight_decay=0.01, logging_strategy="no", disable_tqdm=True, dataloader_pin_memory=False,
                seed=0,
            ),
            train_dataset=blocks, data_collator=collate, callbacks=[Clock()],
        ).train()  # fmt: skip
    measures.take(network, steps, sum(seconds))
    return result(seconds, BATCH * LENGTH, read, measures)


def ours(chosen: argparse.Namespace) -> dict[str, object]:
    """The steps of ``partages train``: trim, prepare, pretrain."""
    from partages.models.embedded import base_path
    from partages.models.gguf_file import read_weights, with_vocabulary, write_weights
    from partages.settings import Settings
    from partages.training.base import read_base
    from partages.training.export import read_trained, trained_network
    from partages.training.fast import is_quick, quicken
    from partages.training.pretrain import Recipe, train, with_adapters
    from partages.training.rows import pack, windows
    from partages.training.vocabulary import build_tokenizer, count_tokens, kept_tokens

    whole_train, read, held = texts(chosen)
    whole = read_weights(base_path(Settings()))
    used = count_tokens(build_tokenizer(whole), whole_train[:3000])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_weights(folder / "base.gguf", with_vocabulary(whole, kept_tokens(whole, used, SIZE)))
        base = read_base(folder / "base.gguf")
        tokens, segments = pack(list(windows(read, base.tokenizer, LENGTH, base.start)), LENGTH)
        steps = max(1, len(tokens) // BATCH)
        measures = Measures(base.tokenizer, base.start, held, steps)
        network = base.network()
        measures.take(network, 0, 0.0)
        recipe = Recipe(steps=steps, batch=BATCH, micro=MICRO, rate=chosen.rate, rank=RANK, half=is_quick())
        network = with_adapters(network, RANK, 0)
        if recipe.half:
            quicken(network)
        seconds: list[float] = []

        def step(record) -> None:
            seconds.append(record["processor"])
            if len(seconds) in measures.at:
                measures.take(network, len(seconds), sum(seconds))

        curve = train(network, (tokens, segments, None), recipe, folder / "run", on_step=step)
        measured = trained_network(
            base, read_trained(folder / "run" / "trained.pt")
        )  # in float32, as the other side
        measures.take(measured, steps, sum(seconds))
    return result(seconds, sum(record["tokens"] for record in curve) / len(curve), read, measures)


def result(seconds: list[float], tokens: float, read: list[str], measures: Measures) -> dict[str, object]:
    median = sorted(seconds[1:] or seconds)[len(seconds[1:]) // 2]
    return {
        "tokens": tokens / median, "characters": sum(map(len, read)) / (median * len(seconds)), "seconds": sum(seconds),
        "steps": len(seconds), "measures": measures.found,
        "gigabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
    }  # fmt: skip


def compared(one: dict[str, object], two: dict[str, object], held: list[str]) -> str:
    """How a side ends beside the first, and when it had reached where the first ends."""
    import numpy as np

    from partages.training.measure import Bits, gain

    sizes = np.array([min(len(text), CHARACTERS) for text in held], dtype=float)
    ends = [Bits(np.array(side["measures"][-1][2]), sizes) for side in (one, two)]
    share, low, high = gain(*ends)
    goal = ends[0].bits.sum()
    reached = next((at for at in two["measures"][1:] if sum(at[2]) <= goal), None)
    when = "did not reach its last loss" if reached is None else (
        f"at or under its last loss after {reached[1]:.0f} s of {one['seconds']:.0f} s ({one['seconds'] / reached[1]:.1f} times sooner)"
    )  # fmt: skip
    return f"bits at the end {-share:+.2%} [{-high:+.2%}, {-low:+.2%}]; {when}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--lines", action="store_true")
    parser.add_argument("--characters", type=int, default=120_000, help="read by each side, once")
    parser.add_argument("--documents", type=int, default=16, help="unseen ones to measure on")
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=SIDES)
    parser.add_argument(
        "--rate", type=float, default=3e-4, help="of learning, at its highest; the same for all"
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.side:
        import torch

        torch.set_num_threads(chosen.threads)
        found = ours(chosen) if chosen.side == "ours" else plain(chosen, chosen.side == "plain-bf16")
        print(json.dumps(found))
        return
    held = texts(chosen)[2]
    quarters = " | ".join(f"{part}/{QUARTERS}" for part in range(QUARTERS + 1))
    print(
        f"| | tokens/s | characters/s | times | peak memory | training | bits per character at {quarters} |"
    )
    print("| --- |" + " --: |" * (6 + QUARTERS))
    done: dict[str, dict] = {}
    for side in chosen.sides:
        command = [
            sys.executable, __file__, "--side", side, "--text", str(chosen.text), "--characters", str(chosen.characters), "--documents", str(chosen.documents), "--threads",
            str(chosen.threads), "--rate", str(chosen.rate), *(["--lines"] if chosen.lines else []),
        ]  # fmt: skip
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        if ended.returncode:
            print(ended.stderr[-2000:], file=sys.stderr)
            sys.exit(1)
        found = done[side] = json.loads(ended.stdout.splitlines()[-1])
        first = done[chosen.sides[0]]
        size = sum(min(len(text), CHARACTERS) for text in held)
        told = " | ".join(f"{sum(at[2]) / size:.3f}" for at in found["measures"])
        print(
            f"| {side} | {found['tokens']:.0f} | {found['characters']:.0f} | {found['characters'] / first['characters']:.1f} "
            f"| {found['gigabytes']:.1f} GB | {found['seconds']:.0f} s, {found['steps']} steps | {told} |",
            flush=True,
        )
    for side in chosen.sides[1:]:
        print(f"{side} beside {chosen.sides[0]}: {compared(done[chosen.sides[0]], done[side], held)}")


if __name__ == "__main__":
    main()
