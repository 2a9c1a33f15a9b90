"""A draft by a model, marked as such: it shows the shape of a document, and never counts as written by a person."""

from partages.errors import UsageError
from partages.fiction.case import Case, Written
from partages.fiction.sheet import facts
from partages.fiction.templates import templates
from partages.models.generator import Generator, Prompt, generate

MAX_TOKENS = 1200


def prompt_for(case: Case, kind: str) -> Prompt:
    """What a model is asked; for a base model, the top of the document to continue."""
    template = templates()[kind]
    scenario = "\n".join(f"{name} : {value}" for name, value in facts(case))
    sections = ", ".join(title for title, _ in template.sections)
    header = case.document(kind).header
    return Prompt(
        system=(
            "Tu écris des documents médicaux entièrement fictifs, en français, pour des données d'essai. "
            "Tu n'emploies aucun autre nom que ceux du scénario."
        ),
        user=(
            f"Scénario :\n{scenario}\n\nÉcris le document « {template.title} » d'au moins {template.words} mots, "
            f"avec ces parties : {sections}. Donne le texte seul, sans l'en-tête."
        ),
        completion=f"{header}\n\n{scenario}\n\n{template.sections[0][0]} :\n",
    )


def draft(case: Case, kind: str, generator: Generator, max_tokens: int = MAX_TOKENS) -> Case:
    """The case with a draft of one document, marked ``generated``.

    Raises:
        UsageError: the case has no such document, or a person has written it.
        GeneratorError, GeneratorUnavailable: the model failed.
    """
    written = case.document(kind)
    if written.origin in ("human", "assisted") and written.text.strip():
        raise UsageError(
            f"Le document « {kind} » est déjà écrit par une personne : une ébauche ne le remplace pas."
        )
    text = generate(generator, prompt_for(case, kind), max_tokens=max_tokens).strip()
    drafted = Written(type=kind, header=written.header, text=text, origin="generated", model=generator.name)
    documents = [drafted if one.type == kind else one for one in case.documents]
    return case.model_copy(update={"documents": documents})
