"""Each figure against cases computed by hand, laws it must obey, and reference implementations."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partages.documents import Span
from partages.evaluation import effort, ranking, robustness, spans, statistics, texts

LABELS = ("Nom", "Prenom", "Ville", "DateNonIdentifiante")
KEPT = frozenset({"DateNonIdentifiante"})


def of(*places: tuple[int, int, str]) -> list[Span]:
    return [Span(*place) for place in places]


def figures(*documents: tuple[list[Span], list[Span]]) -> dict[str, float]:
    rows = np.array([spans.count(gold, found, LABELS, KEPT) for gold, found in documents])
    return {name: float(value) for name, value in spans.figures(rows.sum(0), LABELS, KEPT).items()}


ONE = (
    of((0, 5, "Prenom"), (6, 12, "Nom"), (20, 26, "Ville")),
    of((0, 5, "Prenom"), (6, 10, "Nom"), (20, 26, "Nom")),
)
TWO = (of((3, 9, "Nom")), [])
THREE = (of((0, 4, "DateNonIdentifiante")), of((10, 14, "Ville")))


def test_one_document_by_hand() -> None:
    found = figures(ONE)
    # exact: 1 of 3 predicted, 1 of 3 gold; overlap: the shortened name too; the town is masked under another label
    assert found["exact_f1_micro"] == pytest.approx(1 / 3)
    assert found["overlap_f1_micro"] == pytest.approx(2 / 3)
    assert found["exact_f1_macro"] == pytest.approx((1 + 0 + 0) / 3)
    assert found["overlap_f1_macro"] == pytest.approx((1 + 2 / 3 + 0) / 3)
    assert found["full_coverage_recall"] == pytest.approx(2 / 3)  # the name lost its end
    assert found["character_precision"] == 1
    assert found["character_recall"] == pytest.approx(15 / 17)
    assert found["documents_without_leak"] == 0


def test_three_documents_by_hand() -> None:
    found = figures(ONE, TWO, THREE)
    assert found["exact_precision"] == pytest.approx(1 / 4)
    assert found["exact_recall"] == pytest.approx(1 / 5)
    assert found["exact_f1_micro"] == pytest.approx(2 / 9)
    assert found["full_coverage_recall"] == pytest.approx(2 / 4)  # a lone year is not to be masked
    assert found["character_precision"] == pytest.approx(15 / 19)
    assert found["character_recall"] == pytest.approx(15 / 23)
    assert found["documents_without_leak"] == pytest.approx(1 / 3)


def test_nothing_to_find_and_nothing_found_gives_no_figure() -> None:
    assert np.isnan(figures(([], []))["exact_f1_micro"])


def test_two_neighbours_that_touch_cover_a_name_together() -> None:
    assert figures((of((0, 9, "Nom")), of((0, 4, "Prenom"), (4, 9, "Nom"))))["full_coverage_recall"] == 1
    assert figures((of((0, 9, "Nom")), of((0, 4, "Prenom"), (5, 9, "Nom"))))["full_coverage_recall"] == 0


@st.composite
def annotations(draw: st.DrawFn) -> list[Span]:
    cuts = sorted(draw(st.sets(st.integers(0, 40), max_size=12)))
    return [Span(a, b, draw(st.sampled_from(LABELS))) for a, b in zip(cuts[::2], cuts[1::2], strict=False)]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(annotations(), annotations()), min_size=1, max_size=5), st.randoms())
def test_order_of_documents_does_not_matter_and_perfect_scores_one(documents, chance) -> None:
    shuffled = list(documents)
    chance.shuffle(shuffled)
    assert figures(*documents) == pytest.approx(figures(*shuffled), nan_ok=True)
    for name, value in figures(*((gold, gold) for gold, _ in documents)).items():
        assert np.isnan(value) or value == 1, name


@settings(max_examples=150, deadline=None)
@given(annotations(), st.integers(0, 5))
def test_an_added_error_never_raises_a_score(gold, place) -> None:
    wrong = Span(50 + place, 55 + place, "Nom")  # far from every true span
    before, after = figures((gold, gold)), figures((gold, [*gold, wrong]))
    missed = figures((gold, gold[1:]))
    for name, value in before.items():
        for worse in (after[name], missed[name]):
            assert np.isnan(value) or np.isnan(worse) or worse <= value, name


def test_agrees_with_seqeval_and_scikit_learn() -> None:
    from seqeval.metrics import f1_score, precision_score, recall_score

    chance = random.Random(3)
    documents, truth, found = [], [], []
    for _ in range(40):
        sides, tags = [], []
        for _ in range(2):
            row, at, side = ["O"] * 30, 0, []
            while at < 28:
                at += chance.randint(1, 6)
                end = min(at + chance.randint(1, 3), 30)
                if at < end:
                    label = chance.choice(LABELS[:3])
                    side.append(Span(at, end, label))
                    row[at:end] = [f"B-{label}"] + [f"I-{label}"] * (end - at - 1)
                at = end
            sides.append(side)
            tags.append(row)
        documents.append((sides[0], sides[1]))
        truth.append(tags[0])
        found.append(tags[1])
    ours = figures(*documents)
    assert ours["exact_f1_micro"] == pytest.approx(f1_score(truth, found), abs=1e-12)
    assert ours["exact_f1_macro"] == pytest.approx(f1_score(truth, found, average="macro"), abs=1e-12)
    assert ours["exact_precision"] == pytest.approx(precision_score(truth, found), abs=1e-12)
    assert ours["exact_recall"] == pytest.approx(recall_score(truth, found), abs=1e-12)

    from sklearn.metrics import precision_recall_fscore_support

    flat = [[tag != "O" for row in side for tag in row] for side in (truth, found)]
    precision, recall, _, _ = precision_recall_fscore_support(*flat, average="binary")
    assert (ours["character_precision"], ours["character_recall"]) == pytest.approx((precision, recall))


def ranked(*documents: tuple[list[str], list[str], list[float | None]]) -> dict[str, float]:
    rows = [ranking.count(gold, gold, found, scores) for gold, found, scores in documents]
    return {name: float(value) for name, value in ranking.figures(np.sum(rows, axis=0)).items()}


def test_codes_of_three_documents_by_hand() -> None:
    found = ranked(
        (["J189"], ["J189", "I10"], [0.9, 0.3]),
        (["I500"], ["I501", "I10", "I500"], [0.8, 0.5, 0.15]),
        (["E119"], ["K800"], [0.6]),
    )
    assert found["accuracy_exact"] == pytest.approx(1 / 3)
    assert found["accuracy_three_characters"] == pytest.approx(2 / 3)
    assert found["hits@3"] == pytest.approx(2 / 3)
    assert found["mrr"] == pytest.approx((1 + 1 / 3 + 0) / 3)
    assert found["f1_micro"] == pytest.approx(2 * 2 / (3 + 6))
    assert found["f1_micro_three_characters"] == pytest.approx(2 * 2 / (3 + 5))
    assert found["brier"] == pytest.approx((0.01 + 0.09 + 0.64 + 0.25 + 0.85**2 + 0.36) / 6)
    # each in its own bin: the error is the sum of the distances to the truth
    assert found["calibration_error"] == pytest.approx((0.1 + 0.3 + 0.8 + 0.5 + 0.85 + 0.6) / 6)


def test_brier_agrees_with_scikit_learn() -> None:
    from sklearn.metrics import brier_score_loss

    chance = random.Random(5)
    scores = [chance.random() for _ in range(200)]
    right = [chance.random() < score for score in scores]
    row = ranking.count([], [str(n) for n in range(200) if right[n]], [str(n) for n in range(200)], scores)
    assert float(ranking.figures(row)["brier"]) == pytest.approx(brier_score_loss(right, scores))


def test_rouge_l_by_hand_and_as_rouge_score() -> None:
    assert texts.rouge_l("Pneumonie franche lobaire aiguë", "pneumonie aigue") == pytest.approx(2 * 2 / 6)
    assert texts.rouge_l("Pneumonie", "") == 0
    from rouge_score.rouge_scorer import RougeScorer

    scorer, chance = RougeScorer(["rougeL"]), random.Random(1)
    for _ in range(100):
        one, other = (" ".join(chance.choices("abcdefgh", k=chance.randint(1, 30))) for _ in range(2))
        assert texts.rouge_l(one, other) == pytest.approx(scorer.score(one, other)["rougeL"].fmeasure)


def test_key_elements_by_hand() -> None:
    report = "Patient de 64 ans. Pneumonie. Amoxicilline 1 g trois fois par jour pendant 7 jours."
    row = texts.count(
        report, "Pneumonie traitée par amoxicilline 7 jours.", "Pneumonie traitée par amoxicilline 9 jours."
    )
    found = texts.figures(row)
    assert float(found["numbers_precision"]) == 0
    assert float(found["drugs_recall"]) == 1
    assert float(found["diagnoses_f1"]) == 1
    assert float(found["supported_sentences"]) == 0  # nine days are nowhere in the report


def test_bootstrap_interval_has_its_coverage() -> None:
    generator = np.random.default_rng(0)
    inside = 0
    for seed in range(60):
        rows = np.stack([generator.random(80) < 0.7, np.ones(80)], 1).astype(float)
        found = statistics.bootstrap(
            rows, lambda s: {"p": statistics.ratio(s[..., 0], s[..., 1])}, seed, 300
        )["p"]
        inside += found.low <= 0.7 <= found.high
    assert 52 <= inside <= 60


def test_bootstrap_says_nothing_of_one_document() -> None:
    found = statistics.bootstrap(np.ones((1, 2)), lambda s: {"p": statistics.ratio(s[..., 0], s[..., 1])})[
        "p"
    ]
    assert (found.value, found.low, found.high) == (1.0, None, None)


def test_paired_difference_is_zero_against_oneself_and_antisymmetric() -> None:
    generator = np.random.default_rng(2)
    one = np.stack([generator.random(50) < 0.8, np.ones(50)], 1).astype(float)
    other = np.stack([generator.random(50) < 0.5, np.ones(50)], 1).astype(float)

    def share(s):
        return {"p": statistics.ratio(s[..., 0], s[..., 1])}

    same = statistics.difference(one, one, share)["p"]
    assert (same.value, same.low, same.high) == (0, 0, 0)
    there, back = statistics.difference(one, other, share)["p"], statistics.difference(other, one, share)["p"]
    assert there.low == pytest.approx(-back.high)
    assert there.value == pytest.approx(-back.value)


def test_mcnemar_by_hand() -> None:
    ours = np.array([1, 1, 1, 1, 1, 0, 1, 0], bool)
    theirs = np.array([0, 0, 0, 0, 0, 1, 1, 0], bool)
    assert statistics.mcnemar(ours, theirs)["p"] == pytest.approx(2 * (1 + 6) / 64)
    from scipy.stats import binomtest

    assert statistics.mcnemar(ours, theirs)["p"] == pytest.approx(binomtest(1, 6).pvalue)


def test_random_effects_by_hand() -> None:
    same = statistics.random_effects(np.array([0.8, 0.8]), np.array([0.01, 0.04]))
    assert (same.value, same.tau2, same.i2) == pytest.approx((0.8, 0, 0))
    # Q = (0.2² + 0.2²) / 0.01 = 8, one degree of freedom; tau² = (8 - 1) / (200 - 20000 / 200)
    apart = statistics.random_effects(np.array([0.4, 0.8]), np.array([0.01, 0.01]))
    assert (apart.value, apart.q, apart.tau2, apart.i2) == pytest.approx((0.6, 8, 0.07, 7 / 8))


def test_effort_by_hand() -> None:
    gold = of((0, 5, "Nom"), (10, 15, "Ville"))
    before, after = effort.spans(gold, of((0, 5, "Prenom"), (20, 25, "Nom")))
    assert before == pytest.approx(2 * effort.MARK)
    assert after == pytest.approx(effort.RELABEL + effort.UNMARK + effort.MARK)
    assert effort.spans(gold, gold)[1] == 0
    # the right code is third: three labels read, one click
    before, after = effort.codes(["J189"], ["I10", "E119", "J189", "K800"])
    assert before == effort.SEARCH
    assert after == pytest.approx(15 * 60 / 238 + 1.35 + 1.3)
    before, after = effort.text("Pneumonie droite.", "Pneumonie gauche.")
    assert before == pytest.approx(1.35 + 0.28 * 17)
    assert effort.text("abc", "")[0] == effort.text("abc", "")[1]


@pytest.mark.parametrize("kind", robustness.KINDS)
def test_altered_texts_keep_their_spans(kind: str) -> None:
    text = "Élodie Dañeau-Ibert, œuvre à Nîmes ; straße. " * 20
    altered, move = robustness.perturb(text, kind, "doc")
    assert altered != text
    assert robustness.perturb(text, kind, "doc")[0] == altered
    for place in range(20):
        moved = move(Span(45 * place + 29, 45 * place + 34, "Ville"))
        quoted = altered[moved.start : moved.end].lower()
        assert len(set(quoted) & set("nîmesi")) >= 3, quoted
    if kind == "no_accents":
        assert "Elodie Daneau" in altered
