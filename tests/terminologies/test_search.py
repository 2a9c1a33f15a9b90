"""The search: what a clinician writes, and the code that must come first."""

from pathlib import Path

import pytest

from partages.terminologies import cim10, search, words
from partages.terminologies.cim10 import MCO
from partages.terminologies.search import Index, index
from partages.usecases.code.evaluation import evaluate, read

GOLDEN = Path(__file__).parents[1] / "usecases" / "code" / "golden" / "passages.tsv"


@pytest.fixture(scope="module")
def searched() -> Index:
    return index()


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("HTA", "I10"),
        ("hta", "I10"),
        ("ACFA", "I489"),
        ("FA paroxystique", "I480"),
        ("BPCO surinfectée", "J440"),
        ("cancer du sein", "C509"),
        ("métastases hépatiques", "C787"),
        ("insufisance rénale aigue", "N179"),  # two misspelt words
        ("INFARCTUS CEREBRAL", "I639"),
        ("oedème aigu du poumon", "I501"),
        ("infarctus du myocarde", "I2190"),  # default leaf: initial care
        ("fracture du col fémoral", "S7200"),  # default leaf: closed
        ("diabète de type 2", "E1198"),  # default leaf: no insulin, no complication
        ("diabète de type 2 sous insuline", "E1190"),
        ("appendicite aiguë sans péritonite", "K358"),
        ("hernie inguinale bilatérale", "K402"),
    ],
)
def test_a_mention_finds_its_code(searched: Index, written: str, code: str) -> None:
    found = [hit.code for hit in searched.search(written, 3)]
    accepted = {code, *searched.nomenclature[code].parents, searched.nomenclature.default_leaf(code)}
    assert found[0] in accepted


def test_short_words_that_are_also_abbreviations_stay_words() -> None:
    assert words.expand("il sera vu par un pédiatre") == ["il", "sera", "vu", "par", "un", "pediatre"]
    assert words.expand("FA") == ["fibrillation", "auriculaire"]


@pytest.mark.parametrize("split", ["tune", "held"])
def test_golden_passages_find_their_code(searched: Index, split: str) -> None:
    """Targets of the project; these passages are its own, and easier than a hospital's."""
    figures = evaluate(searched, [case for case in read(GOLDEN) if case.split == split])
    assert figures.hits[1] >= 0.75
    assert figures.hits[5] >= 0.90
    assert figures.hits[50] >= 0.95
    assert figures.easy >= 0.95
    assert figures.hard >= 0.9


def test_golden_codes_exist_and_may_be_used() -> None:
    nomenclature = cim10.load()
    cases = read(GOLDEN)
    assert len(cases) >= 250
    assert all(nomenclature[case.code].type is not MCO.FORBIDDEN for case in cases)
    assert len({case.passage for case in cases}) == len(cases)


def test_every_synonym_leads_to_a_usable_code() -> None:
    nomenclature = cim10.load()
    for code, term in search.synonyms():
        assert term.strip()
        assert nomenclature[nomenclature.default_leaf(code)].type is not MCO.FORBIDDEN, (code, term)


def test_scores_are_between_0_and_1_and_decrease(searched: Index) -> None:
    scores = [hit.score for hit in searched.search("pneumopathie d'inhalation", 200)]
    assert len(scores) == 200
    assert scores == sorted(scores, reverse=True)
    assert 0 <= scores[-1] <= scores[0] <= 1


def test_the_whole_nomenclature_can_be_ranked(searched: Index) -> None:
    hits = searched.search("grippe", 50_000)
    assert len({hit.code for hit in hits}) == 42_886


@pytest.mark.parametrize("written", ["", "   ", "...", "œ" * 3000, "zzz qqq", "\N{GRINNING FACE}"])
def test_anything_may_be_searched(searched: Index, written: str) -> None:
    assert len(searched.search(written, 5)) == 5


def test_a_batch_gives_what_one_by_one_gives(searched: Index) -> None:
    texts = ["HTA", "grippe", "HTA"]
    assert cim10.search_all(texts, 3) == [searched.search(text, 3) for text in texts]


def test_an_index_kept_answers_as_the_one_built(searched: Index) -> None:
    again = Index(cim10.load(), stored=searched.arrays())
    for written in ("HTA", "fracture du poignet", "AVC ischémique sylvien"):
        assert again.search(written, 20) == searched.search(written, 20)


def test_the_same_data_and_code_have_the_same_fingerprint() -> None:
    assert search.fingerprint() == search.fingerprint()
    assert len(search.fingerprint()) == 64


def test_terms_come_from_every_file_of_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "data" / "synonyms"
    folder.mkdir(parents=True)
    (tmp_path / "data" / "synonyms.tsv").write_text("# terms\nI10\tHTA; tension\n", encoding="utf-8")
    (folder / "b.tsv").write_text("J189\tpneumopathie;\n", encoding="utf-8")
    (folder / "a.tsv").write_text("I10\ttension\nI10\thypertendu\n", encoding="utf-8")
    (folder / "notes.txt").write_text("not read", encoding="utf-8")
    monkeypatch.setattr(search, "files", lambda package: tmp_path)
    assert search.synonyms() == [
        ("I10", "HTA"),
        ("I10", "tension"),
        ("I10", "hypertendu"),
        ("J189", "pneumopathie"),
    ]
