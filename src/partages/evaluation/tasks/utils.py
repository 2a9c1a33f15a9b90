"""Functions that the YAML tasks name. They need lm-eval and nothing of ``partages``: the folder can be taken alone.

Rows in: those of each public data set, whose labels may be numbers (``ClassLabel``) or names. Rows out:
fields that the prompts of a family share, so that a prompt is read in its own YAML file.
"""

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

LETTERS = "ABCDEFGHIJ"
_RUN = re.compile(r"[A-J]{2,10}\b|[A-Ja-j](?:\s*(?:,|;|/|\+|-|et|\s)\s*[A-Ja-j])*(?![^\W\d_])")
_REFUSAL = re.compile(
    r"\b(?:je ne (?:peux|puis|suis|saurais|sais)|desole|impossible de repondre|en tant qu|consultez|"
    r"i can ?not|i can't|i'm sorry|as an ai)",
    re.IGNORECASE,
)


# ---- data sets, one function each: from published rows to the fields of the prompts


def _names(dataset: Any, column: str) -> list[str] | None:
    """Names of a column of ``ClassLabel``, alone or in lists; None for plain values."""
    feature = dataset.features.get(column)
    feature = getattr(feature, "feature", feature)
    return getattr(feature, "names", None)


def _named(value: Any, names: list[str] | None) -> str:
    return names[value] if names and isinstance(value, int) else str(value)


def _rows(dataset: Any, make: Callable[[Any], dict[str, Any]]) -> Any:
    return dataset.map(make, remove_columns=dataset.column_names)


def _right(given: Any, names: list[str] | None) -> list[int]:
    """Places of right answers, from letters (``"a,c"``, ``["a", "c"]``) or numbers."""
    items = (
        re.findall(r"[A-Ja-j]", given)
        if isinstance(given, str)
        else [given]
        if isinstance(given, int)
        else given
    )
    named = [_named(item, names) for item in items]
    return sorted({int(item) if item.isdigit() else LETTERS.index(item.upper()) for item in named})


def _question(text: str, case: Any, options: Sequence[Any], right: Sequence[int]) -> dict[str, Any]:
    """One question. An option that is None is not one; the others keep their letter."""
    offered = [str(option) for option in options if option is not None]
    stated = f"{str(case).strip()}\n{text.strip()}" if case and str(case).strip() else text.strip()
    return {
        "question": stated,
        "choices": offered,
        "letters": list(LETTERS[: len(offered)]),
        "answer": right[0],
        "right": [LETTERS[place] for place in right],
    }


def question(row: Any, names: list[str] | None = None) -> dict[str, Any]:
    """One published row of FrenchMedMCQA or MediQAl to the fields of the prompts."""
    given = row.get("answers") or {letter: row[f"answer_{letter}"] for letter in "abcde"}
    options = [given[letter] for letter in "abcde"]
    return _question(
        row["question"], row.get("clinical_case"), options, _right(row["correct_answers"], names)
    )


def questions(dataset: Any) -> Any:
    """FrenchMedMCQA and MediQAl: five answers, one or several right ones."""
    names = _names(dataset, "correct_answers")
    return _rows(dataset, lambda row: question(row, names))


def single_questions(dataset: Any) -> Any:
    """Those with one right answer."""
    return questions(dataset).filter(lambda row: len(row["right"]) == 1)


def mmlu_pro_x_health(dataset: Any) -> Any:
    """MMLU-ProX, category health: up to ten options."""
    kept = dataset.filter(lambda row: row["category"] == "health")
    return _rows(
        kept,
        lambda row: _question(
            row["question"], None, [row[f"option_{n}"] for n in range(10)], _right(row["answer"], None)
        ),
    )


MEDICAL_SUBJECTS = frozenset(
    "anatomy clinical_knowledge college_biology college_medicine medical_genetics nutrition professional_medicine "
    "virology".split()
)


def global_mmlu_medical(dataset: Any) -> Any:
    """Global-MMLU, subjects of medicine."""
    kept = dataset.filter(lambda row: row["subject"] in MEDICAL_SUBJECTS)
    return _rows(
        kept,
        lambda row: _question(
            row["question"], None, [row[f"option_{x}"] for x in "abcd"], _right(row["answer"], None)
        ),
    )


def open_questions(dataset: Any) -> Any:
    """MediQAl, questions whose answer is written."""

    def make(row: Any) -> dict[str, Any]:
        found = _question(row["question"], row.get("clinical_case"), [], [0])
        return {"question": found["question"], "answer": row["answer"].strip()}

    return _rows(dataset, make)


SPECIALITIES = {
    "microbiology": "microbiologie", "etiology": "étiologie", "virology": "virologie", "physiology": "physiologie",
    "immunology": "immunologie", "parasitology": "parasitologie", "genetics": "génétique", "chemistry": "chimie",
    "veterinary": "vétérinaire", "surgery": "chirurgie", "pharmacology": "pharmacologie", "psychology": "psychologie",
}  # fmt: skip
"""MORFITT: published names, and what the prompt and the answers say."""
PROFILES = {
    "immunitaire": "immunitaire", "endocriniennes": "endocrinien", "blessures": "blessures", "chimiques": "chimique",
    "etatsosy": "signes et symptômes", "nutritionnelles": "nutritionnel", "infections": "infections",
    "virales": "viral", "parasitaires": "parasitaire", "tumeur": "tumeur", "osteomusculaires": "ostéomusculaire",
    "stomatognathique": "stomatognathique", "digestif": "digestif", "respiratoire": "respiratoire", "ORL": "ORL",
    "nerveux": "nerveux", "oeil": "œil", "homme": "homme", "femme": "femme", "cardiovasculaires": "cardiovasculaire",
    "hemopathies": "hémopathies", "genetique": "génétique", "peau": "peau",
}  # fmt: skip
"""DEFT 2021, task 1: axes of the clinical profile."""
INTENTS = {
    "medical_prescription": "prescription", "negate": "annulation", "none": "aucune", "replace": "remplacement",
}  # fmt: skip
"""PxCorpus: what the prescriber wants."""
CHAPTERS = (
    "A00-B99 maladies infectieuses", "C00-D49 tumeurs", "D50-D89 sang et immunité", "E00-E89 endocrine et nutrition",
    "F01-F99 troubles mentaux", "G00-G99 système nerveux", "H00-H59 œil", "H60-H95 oreille", "I00-I99 appareil circulatoire",
    "J00-J99 appareil respiratoire", "K00-K95 appareil digestif", "L00-L99 peau", "M00-M99 système ostéoarticulaire",
    "N00-N99 appareil génito-urinaire", "O00-O9A grossesse", "P00-P96 période périnatale", "Q00-Q99 malformations",
    "R00-R99 symptômes et signes", "S00-T88 lésions traumatiques et empoisonnements", "U00-U85 usages particuliers",
    "V00-Y99 causes externes", "Z00-Z99 facteurs et recours aux soins",
)  # fmt: skip
"""DiaMED: chapters of ICD-10-CM, as the data set cuts them."""


def _topics(dataset: Any, text: str, column: str, french: Mapping[str, str]) -> Any:
    names, labels = _names(dataset, column), list(french.values())

    def make(row: Any) -> dict[str, Any]:
        given = row[column].split("|") if isinstance(row[column], str) else row[column]
        topics = [french[_named(item, names)] for item in given]
        return {
            "text": row[text].strip(),
            "labels": labels,
            "topics": topics,
            "answer": [labels.index(topic) for topic in topics],
        }

    return _rows(dataset, make)


def morfitt(dataset: Any) -> Any:
    """MORFITT: abstracts and their specialities."""
    return _topics(dataset, "abstract", "specialities", SPECIALITIES)


def deft2021(dataset: Any) -> Any:
    """DEFT 2021, task 1: clinical cases and the axes of their profile."""
    return _topics(dataset, "text", "specialities", PROFILES)


def _one_label(
    dataset: Any, text: str, column: str, labels: Sequence[str], place: Callable[[str], int]
) -> Any:
    names = _names(dataset, column)
    return _rows(
        dataset,
        lambda row: {
            "text": row[text].strip(),
            "labels": list(labels),
            "answer": place(_named(row[column], names)),
        },
    )


def pxcorpus_intent(dataset: Any) -> Any:
    """PxCorpus: an utterance and its intent."""
    order = list(INTENTS)
    return _one_label(dataset, "text", "label", list(INTENTS.values()), order.index)


def diamed(dataset: Any) -> Any:
    """DiaMED: a clinical case and the ICD-10 chapter of its main diagnosis."""
    codes = [chapter.split()[0] for chapter in CHAPTERS]
    return _one_label(dataset, "clinical_case", "icd-10", CHAPTERS, lambda name: codes.index(name.split()[0]))


def deft2020_parallel(dataset: Any) -> Any:
    """DEFT 2020, task 2: which of three sentences says the same as the source."""
    names = _names(dataset, "correct_cible")
    return _rows(
        dataset,
        lambda row: {
            "source": row["source"],
            "candidates": [row[f"cible_{n}"] for n in (1, 2, 3)],
            "answer": int(_named(row["correct_cible"], names)) - 1,
        },
    )


def deft2020_similarity(dataset: Any) -> Any:
    """DEFT 2020, task 1: two sentences and the mean of the similarity that annotators gave, 0 to 5."""
    return _rows(
        dataset, lambda row: {"one": row["source"], "other": row["cible"], "similarity": float(row["moy"])}
    )


def clister(dataset: Any) -> Any:
    """CLISTER: two sentences and their similarity, 0 to 5."""
    return _rows(
        dataset, lambda row: {"one": row["text_1"], "other": row["text_2"], "similarity": float(row["label"])}
    )


def tagged(dataset: Any) -> Any:
    """Tokens with tags ``B-X``, ``I-X``, ``O`` to a text and the entities it holds, in order.

    Rows that already have ``text`` and ``entities`` are left as they are.
    """
    names = _names(dataset, "ner_tags")

    def make(row: Any) -> dict[str, Any]:
        if row.get("entities") is not None:
            return {"text": row["text"], "entities": row["entities"]}
        entities: list[dict[str, str]] = []
        previous = "O"
        for token, tag in zip(row["tokens"], (_named(t, names) for t in row["ner_tags"]), strict=True):
            kind, _, label = tag.partition("-")
            if kind == "I" and previous.endswith(f"-{label}"):
                entities[-1]["text"] += f" {token}"
            elif kind != "O":
                entities.append({"label": label, "text": token})
            previous = tag
        return {"text": " ".join(row["tokens"]), "entities": entities}

    return _rows(dataset, make)


# ---- targets


def letters(row: Mapping[str, Any]) -> str:
    """The right letters, in order (``A, C``), of a row as published or as the prompts have it."""
    return ", ".join((row if "right" in row else question(row))["right"])


def topics(row: Mapping[str, Any]) -> str:
    """The labels, separated by commas."""
    return ", ".join(row["topics"])


def rounded(row: Mapping[str, Any]) -> str:
    """A similarity as an annotator writes it."""
    return f"{row['similarity']:g}".replace(".", ",")


def entity_lines(row: Mapping[str, Any]) -> str:
    """One ``label : mention`` a line, or ``aucune``."""
    return "\n".join(f"{item['label']} : {item['text']}" for item in row["entities"]) or "aucune"


# ---- answers


def plain(text: str) -> str:
    """Lower case, no accents, single blanks, no punctuation at the ends: how mentions and labels are compared."""
    flat = "".join(c for c in unicodedata.normalize("NFKD", text.lower()) if not unicodedata.combining(c))
    return " ".join(flat.replace("œ", "oe").replace("’", "'").split()).strip(" .,;:!?«»\"'()-*")


def is_refusal(answer: str) -> bool:
    """Nothing, or a sentence that declines: counted apart from answers that are wrong or off the form."""
    return not answer.strip() or bool(_REFUSAL.search(plain(answer.replace("’", "'"))[:200]))


def parse(answer: str, offered: Sequence[str] = LETTERS[:5]) -> frozenset[str] | None:
    """The letters of an answer's first line, or None when it begins with none, or with one that is not offered."""
    found = _RUN.match(answer.strip().partition("\n")[0].lstrip(" \t(*:"))
    if not found:
        return None
    given = frozenset(letter for letter in found.group().upper().replace("ET", "") if letter in LETTERS)
    return given if given <= set(offered) else None


def _unusable(answer: str, is_usable: bool) -> dict[str, float]:
    refused = not is_usable and is_refusal(answer)
    return {"refusal": float(refused), "invalid": float(not is_usable and not refused)}


def letters_match(row: Mapping[str, Any], results: Sequence[str]) -> dict[str, float]:
    """Exact match of the sets of letters; Hamming score, shared letters over all letters (Labrak et al. 2022)."""
    right, given = frozenset(row["right"]), parse(results[0], row["letters"])
    found = given or frozenset()
    return {
        "exact_match": float(found == right),
        "hamming": len(found & right) / len(found | right),
        **_unusable(results[0], given is not None),
    }


def topics_match(row: Mapping[str, Any], results: Sequence[str]) -> dict[str, Any]:
    """Sets of labels: exact match, and what micro F1 sums."""
    known = {plain(label): label for label in row["labels"]}
    line = results[0].strip().partition("\n")[0]
    given = {plain(piece) for piece in re.split(r"[,;|]| et ", line)} - {""}
    found, right = {known[piece] for piece in given if piece in known}, set(row["topics"])
    return {
        "exact_match": float(found == right),
        "f1_micro": (len(found & right), len(found), len(right)),
        **_unusable(results[0], bool(found)),
    }


def similarity_match(row: Mapping[str, Any], results: Sequence[str]) -> dict[str, Any]:
    """EDRM (Grouin et al., DEFT): 1 less the distance over the greatest possible one. No number scores 0."""
    found = re.search(r"\d+(?:[.,]\d+)?", results[0])
    value = float(found.group().replace(",", ".")) if found else math.nan
    is_usable = 0 <= value <= 5
    truth = float(row["similarity"])
    return {
        "edrm": 1 - abs(truth - value) / max(truth, 5 - truth) if is_usable else 0.0,
        "spearman": (truth, value if is_usable else 0.0),
        **_unusable(results[0], is_usable),
    }


def read_entities(answer: str) -> Iterator[tuple[str, str]]:
    """(label, mention) of each line that has both."""
    for line in answer.split("\n"):
        label, colon, mention = line.strip(" -*•\t").partition(":")
        if colon and label.strip() and plain(mention):
            yield plain(label), plain(mention)


def entities_match(row: Mapping[str, Any], results: Sequence[str]) -> dict[str, Any]:
    """Mentions with their label, as many times as they come: what micro F1 sums. Offsets are not asked for."""
    right = Counter((plain(item["label"]), plain(item["text"])) for item in row["entities"])
    found = Counter(read_entities(results[0]))
    is_usable = bool(found) or plain(results[0]).startswith("aucun")
    return {
        "f1_micro": ((found & right).total(), found.total(), right.total()),
        "exact_match": float(is_usable and found == right),
        **_unusable(results[0], is_usable),
    }


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", plain(text))


def written_match(row: Mapping[str, Any], results: Sequence[str]) -> dict[str, float]:
    """ROUGE-L over words without accents (Lin 2004), and F1 over the bag of words (Rajpurkar et al. 2016)."""
    right, found = _words(row["answer"]), _words(results[0])
    shared = (Counter(right) & Counter(found)).total()
    lengths = [0] * (len(found) + 1)
    for word in right:
        before = 0
        for place, other in enumerate(found, 1):
            kept = lengths[place]
            lengths[place] = before + 1 if word == other else max(kept, lengths[place - 1])
            before = kept
    total = len(right) + len(found)
    return {
        "rouge_l": 2 * lengths[-1] / total if total else 0.0,
        "f1_words": 2 * shared / total if total else 0.0,
        **_unusable(results[0], bool(found) and not is_refusal(results[0])),
    }


# ---- aggregations


def f1_micro(items: Sequence[Sequence[int]]) -> float:
    """2 x right / (found + true) over all documents; nan where there is nothing to find and nothing found."""
    right, found, true = (sum(item[n] for item in items) for n in range(3))
    return 2 * right / (found + true) if found + true else math.nan


def f1_macro(items: Sequence[Sequence[int]]) -> float:
    """Mean F1 over the classes that are true or answered; items are (true, answered)."""
    classes = {int(value) for item in items for value in item}
    scores = []
    for label in classes:
        right = sum(true == found == label for true, found in items)
        scores.append(2 * right / sum((true == label) + (found == label) for true, found in items))
    return sum(scores) / len(scores) if scores else math.nan


def spearman(items: Sequence[Sequence[float]]) -> float:
    """Correlation of ranks, ties at their mean rank; nan where one side does not vary."""
    sides = [_ranks([item[n] for item in items]) for n in range(2)]
    means = [sum(side) / len(side) for side in sides]
    one, other = ([value - mean for value in side] for side, mean in zip(sides, means, strict=True))
    scale = math.sqrt(sum(x * x for x in one) * sum(y * y for y in other))
    return sum(x * y for x, y in zip(one, other, strict=True)) / scale if scale else math.nan


def _ranks(values: Sequence[float]) -> list[float]:
    order = sorted(range(len(values)), key=values.__getitem__)
    ranks = [0.0] * len(values)
    first = 0
    while first < len(order):
        last = first
        while last + 1 < len(order) and values[order[last + 1]] == values[order[first]]:
            last += 1
        for place in range(first, last + 1):
            ranks[order[place]] = (first + last) / 2 + 1
        first = last + 1
    return ranks
