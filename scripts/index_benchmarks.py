"""Make the index of benchmarks that ships: numbers of word sequences, not the texts.

    python scripts/index_benchmarks.py ../shared/data src/partages/corpus/data/benchmarks.npz

From the files at hand only, so that it is the same wherever it is made;
``partages corpus benchmarks --fetch`` adds what the public homes hold.
"""

import sys
from pathlib import Path

from partages.corpus.benchmarks import index
from partages.corpus.decontaminate import save

if __name__ == "__main__":
    made = index(Path(sys.argv[1]))
    save(made, Path(sys.argv[2]))
    for name, one in made.coverage.items():
        print(name, one["parts"], "missing" if one["missing"] else "")
    print(f"{len(made.totals)} texts, {len(made.sequences)} sequences, {len(made.whole)} short texts")
