"""Instruction tuning beside trl's, the field's reference: the same tokens learnt, the same loss."""

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from partages.training.base import TEMPLATES, read_base
from partages.training.instruct import Example, rows_of
from partages.training.loss import row_loss
from tests.training.test_folder import written

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


def test_examples_give_the_tokens_and_the_loss_of_trl(tmp_path: Path) -> None:
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    folder = written("llama", tmp_path / "base")
    (folder / "chat_template.jinja").write_text(TEMPLATES["<|im_start|>"])
    base = read_base(folder)
    examples = [
        Example(f"Le patient {n} a une toux ?", "Oui, depuis deux jours." * (1 + n % 3)) for n in range(12)
    ]
    (tokens, segments, learnt), left_out = rows_of(examples, base, 256, "train")
    assert not left_out
    piece = [torch.from_numpy(one.astype("int64")) for one in (tokens, segments)]
    assert learnt is not None
    with torch.no_grad():
        ours, count = row_loss(base.network(), *piece, torch.from_numpy(learnt))

    from partages.training.rows import split_of

    rows = [
        {
            "prompt": [{"role": "user", "content": one.prompt}],
            "completion": [{"role": "assistant", "content": one.answer}],
        }
        for one in examples
        if split_of(one.prompt) == "train"
    ]
    trainer = SFTTrainer(
        AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32),
        args=SFTConfig(
            str(tmp_path / "trl"), use_cpu=True, report_to=[], max_length=256, per_device_train_batch_size=len(rows), bf16=False,
            gradient_checkpointing=False, disable_tqdm=True, dataloader_pin_memory=False,
        ),
        train_dataset=Dataset.from_list(rows),
        processing_class=AutoTokenizer.from_pretrained(folder),
    )  # fmt: skip
    (batch,) = list(trainer.get_train_dataloader())
    # trl also learns the line break that the template puts after the end of an answer; a server has stopped by then
    ends = batch["labels"][:, :-1] == base.marks["<|im_end|>"]
    batch["labels"][:, 1:][ends & (batch["labels"][:, 1:] != -100)] = -100
    assert int((batch["labels"] != -100).sum()) == count
    with torch.no_grad():
        loss = trainer.model(
            input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], labels=batch["labels"]
        ).loss
    assert float(ours) / count == pytest.approx(float(loss), rel=1e-4)
