"""Language, quality, personal data, near duplicates, benchmarks, topics, mix: each on a few lines."""

from pathlib import Path

import numpy as np
import pytest

from partages.corpus import decontaminate, duplicates, mixture, topics
from partages.corpus.language import language_of
from partages.corpus.personal import mask
from partages.corpus.plan import Mix
from partages.corpus.quality import RULES, judge, judge_paragraph
from partages.corpus.words import digest, grams, numbers, split
from partages.errors import UsageError
from tests.corpus.fictions import SENTENCES, changed, document


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Le patient est adressé pour une douleur de la jambe droite qui dure depuis trois semaines.", "fr"),
        (
            "The patient was referred for pain in the right leg lasting three weeks, with no fever or weight loss.",
            "en",
        ),
        (
            "El paciente fue derivado por dolor en la pierna derecha con fiebre y sin pérdida de peso en las semanas.",
            "es",
        ),
        ("Fracture du col fémoral", "fr"),
        ("Lichen pemphigoïde : dermatose para-néoplasique ?", "fr"),
        ("Infections sexuellement transmissibles (IST)", "fr"),
        ("Amoxicilline 1 g x 3", "fr"),
    ],
)
def test_language(text: str, code: str) -> None:
    assert language_of(text) == code


@pytest.mark.parametrize(
    ("text", "kind", "rule"),
    [
        ("Suite.", "lecture", "too-short"),
        ("1,2 3,4 5,6 7,8 9,0 " * 12, "leaflet", "few-letters"),
        ("l a d o u l e u r e s t v i v e e t " * 6, "lecture", "spaced-letters"),
        ("Caf\ufffd mal d\ufffdcod\ufffd au d\ufffdbut de la page", "lecture", "broken-encoding"),
        ("ORDONNANCE DU SERVICE DE LA CARDIOLOGIE ET DES MALADIES DU CŒUR " * 4, "lecture", "capitals"),
        ("Aspirine deux fois. " * 40 + "Le reste est dit.", "leaflet", "repeated-phrase"),
        ("Amoxicilline Doliprane Kardegic Lovenox Ventoline Xarelto " * 5, "lecture", "no-sentence"),
    ],
)
def test_what_is_not_worth_learning_fails_its_rule(text: str, kind: str, rule: str) -> None:
    failed = judge(text, kind)
    assert failed is not None
    assert failed[0] == rule
    assert rule in RULES


def test_medical_prose_titles_and_doses_pass() -> None:
    assert judge(" ".join(SENTENCES), "lecture") is None
    assert judge("Tuberculose ganglionnaire médiastinale", "title") is None
    assert (
        judge(
            "Poids (kg) Volume (mL) : 5,0 kg 2 mL ; 7,5 kg 3 mL ; 10 kg 4 mL ; 15 kg 6 mL pour les veaux et les agneaux du lot",
            "leaflet",
        )
        is None
    )


def test_a_notice_without_content_is_left_out() -> None:
    assert judge_paragraph("© 2011 Société fictive. Tous droits réservés.") == "boilerplate"
    assert judge_paragraph("***** ----- *****") == "symbols-only"
    assert judge_paragraph("La dose est de 75 mg par jour.") is None


def test_a_patient_is_masked_in_a_lecture_and_medicine_stays() -> None:
    text = (
        "Cas : M. Jean Dupontel, né le 12/03/1950, joignable au 06 12 34 56 78 ou jean.dupontel@exemple.fr, "
        "a une maladie de Parkinson traitée par 100 mg. Dupontel revient à un mois."
    )
    masked, counts = mask("a", text, "lecture")
    for secret in ("Dupontel", "12/03/1950", "06 12 34 56 78", "jean.dupontel"):
        assert secret not in masked
    assert "maladie de Parkinson traitée par 100 mg" in masked
    assert "[courriel]" in masked
    assert "[téléphone]" in masked
    assert counts["Nom"] >= 2


@pytest.mark.parametrize(
    "text",
    [
        "Le signe de Babinski et la maladie de Charcot sont enseignés depuis Pierre Marie.",
        "AMM FR/V/0035548 7/1982, flacon de 100 mL, laboratoire fictif, 10 rue des Essais, 33500 Libourne.",
        "La dose de 0,5 mg/kg est répétée 3 fois, soit 01 15 30 45 min après le début.",
        "Le docteur Laennec invente le stéthoscope en 1816.",
    ],
)
def test_what_speaks_of_nobody_stays(text: str) -> None:
    assert mask("a", text, "article")[0] == text


def _words(text: str) -> np.ndarray:
    return numbers(split(text)).astype(np.uint32)


@pytest.mark.parametrize("share", [0.05, 0.1, 0.15, 0.2])
def test_scattered_changes_make_a_near_duplicate(share: float) -> None:
    found = 0
    for seed in range(20):
        first = document(seed)
        second = changed(first, share, seed)
        signatures = np.stack(
            [duplicates.signature(duplicates.shingles(numbers(split(text)))) for text in (first, second)]
        )
        paired = any(
            len(duplicates.pairs_in(duplicates.band_keys(signatures, band), np.arange(2)))
            for band in range(duplicates.BANDS)
        )
        likely = duplicates.likeness(signatures[:1], signatures[1:])[0] >= duplicates.CANDIDATE
        found += bool(paired and likely and duplicates.near(_words(first), _words(second)))
    assert found >= 19


def test_documents_of_one_template_that_differ_by_a_passage_are_both_kept() -> None:
    same, first, second = document(1, 10), document(2, 4), document(3, 4)
    assert duplicates.near(_words(f"{same} {first}"), _words(f"{same} {second}")) == 0
    assert duplicates.near(_words(same), _words(same)) == 1
    first = "amoxicilline 500 milligrammes 1 comprimé 3 fois par jour pendant 7 jours après les repas"
    assert (
        duplicates.near(
            _words(first), _words(first.replace("amoxicilline", "aciclovir").replace("500", "200"))
        )
        == 0
    )


def test_pairs_in_a_crowd_meet_a_document_that_stays() -> None:
    keys = np.full(200, 7, dtype=np.uint64)
    pairs = duplicates.pairs_in(keys, np.arange(200))
    assert set(pairs[:, 1]) == set(range(1, 200))
    assert (pairs[:, 0] < pairs[:, 1]).all()
    assert len(duplicates.pairs_in(np.zeros(10, dtype=np.uint64), np.arange(10))) == 0


def test_a_question_is_found_whatever_its_case_and_accents() -> None:
    question = (
        "Parmi les propositions suivantes concernant la digoxine, laquelle est exacte chez le sujet âgé ?"
    )
    index = decontaminate.build([("fictif", words) for words in decontaminate.question_words(question)])
    text = "Rappel. PARMI LES PROPOSITIONS SUIVANTES, CONCERNANT LA DIGOXINE : laquelle est exacte chez le sujet age ? Suite."
    found = index.find(numbers(split(text)))
    assert [index.benchmark(one) for one, _ in found] == ["fictif"]
    assert index.find(numbers(split(SENTENCES[0] + SENTENCES[1]))) == []
    joined = decontaminate.join([index, decontaminate.build([("autre", split(SENTENCES[3]))])])
    assert [joined.benchmark(one) for one, _ in joined.find(numbers(split(SENTENCES[3])))] == ["autre"]
    assert len(joined.find(numbers(split(text)))) == 1


def test_the_index_that_ships_knows_questions_and_no_prose() -> None:
    index = decontaminate.shipped()
    assert len(index.totals) > 2000
    assert index.find(numbers(split(" ".join(SENTENCES)))) == []


@pytest.mark.shared
def test_the_index_that_ships_knows_the_benchmark(shared) -> None:  # type: ignore[no-untyped-def]
    import json

    index = decontaminate.shipped()
    rows = json.loads((shared / "frenchmedmcqa" / "dev.json").read_text(encoding="utf-8"))
    for join in (" {1} ", "\n{0}. {1}", " - {1}"):
        texts = [
            row["question"] + "".join(join.format(*pair) for pair in row["answers"].items()) for row in rows
        ]
        found = [bool(index.find(numbers(split(text)))) for text in texts]
        assert np.mean(found) >= 0.98


def test_topics_of_plain_subjects() -> None:
    surgery = "L'intervention chirurgicale a été réalisée sous laparoscopie ; la résection du côlon puis l'anastomose ont duré deux heures, sans complication opératoire chez ces patients opérés."
    psychology = "La dépression et l'anxiété des adolescents sont évaluées par une échelle psychologique ; la psychothérapie améliore les symptômes des patients en psychiatrie et leur souffrance."
    assert "surgery" in topics.shipped().topics(numbers(split(surgery)))
    assert "psychology" in topics.shipped().topics(numbers(split(psychology)))
    assert topics.shipped().topics(numbers(split("Fracture du bras"))) == []


def test_numbers_of_words_do_not_depend_on_case_accents_or_order_of_reading() -> None:
    assert numbers(split("Élevé, ÉLEVÉ eleve")).tolist() == [numbers(["eleve"])[0]] * 3
    assert digest(numbers(split("Un  Texte."))) == digest(numbers(split("un texte")))
    assert digest(numbers(split("un texte"))) != digest(numbers(split("texte un")))
    assert len(grams(numbers(["a", "b"]), 3)) == 0
    # fixed for good: the index and the topics that ship were made with these
    assert int(numbers(["aspirine"])[0]) == 2422671985407189541


def test_mix_rates_by_hand() -> None:
    totals = {
        ("cours", "lecture", "train"): {"documents": 100, "words": 1000, "tokens": 2000},
        ("presse", "article", "train"): {"documents": 100, "words": 1000, "tokens": 2000},
        ("presse", "article", "test"): {"documents": 1, "words": 10, "tokens": 20},
    }
    assert mixture.rates(Mix(), totals)["cours", "lecture", "train"] == 1
    weighed = mixture.rates(Mix(sources={"cours": 2.0}, kinds={"article": 0.5}), totals)
    assert weighed["cours", "lecture", "train"] == 2
    assert weighed["presse", "article", "train"] == 0.5
    assert weighed["presse", "article", "test"] == 1
    shared_out = mixture.rates(Mix(general=("presse",), general_share=0.2), totals)
    assert shared_out["presse", "article", "train"] == pytest.approx(0.25)  # 250 words of 1250
    assert mixture.rates(Mix(tokens=1000), totals)["cours", "lecture", "train"] == pytest.approx(0.25)
    drawn = [mixture.copies(f"d{at}", 1.3) for at in range(2000)]
    assert set(drawn) == {1, 2}
    assert np.mean(drawn) == pytest.approx(1.3, abs=0.03)


def test_a_short_benchmark_text_is_known_as_a_document_of_its_own_only() -> None:
    title = "Tuberculose fictive du genou gauche"
    index = decontaminate.build([("titres", split(title)), ("titres", split("Du genou"))])
    assert index.is_text(numbers(split("TUBERCULOSE FICTIVE DU GENOU GAUCHE ."))) == "titres"
    assert index.is_text(numbers(split(f"{title} opérée"))) is None
    assert index.is_text(numbers(split("du genou"))) is None
    assert index.find(numbers(split(f"{SENTENCES[0]} {title}. {SENTENCES[1]}"))) == []


def test_an_index_is_the_same_after_it_was_written_joined_and_freed_of_a_benchmark(tmp_path: Path) -> None:
    texts = [("un", split(SENTENCES[0])), ("deux", split(SENTENCES[1])), ("deux", split("Fracture du bras"))]
    about = {"tasks": ["t"], "asks": False, "parts": {"validation": 1}, "missing": ["test"]}
    first = decontaminate.build(texts, {"deux": about})
    decontaminate.save(first, tmp_path / "a.npz")
    read = decontaminate.load(tmp_path / "a.npz")
    for one in (read, decontaminate.join([first, read])):  # what both have is there once
        assert (one.sequences == first.sequences).all()
        assert (one.whole == first.whole).all()
        assert one.coverage["deux"]["missing"] == ["test"]
        assert one.benchmarks == ("un", "deux")
        assert not one.asks("deux")
        assert one.asks("un")
    whole = decontaminate.build(
        [("deux", split(SENTENCES[2]))], {"deux": {**about, "parts": {"test": 1}, "missing": []}}
    )
    joined = decontaminate.join([read, whole])
    assert joined.coverage["deux"] == {**about, "parts": {"validation": 1, "test": 1}, "missing": []}
    left = joined.without(["deux"])
    assert left.find(numbers(split(SENTENCES[1]))) == []
    assert left.is_text(numbers(split("Fracture du bras"))) is None
    assert [left.benchmark(one) for one, _ in left.find(numbers(split(SENTENCES[0])))] == ["un"]
    with pytest.raises(
        UsageError, match="« trois » n'est pas un banc d'essai de l'index ; ce sont : deux, un"
    ):
        joined.without(["trois"])
    (tmp_path / "b.npz").write_bytes(b"PK\x03\x04 pas un index")
    with pytest.raises(UsageError, match="n'est pas un index"):
        decontaminate.load(tmp_path / "b.npz")


def test_the_index_that_ships_names_every_task_of_the_evaluation() -> None:
    pytest.importorskip("lm_eval")
    from partages.corpus.benchmarks import tasks

    coverage = decontaminate.shipped().coverage
    assert {name: one["tasks"] for name, one in coverage.items()} == tasks()
    assert all(one["parts"] or one["missing"] for one in coverage.values())


@pytest.mark.shared
def test_the_index_that_ships_knows_what_the_evaluation_reads_here(shared) -> None:  # type: ignore[no-untyped-def]
    pytest.importorskip("lm_eval")
    from partages.evaluation.local_rows import splits_for

    index = decontaminate.shipped()
    for task, part in (("morfitt", "validation"), ("quaero_perplexity", "test"), ("pxcorpus_perplexity", "test"), ("mantra_medline", "test"), ("frasimed_diseases", "test")):  # fmt: skip
        texts = [numbers(split(row.get("abstract") or row["text"])) for row in splits_for(task, shared)[part]]  # type: ignore[index]
        known = [index.is_text(text) or index.find(text) for text in texts if len(text) > 2]
        assert all(known), task
    learnt = [numbers(split(row["abstract"])) for row in splits_for("morfitt", shared)["train"]]  # type: ignore[index]
    assert np.mean([bool(index.find(text)) for text in learnt]) < 0.01


def test_the_same_paragraphs_in_another_order_are_a_near_duplicate() -> None:
    paragraphs = [" ".join(SENTENCES[at : at + 4]) for at in range(0, 16, 4)]
    first = " ".join(paragraphs)
    words = [numbers(split(text)).astype(np.uint32) for text in (first, " ".join(reversed(paragraphs)))]
    assert len(words[0]) > 100
    assert duplicates.near(*words) >= duplicates.MOVED
    other = " ".join([*reversed(paragraphs[:2]), document(77)])  # half of it is its own
    assert duplicates.near(words[0], numbers(split(other)).astype(np.uint32)) == 0


def test_a_record_pasted_into_a_lecture_is_read_whole_and_authors_stay() -> None:
    record = "Nom : FAUVELIN Jeanne\nvue le 03/04/2021 par le Dr Maretheux à l'hôpital de Trifouillac\nTél : 06 11 22 33 44"
    masked, counted = mask("a", f"{SENTENCES[0]}\n{record}\n{SENTENCES[1]}", "lecture")
    assert not any(one in masked for one in ("FAUVELIN", "Maretheux", "03/04/2021", "06 11 22 33 44"))
    assert SENTENCES[0] in masked
    assert SENTENCES[1] in masked
    assert counted["Nom"] >= 2
    for kept in (
        "Cours du Dr Maretheux, hôpital de Trifouillac.",
        "La triade décrite par le Dr Maretheux est rare.",
    ):
        assert mask("a", kept, "lecture")[0] == kept
    seen = "La patiente est adressée par le Dr Maretheux pour une toux."
    assert "Maretheux" not in mask("a", seen, "lecture")[0]
