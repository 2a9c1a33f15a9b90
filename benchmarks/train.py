"""Training speed and memory, beside the plain recipe: ``transformers.Trainer`` and ``peft`` on the embedded base, whole vocabulary.

    python benchmarks/train.py --text articles.txt.gz --lines --steps 12

Both sides: the same documents, adapters of rank 16 on every linear layer, rows of 512 tokens, one at a time, 4 rows a step, the same rates, the
same number of steps. The plain recipe runs its texts together and cuts them in blocks, as the examples of transformers do; ours
trims the vocabulary, packs without mixing documents, and multiplies in bfloat16 where the processor has it. Each runs alone in a
process of its own. Quality is bits per character of the same unseen documents, whose tokens differ but not their characters.
Time is that of the processor, with one thread by default, so that what else the machine does counts little.
"""

import argparse
import json
import math
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SIZE, LENGTH, MICRO, RANK, RATE = 28_000, 512, 1, 16, 8e-4
SIDES = ["plain", "plain-bf16", "ours"]
DOCUMENTS, CHARACTERS = 6, 1500
BATCH = 4


def texts(path: Path, lines: bool) -> dict[str, list[str]]:
    from partages.training.rows import Source, documents, split_of

    found: dict[str, list[str]] = {"train": [], "validation": [], "test": []}
    for text in documents(Source(path, 1.0, lines)):
        found[split_of(text)].append(text)
    return found


def bits_per_character(network, encode, start: int, held: list[str]) -> float:
    """Windows of 512 tokens, each opened by the start token; every token after it counts."""
    import torch

    network.eval()
    bits, characters = 0.0, 0
    with torch.no_grad():
        for text in held:
            ids = encode(text[:CHARACTERS])
            characters += len(text[:CHARACTERS])
            for at in range(0, len(ids), LENGTH - 1):
                window = torch.tensor([[start, *ids[at : at + LENGTH - 1]]])
                logits = network(window).logits[0, :-1].float()
                bits += float(
                    torch.nn.functional.cross_entropy(logits, window[0, 1:], reduction="sum")
                ) / math.log(2)
    return bits / characters


def plain(path: Path, lines: bool, steps: int, half: bool) -> dict[str, float]:
    """What one would write with the libraries alone."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer, Trainer, TrainerCallback, TrainingArguments

    from partages.models.embedded import model_path
    from partages.settings import Settings

    base = model_path(Settings())
    tokenizer = AutoTokenizer.from_pretrained(base.parent, gguf_file=base.name)
    network = AutoModelForCausalLM.from_pretrained(base.parent, gguf_file=base.name, dtype=torch.float32)
    network.is_quantized = False  # its weights are float32 by now, but the trainer would refuse them

    def encode(text: str) -> list[int]:
        return tokenizer(text, add_special_tokens=False)["input_ids"]

    sets = texts(path, lines)
    stream: list[int] = []
    for text in sets["train"]:
        stream += [tokenizer.bos_token_id, *encode(text)]
        if len(stream) > steps * BATCH * LENGTH:
            break
    blocks = [{"input_ids": stream[at : at + LENGTH]} for at in range(0, len(stream) - LENGTH, LENGTH)]
    before = bits_per_character(network, encode, tokenizer.bos_token_id, sets["test"][:DOCUMENTS])
    network = get_peft_model(network, LoraConfig(r=RANK, lora_alpha=2 * RANK, target_modules="all-linear"))
    seconds: list[float] = []

    class Clock(TrainerCallback):
        def on_step_begin(self, *_, **__) -> None:
            self.start = time.process_time()

        def on_step_end(self, *_, **__) -> None:
            seconds.append(time.process_time() - self.start)

    def collate(rows):
        ids = torch.tensor([row["input_ids"] for row in rows])
        return {"input_ids": ids, "labels": ids, "attention_mask": torch.ones_like(ids)}

    with tempfile.TemporaryDirectory() as folder:
        Trainer(
            network,
            TrainingArguments(
                folder, max_steps=steps, per_device_train_batch_size=MICRO, gradient_accumulation_steps=BATCH // MICRO,
                learning_rate=RATE, lr_scheduler_type="cosine", warmup_steps=max(1, round(0.06 * steps)), save_strategy="no",
                report_to=[], use_cpu=True, bf16=half, adam_beta2=0.98, weight_decay=0.01, logging_strategy="no",
                disable_tqdm=True, dataloader_pin_memory=False, seed=0,
            ),
            train_dataset=blocks, data_collator=collate, callbacks=[Clock()],
        ).train()  # fmt: skip
    held = sets["test"][:DOCUMENTS]
    return result(
        seconds, BATCH * LENGTH, before, bits_per_character(network, encode, tokenizer.bos_token_id, held)
    )


def ours(path: Path, lines: bool, steps: int) -> dict[str, float]:
    """The steps of ``partages train``: trim, prepare, pretrain."""
    from partages.models.embedded import model_path
    from partages.models.gguf_file import read_weights, with_vocabulary, write_weights
    from partages.settings import Settings
    from partages.training.base import read_base
    from partages.training.fast import is_quick, quicken
    from partages.training.pretrain import Recipe, load_rows, train, with_adapters
    from partages.training.rows import Source, prepare
    from partages.training.vocabulary import build_tokenizer, count_tokens, kept_tokens

    sets = texts(path, lines)
    whole = read_weights(model_path(Settings()))
    used = count_tokens(build_tokenizer(whole), sets["train"])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_weights(folder / "base.gguf", with_vocabulary(whole, kept_tokens(whole, used, SIZE)))
        base = read_base(folder / "base.gguf")
        prepare(
            [Source(path, 1.0, lines)], base.tokenizer, start=base.start, length=LENGTH,
            budget=steps * BATCH * LENGTH, seed=0, output=folder / "data",
        )  # fmt: skip
        network = base.network()
        held = sets["test"][:DOCUMENTS]
        before = bits_per_character(network, base.encode, base.start, held)
        recipe = Recipe(steps=steps, batch=BATCH, micro=MICRO, rate=RATE, rank=RANK, half=is_quick())
        network = with_adapters(network, RANK, 0)
        if recipe.half:
            quicken(network)
        curve = train(network, load_rows(folder / "data", "train"), recipe, folder / "run")
        from partages.training.export import read_trained, trained_network

        measured = trained_network(
            base, read_trained(folder / "run" / "trained.pt")
        )  # in float32, as the other side
        after = bits_per_character(measured, base.encode, base.start, held)
    tokens = sum(record["tokens"] for record in curve) / len(curve)
    return result([record["processor"] for record in curve], tokens, before, after)


def result(seconds: list[float], tokens: float, before: float, after: float) -> dict[str, float]:
    median = sorted(seconds[1:])[len(seconds[1:]) // 2]
    return {
        "tokens_per_second": tokens / median, "seconds": sum(seconds), "before": before, "after": after,
        "gigabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--lines", action="store_true")
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--batch", type=int, default=4, help="rows a step")
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=SIDES)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    global BATCH
    BATCH = chosen.batch
    if chosen.side:
        import torch

        torch.set_num_threads(chosen.threads)
        if chosen.side == "ours":
            found = ours(chosen.text, chosen.lines, chosen.steps)
        else:
            found = plain(chosen.text, chosen.lines, chosen.steps, chosen.side == "plain-bf16")
        print(json.dumps(found))
        return
    print("| | tokens/s | times | peak memory | training | bits per character, before | after |")
    print("| --- | --: | --: | --: | --: | --: | --: |")
    first = None
    for side in chosen.sides:
        command = [
            sys.executable,
            __file__,
            "--side",
            side,
            "--text",
            str(chosen.text),
            "--steps",
            str(chosen.steps),
        ]
        command += [
            "--threads",
            str(chosen.threads),
            "--batch",
            str(chosen.batch),
            *(["--lines"] if chosen.lines else []),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            print(done.stderr[-2000:], file=sys.stderr)
            sys.exit(1)
        found = json.loads(done.stdout.splitlines()[-1])
        first = first or found["tokens_per_second"]
        print(
            f"| {side} | {found['tokens_per_second']:.0f} | {found['tokens_per_second'] / first:.1f} | {found['gigabytes']:.1f} GB "
            f"| {found['seconds']:.0f} s | {found['before']:.3f} | {found['after']:.3f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
