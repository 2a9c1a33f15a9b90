"""Generators: one protocol (OpenAI's), one embedded server, one catalogue."""

from partages.models.generator import Generator
from partages.settings import Settings


def open_generator(settings: Settings) -> Generator:
    """The generator that the settings name (``embedded`` or a URL).

    Raises:
        GeneratorUnavailable: it cannot be started, or the address is not one.
    """
    if settings.generator == "embedded":
        from partages.models.embedded import EmbeddedGenerator

        return EmbeddedGenerator(settings)
    from partages.errors import GeneratorUnavailable
    from partages.models.catalogue import BASE_MODELS
    from partages.models.openai import OpenAIGenerator

    if not settings.generator.startswith(("http://", "https://")):
        raise GeneratorUnavailable(
            "PARTAGES_GENERATOR doit valoir « embedded », « none » ou une adresse http(s)://… : corrigez-le."
        )
    return OpenAIGenerator(
        settings.generator,
        settings.model,
        api_key=settings.api_key.get_secret_value(),
        timeout=settings.generator_timeout,
        is_base=settings.model in BASE_MODELS,
    )
