"""Rows of the schema of each public data set, written here: fictitious, two or three a task."""

from typing import Any


def _mcq(name: str, *right: str, **more: Any) -> dict[str, Any]:
    return {
        "id": name,
        "question": f"Question {name} : laquelle est juste ?",
        **{f"answer_{letter}": f"réponse {letter}" for letter in "abcde"},
        **more,
        "correct_answers": list(right),
    }


def _tagged(tokens: str, tags: str) -> dict[str, Any]:
    return {"id": "1", "document_id": "1", "tokens": tokens.split(), "ner_tags": tags.split()}


_TITLES = [
    _tagged("Traitement de l' asthme sévère par corticoïdes", "O O O B-DISO I-DISO O B-CHEM"),
    _tagged("Sans objet", "O O"),
]
_CASE = {"clinical_case": "Patiente de 40 ans, dyspnée fébrile."}
ROWS: dict[str, list[dict[str, Any]]] = {
    "frenchmedmcqa_single": [_mcq("1", "b"), _mcq("2", "a", "c"), _mcq("3", "e")],
    "frenchmedmcqa_multiple": [_mcq("1", "b"), _mcq("2", "a", "c")],
    "mediqal_mcqu": [{**_mcq("1", "b", **_CASE), "correct_answers": "b"}, {**_mcq("2"), "correct_answers": "d"}],
    "mediqal_mcqm": [{**_mcq("1", **_CASE), "correct_answers": "a,c"}, {**_mcq("2"), "correct_answers": "d"}],
    "mediqal_oeq": [
        {"id": "1", "question": "Quel germe évoquer ?", "answer": "Le pneumocoque.", **_CASE},
        {"id": "2", "question": "Quel examen ?", "answer": "Une radiographie.", "clinical_case": None},
    ],
    "mmlu_pro_x_health_fr": [
        {"question": "Quel os ?", "category": "health", "answer": "C", "answer_index": 2,
         **{f"option_{n}": f"os {n}" if n < 4 else None for n in range(10)}},
        {"question": "Quelle loi ?", "category": "law", "answer": "A", "answer_index": 0,
         **{f"option_{n}": f"loi {n}" for n in range(10)}},
    ],
    "global_mmlu_medical_fr": [
        {"question": "Quel nerf ?", "subject": "anatomy", "answer": "D", **{f"option_{x}": f"nerf {x}" for x in "abcd"}},
        {"question": "Quelle loi ?", "subject": "law", "answer": "A", **{f"option_{x}": f"loi {x}" for x in "abcd"}},
    ],
    "morfitt": [
        {"id": "1", "abstract": "Étude d'un virus.", "specialities": ["virology", "genetics"]},
        {"id": "2", "abstract": "Étude d'un chien.", "specialities": ["veterinary"]},
    ],
    "morfitt_topic": [{"id": "1", "abstract": "Étude d'un virus.", "specialities": "virology|genetics"}],
    "deft2021_profile": [{"id": "1", "document_id": "1", "text": "Homme, tumeur du rein.", "specialities": ["homme", "tumeur"]}],
    "pxcorpus_intent": [
        {"id": "1", "text": "paracétamol un gramme", "label": "medical_prescription"},
        {"id": "2", "text": "non efface", "label": "negate"},
    ],
    "diamed": [
        {"identifier": "1", "clinical_case": "Toux fébrile.", "icd-10": "J00-J99  Diseases of the respiratory system"},
        {"identifier": "2", "clinical_case": "Grossesse.", "icd-10": "O00-O9A  Pregnancy, childbirth and the puerperium"},
    ],
    "deft2020_parallel": [
        {"id": "1", "correct_cible": "2", "source": "Le cœur bat.", "cible_1": "Il pleut.", "cible_2": "Le cœur est en marche.", "cible_3": "Non."}
    ],
    "deft2020_similarity": [
        {"id": "1", "moy": 4.5, "vote": 5.0, "scores": [4.0, 5.0], "source": "Le cœur bat.", "cible": "Le cœur est en marche."},
        {"id": "2", "moy": 0.0, "vote": 0.0, "scores": [0.0], "source": "Le cœur bat.", "cible": "Il pleut."},
    ],
    "clister": [
        {"id": "1", "text_1": "Il tousse.", "text_2": "Il a de la toux.", "label": 5.0},
        {"id": "2", "text_1": "Il tousse.", "text_2": "Elle dort.", "label": 1.0},
    ],
    "quaero_emea": _TITLES,
    "quaero_medline": _TITLES,
    "mantra_emea": _TITLES,
    "mantra_medline": _TITLES,
    "mantra_patents": _TITLES,
    "e3c_clinical": [_tagged("Une toux sèche", "O B-CLINENTITY I-CLINENTITY")],
    "e3c_temporal": [_tagged("Vu hier", "B-EVENT B-TIMEX3")],
    "deft2021_entities": [_tagged("Fracture du bras droit", "B-pathologie O B-anatomie I-anatomie")],
    "pxcorpus_entities": [_tagged("amoxicilline un gramme", "B-inn B-d_dos_val B-d_dos_up")],
    "frasimed_diseases": [{"text": "Asthme ancien.", "entities": [{"label": "disease", "text": "Asthme"}]}],
    "pxcorpus_perplexity": [{"id": "1", "text": "paracétamol un gramme matin et soir"}],
    "quaero_perplexity": _TITLES,
}  # fmt: skip
