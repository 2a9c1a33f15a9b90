"""Make the index of benchmark questions that ships: numbers of word sequences, not the questions.

    python scripts/index_benchmarks.py ../shared/data/frenchmedmcqa src/partages/corpus/data/benchmarks.npz

A question is known by its own words, or with its choices when it is short. Both splits of FrenchMedMCQA
(Labrak et al. 2022, Apache 2.0) that are public are read: whoever has the test split adds it to the folder.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from partages.corpus.decontaminate import build, question_words, save


def questions(folder: Path) -> Iterator[tuple[str, list[str]]]:
    for path in sorted(folder.glob("*.json")):
        for row in json.loads(path.read_text(encoding="utf-8")):
            for words in question_words(row["question"], row["answers"].values()):
                yield "frenchmedmcqa", words


if __name__ == "__main__":
    index = build(questions(Path(sys.argv[1])))
    save(index, Path(sys.argv[2]))
    print(f"{len(index.totals)} questions, {len(index.sequences)} sequences")
