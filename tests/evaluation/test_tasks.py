"""The lm-eval task set: every task renders and scores rows of its published schema; answers by hand."""

import json
import math
import random
from pathlib import Path

import pytest

pytest.importorskip("lm_eval")

from partages.errors import UsageError
from partages.evaluation import language_models as measure
from partages.evaluation.likelihoods import Server
from partages.evaluation.tasks import utils
from tests.evaluation.published_rows import ROWS

ONE = [{"id": "1", "question": "?", **{f"answer_{x}": x for x in "abcde"}, "correct_answers": ["b"]}]


def rows_for(name: str) -> list[dict]:
    return ROWS[name.removesuffix("_greedy")]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for name in measure.task_names():
        if name.endswith("_greedy"):
            continue  # the same questions as the task of that name
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows_for(name))
        (tmp_path / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    return tmp_path


class Oracle(Server):
    """Answers what it was told, and finds a given continuation most likely; nothing listens."""

    def __init__(self, written: str = "", preferred: str = "") -> None:
        super().__init__("http://127.0.0.1:9/v1", "oracle", api_key="", timeout=1, is_base=True)
        self.written, self.preferred, self.prompts = written, preferred, []

    def write(self, prompt, most, stops):
        self.prompts.append(prompt)
        return self.written

    def likelihoods(self, prompt, answers):
        self.prompts.append(prompt)
        return [(-0.1, True) if answer == self.preferred else (-5.0, False) for answer in answers]

    def whole(self, text):
        return -math.log(2) * 2 * len(text.encode())


def run(server: Server, name: str, data: Path, **options) -> dict:
    result = measure.evaluate_tasks(
        measure.Subject(server, "m", "test"), [name], data=data, count=100, energy=False, **options
    )
    server.close()
    return result


@pytest.mark.parametrize("name", measure.task_names())
def test_every_task_says_what_it_is_and_renders_published_rows(name: str, data: Path) -> None:
    config, digest = measure.read_task(name)
    assert len(digest) == 64
    for key in ("origin", "licence", "split", "contamination", "version"):
        assert config["metadata"][key], key
    assert "partages_fr" in config["tag"]
    task = measure.load_task(name, data)
    first = task.eval_docs[0]
    prompt = task.doc_to_text(first)
    assert "{{" not in prompt
    assert "None" not in prompt
    if config["output_type"] != "loglikelihood_rolling":
        assert prompt.rstrip()[-1] == ":"
    target = task.doc_to_target(first)
    choices = task.doc_to_choice(first) if config.get("doc_to_choice") else None
    if choices:
        assert all(0 <= place < len(choices) for place in (target if isinstance(target, list) else [target]))
    else:
        assert target


def prompts_of(name: str, data: Path) -> str:
    task = measure.load_task(name, data)
    return task.doc_to_text(task.eval_docs[0])


def test_lm_eval_finds_the_folder_by_itself() -> None:
    from lm_eval.tasks import TaskManager

    folder = Path(str(measure.files("partages.evaluation.tasks")))
    found = TaskManager(include_path=str(folder), include_defaults=False)
    assert set(measure.task_names()) <= set(found.all_subtasks)
    assert {"partages_fr", "partages_fr_questions", "partages_fr_entities"} <= set(found.all_tags)
    assert "import partages" not in (folder / "utils.py").read_text(encoding="utf-8")
    assert "from partages" not in (folder / "utils.py").read_text(encoding="utf-8")


def test_a_task_of_ours_included_in_a_yaml_of_someone_else_loads_under_plain_lm_eval(tmp_path: Path) -> None:
    from lm_eval.tasks import TaskManager

    folder = Path(str(measure.files("partages.evaluation.tasks")))
    (tmp_path / "rows.json").write_text(json.dumps([{**ONE[0], "correct_answers": ["d"]}]))
    (tmp_path / "mine.yaml").write_text(
        f"include: {folder}/frenchmedmcqa_single.yaml\ntask: mine\ndataset_path: json\ndataset_kwargs:\n"
        f"  data_files: {{train: {tmp_path}/rows.json, validation: {tmp_path}/rows.json, test: {tmp_path}/rows.json}}\n"
        f"  cache_dir: {tmp_path}/cache\n"
    )
    task = TaskManager(include_path=str(tmp_path), include_defaults=False).load(["mine"])["tasks"]["mine"]
    first = task.eval_docs[0]
    assert task.doc_to_text(first).endswith("E. e\nRéponse :")
    assert task.doc_to_choice(first)[task.doc_to_target(first)] == "D"


def test_the_prompt_of_a_row_is_that_of_lm_eval(data: Path) -> None:
    row = ROWS["frenchmedmcqa_multiple"][1]
    config, _ = measure.read_task("frenchmedmcqa_multiple")
    task = measure.load_task("frenchmedmcqa_multiple", data)
    assert measure.prompt_of(config, row) == task.doc_to_text(task.eval_docs[1])
    assert utils.letters(row) == task.doc_to_target(task.eval_docs[1]) == "A, C"


def test_prompts_are_as_a_reader_expects(data: Path) -> None:
    assert prompts_of("mediqal_mcqu", data) == (
        "Question de médecine, une seule réponse est juste.\nPatiente de 40 ans, dyspnée fébrile.\n"
        "Question 1 : laquelle est juste ?\nA. réponse a\nB. réponse b\nC. réponse c\nD. réponse d\nE. réponse e\nRéponse :"
    )
    assert "D. os 3\nRéponse :" in prompts_of("mmlu_pro_x_health_fr", data)
    assert "2. Le cœur est en marche.\n3. Non.\nRéponse :" in prompts_of("deft2020_parallel", data)


@pytest.mark.parametrize("name", measure.task_names())
def test_every_task_scores_a_right_answer_one_and_a_wrong_one_less(name: str, data: Path) -> None:
    task = measure.load_task(name, data)
    config, _ = measure.read_task(name)
    if config["output_type"] == "loglikelihood_rolling":
        found = run(Oracle(), name, data)["tasks"][name]["figures"]
        assert found["bits_per_byte"]["value"] == pytest.approx(2)
        assert found["byte_perplexity"]["value"] == pytest.approx(4)
        return
    first = task.eval_docs[0]
    target = task.doc_to_target(first)
    main = config["metric_list"][0]["metric"]
    if config["output_type"] == "multiple_choice":
        choices = task.doc_to_choice(first)
        place = target[0] if isinstance(target, list) else target
        server = Oracle(preferred=f" {choices[place]}")
        wrong = Oracle(preferred=f" {choices[place - 1]}")
    else:
        server, wrong = Oracle(written=f" {target}"), Oracle(written="Je ne peux pas répondre.")
    right = run(server, name, data, limit=1)["tasks"][name]["figures"]
    assert right[main]["value"] == pytest.approx(1)
    found = run(wrong, name, data, limit=1)["tasks"][name]["figures"]
    assert found[main]["value"] < 1
    if "refusal" in found:
        assert found["refusal"]["value"] == 1
        assert found["invalid"]["value"] == right["refusal"]["value"] == right["invalid"]["value"] == 0


@pytest.mark.parametrize(
    ("answer", "read"),
    [
        (" B", "B"), ("A, C et E.", "ACE"), ("ABD", "ABD"), ("(c)", "C"), ("A. Glycolyse", "A"), ("b;d", "BD"),
        ("Je ne peux pas répondre.", None), ("", None), ("Aucune", None), ("D E", "DE"), ("Effectivement", None),
        ("\nB\n", "B"), ("H", None), (" E\nA\nB\nC\n", "E"),
    ],
)  # fmt: skip
def test_answers_are_read_as_a_reader_would(answer: str, read: str | None) -> None:
    assert utils.parse(answer) == (frozenset(read) if read else None)


@pytest.mark.parametrize(
    ("answer", "refused"),
    [
        ("", True), ("Je ne peux pas répondre à cette question.", True), ("Désolé, consultez un médecin.", True),
        ("Je ne sais pas", True), ("La réponse dépend du contexte.", False), ("Aucune de ces réponses", False),
    ],
)  # fmt: skip
def test_refusals_are_told_from_answers_off_the_form(answer: str, refused: bool) -> None:
    found = utils.letters_match({"right": ["A"], "letters": list("ABCDE")}, [answer])
    assert (found["refusal"], found["invalid"]) == (float(refused), float(not refused))


def test_scores_of_answers_by_hand() -> None:
    asked = {"right": ["A", "C"], "letters": list("ABCDE")}
    assert utils.letters_match(asked, ["A, B"])["hamming"] == pytest.approx(1 / 3)
    topics = {"labels": ["génétique", "œil"], "topics": ["génétique"]}
    assert utils.topics_match(topics, ["Genetique, oeil, autre"])["f1_micro"] == (1, 2, 1)
    # 3 instead of 4.5: 1 - 1.5 / 4.5
    assert utils.similarity_match({"similarity": 4.5}, [" 3 sur 5"])["edrm"] == pytest.approx(2 / 3)
    assert utils.similarity_match({"similarity": 4.5}, ["beaucoup"])["edrm"] == 0
    mentions = {
        "entities": [
            {"label": "DISO", "text": "toux"},
            {"label": "DISO", "text": "toux"},
            {"label": "CHEM", "text": "Eau"},
        ]
    }
    assert utils.entities_match(mentions, ["DISO : Toux\n- CHEM : eau.\nCHEM : sel"])["f1_micro"] == (2, 3, 3)
    assert utils.entities_match({"entities": []}, ["Aucune."])["exact_match"] == 1
    written = utils.written_match({"answer": "Le pneumocoque est fréquent"}, ["le germe pneumocoque"])
    assert written["rouge_l"] == pytest.approx(2 * 2 / 7)
    assert written["f1_words"] == pytest.approx(2 * 2 / 7)


def test_aggregations_agree_with_scikit_learn_and_scipy() -> None:
    from scipy.stats import spearmanr
    from sklearn.metrics import f1_score

    chance = random.Random(0)
    pairs = [(chance.randint(0, 3), chance.randint(0, 3)) for _ in range(80)]
    truth, found = zip(*pairs, strict=True)
    assert utils.f1_macro(pairs) == pytest.approx(f1_score(truth, found, average="macro"))
    assert utils.spearman(pairs) == pytest.approx(spearmanr(truth, found).statistic)
    assert math.isnan(utils.spearman([(1, 2), (1, 3)]))
    assert utils.f1_micro([(1, 2, 2), (0, 1, 0), (1, 1, 3)]) == pytest.approx(2 * 2 / (4 + 5))
    assert math.isnan(utils.f1_micro([(0, 0, 0)]))


def test_labels_published_as_numbers_are_read_by_their_names() -> None:
    from datasets import ClassLabel, Dataset, Features, Sequence, Value

    kind = ClassLabel(names=["O", "B-DISO", "I-DISO"])
    rows = {"id": ["1"], "tokens": [["toux", "sèche", "hier"]], "ner_tags": [[1, 2, 0]]}
    dataset = Dataset.from_dict(
        rows,
        Features({"id": Value("string"), "tokens": Sequence(Value("string")), "ner_tags": Sequence(kind)}),
    )
    assert utils.tagged(dataset)[0]["entities"] == [{"label": "DISO", "text": "toux sèche"}]
    letters = ClassLabel(names=list("abcde"))
    row = {**{key: [value] for key, value in ONE[0].items()}, "correct_answers": [[0, 2]]}
    features = {key: Value("string") for key in row}
    dataset = Dataset.from_dict(row, Features({**features, "correct_answers": Sequence(letters)}))
    assert utils.questions(dataset)[0]["right"] == ["A", "C"]


def test_examples_come_before_the_question(data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "deux" / "frenchmedmcqa"
    folder.mkdir(parents=True)
    for split, letter in (("train", "d"), ("test", "b")):
        row = {**ONE[0], "question": f"Question de {split}", "correct_answers": [letter]}
        (folder / f"{split}.json").write_text(json.dumps([row]))
    server = Oracle(preferred=" B")
    result = run(server, "frenchmedmcqa_single", tmp_path / "deux", shots=1)
    assert result["tasks"]["frenchmedmcqa_single"]["figures"]["acc"]["value"] == 1
    before, after = server.prompts[0].split("\n\n")
    assert "Question de train" in before
    assert before.endswith("Réponse : D")
    assert "Question de test" in after
    with pytest.raises(UsageError, match="pas d'exemples"):
        measure.load_task("frenchmedmcqa_single", data, shots=2)


def test_stored_answers_score_again_to_six_decimals(data: Path) -> None:
    answers = iter(["B", "A, C", "je ne sais pas"])

    class Several(Oracle):
        def write(self, prompt, most, stops):
            return next(answers)

    lines = [
        {**ONE[0], "question": f"Q{n}", "correct_answers": right}
        for n, right in enumerate((["b"], ["a"], ["c", "e"]))
    ]
    (data / "frenchmedmcqa_multiple.jsonl").write_text("".join(json.dumps(row) + "\n" for row in lines))
    result = json.loads(json.dumps(run(Several(), "frenchmedmcqa_multiple", data)))
    stored = result["answers"]["frenchmedmcqa_multiple"]
    exact = hamming = 0.0
    for answer in stored:  # nothing of ours is used here
        right = set(answer["target"].split(", "))
        given = (
            {letter for letter in answer["given"] if letter in "ABCDE"}
            if answer["given"][0] in "ABCDE"
            else set()
        )
        exact += given == right
        hamming += len(given & right) / len(given | right)
    figures = result["tasks"]["frenchmedmcqa_multiple"]["figures"]
    assert figures["exact_match"]["value"] == pytest.approx(exact / 3, abs=1e-6)
    assert figures["hamming"]["value"] == pytest.approx(hamming / 3, abs=1e-6)
    assert figures["refusal"]["value"] == pytest.approx(1 / 3, abs=1e-6)


def test_figures_and_their_intervals_are_those_of_the_items() -> None:
    items = [(1, 2, 2), (0, 1, 0), (1, 1, 3), (2, 2, 2)]
    found = measure.estimate(items, utils.f1_micro, 0, 300)
    assert found.value == pytest.approx(utils.f1_micro(items))
    assert found.low < found.value < found.high
    pairs = [(n, (n * 7) % 10) for n in range(10)]
    found = measure.estimate(pairs, utils.spearman, 0, 200)
    assert found.value == pytest.approx(utils.spearman(pairs))
    assert -1 <= found.low < found.value < found.high <= 1


def test_a_run_that_was_killed_asks_nothing_twice(data: Path, tmp_path: Path) -> None:
    names = ["frenchmedmcqa_multiple", "frenchmedmcqa_single", "pxcorpus_perplexity"]

    def measured(server: Oracle) -> dict:
        subject = measure.Subject(server, "m", "test", sha256="x")
        return measure.evaluate_tasks(
            subject, names, data=data, count=100, energy=False, journal=tmp_path / "j.jsonl"
        )

    class Dying(Oracle):
        def likelihoods(self, prompt, answers):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measured(Dying(written="B"))
    kept = (tmp_path / "j.jsonl").read_text(encoding="utf-8")
    assert len(kept.splitlines()) == 2  # the two questions answered in writing
    (tmp_path / "j.jsonl").write_text(kept + '{"key": "cou', encoding="utf-8")
    second = Oracle(written="C", preferred=" B")
    whole = measured(second)
    assert len(second.prompts) == 2  # those of the other task only
    assert whole["tasks"]["frenchmedmcqa_multiple"]["figures"]["exact_match"]["value"] == 0.5
    third = Oracle()
    assert measured(third)["tasks"] == whole["tasks"]
    assert third.prompts == []


def test_two_models_compare_on_the_same_questions_only(data: Path) -> None:
    name = "frenchmedmcqa_single"
    rows = [{**ONE[0], "question": f"Q{n}", "correct_answers": "b" if n % 2 else "c"} for n in range(12)]
    (data / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    one, other = run(Oracle(preferred=" B"), name, data), run(Oracle(preferred=" A"), name, data)
    found = measure.compare_models(one, other)["tasks"][name]
    assert found["differences"]["acc"]["value"] == 0.5
    assert found["mcnemar"] == {"only_first": 6, "only_second": 0, "p": pytest.approx(2 / 2**6)}
    shorter = run(Oracle(preferred=" A"), name, data, limit=5)
    with pytest.raises(UsageError, match="les mêmes questions"):
        measure.compare_models(one, shorter)


def test_rows_that_are_nowhere_or_of_another_schema_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"mediqal_oeq\.jsonl"):
        measure.load_task("mediqal_oeq", tmp_path)
    (tmp_path / "mediqal_oeq.jsonl").write_text('{"a": 1}\n')
    with pytest.raises(UsageError, match="n'ont pas les champs"):
        measure.load_task("mediqal_oeq", tmp_path)
    (tmp_path / "mediqal_oeq.jsonl").write_text("[]\n")
    with pytest.raises(UsageError, match="ne contient pas de lignes"):
        measure.load_task("mediqal_oeq", tmp_path)
    with pytest.raises(UsageError, match="Aucune tâche « nimporte »"):
        measure.matching(["nimporte"])
    assert measure.matching(["mediqal_mcq*"]) == ["mediqal_mcqm", "mediqal_mcqu", "mediqal_mcqu_greedy"]
