"""Overlapping spans, texts that differ, gold without annotation."""

import pytest

from partages.documents import Span
from partages.errors import UsageError
from partages.evaluation import effort
from partages.evaluation.gold import Case
from partages.evaluation.kinds import Spans, kind_named
from partages.evaluation.scoring import score
from partages.evaluation.spans import matched

TEXT = "Mme Durand vue avec M. Martin à Brest."
NAMES = [
    {"start": 4, "end": 10, "label": "Nom"},
    {"start": 23, "end": 29, "label": "Nom"},
    {"start": 32, "end": 37, "label": "Ville"},
]


def test_nested_spans_are_refused_unless_asked_for() -> None:
    inside = [{"start": 0, "end": 10, "label": "A"}, {"start": 4, "end": 10, "label": "A"}]
    case = Case("a", TEXT, {"spans": inside})
    with pytest.raises(UsageError, match="--nested"):
        score(kind_named("spans", ["A"]), [(case, {"spans": inside[1:]})])
    kind = Spans(["A"], nested=True)
    found = kind.figures(score(kind, [(case, {"spans": inside[1:] * 2})]).matrix().sum(0))
    assert (found["exact_precision"], found["exact_recall"]) == (1, 0.5)
    assert found["character_recall"] == pytest.approx(6 / 10)


def test_most_pairs_of_nested_spans() -> None:
    long, short, far = Span(0, 20, "A"), Span(0, 5, "A"), Span(12, 15, "A")
    assert matched([short, long], [Span(1, 4, "A"), far]) == 2
    assert matched([short, long], [Span(1, 4, "A")]) == 1
    assert effort.spans([short, long], [short]) == (2 * effort.MARK, effort.MARK)


def test_one_character_inside_a_span_is_another_text() -> None:
    case, kind = Case("a", TEXT, {"spans": NAMES}), kind_named("pseudonymise")
    with pytest.raises(UsageError, match="caractère 5 "):
        score(kind, [(case, {"spans": NAMES, "text": TEXT.replace("Durand", "Dyrand")})])
    score(kind, [(case, {"spans": NAMES, "text": "Mme Leroy vue avec M. Petit à Nantes."})])
    code = Case("a", TEXT, {"codes": ["I10"]})
    with pytest.raises(UsageError, match="caractère 0 "):
        score(kind_named("code"), [(code, {"codes": ["I10"], "text": "m" + TEXT[1:]})])


def test_a_gold_without_annotation_is_refused() -> None:
    with pytest.raises(UsageError, match="aucune annotation"):
        score(kind_named("pseudonymise"), [(Case("a", TEXT, {"spans": []}), {"spans": NAMES})])
