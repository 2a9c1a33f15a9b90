"""What use cases may draw upon, built once per process from the settings."""

from functools import cached_property

from pydantic import SecretStr

from partages.errors import GeneratorUnavailable
from partages.models.generator import Generator
from partages.settings import Settings


class Resources:
    """Settings, and the generator they name, started on first need."""

    def __init__(self, settings: Settings | None = None, generator: Generator | None = None) -> None:
        self.settings = settings or Settings()
        self._given = generator

    @property
    def has_generator(self) -> bool:
        """Whether free generation is possible at all; starts nothing."""
        return self._given is not None or self.settings.generator != "none"

    @cached_property
    def generator(self) -> Generator:
        """The generator.

        Raises:
            GeneratorUnavailable: the settings say ``none``, or it cannot be started.
        """
        if self._given is not None:
            return self._given
        if self.settings.generator == "none":
            raise GeneratorUnavailable(
                "Aucun modèle de génération n'est configuré : désignez-en un avec PARTAGES_GENERATOR, "
                "ou choisissez un moteur sans génération."
            )
        from partages.models import open_generator

        return open_generator(self.settings)

    def settings_for_workers(self, generates: bool) -> Settings:
        """The settings of other processes: they share this one's embedded server, by its address.

        Args:
            generates: whether they will generate at all; if not, nothing is started.

        Raises:
            GeneratorUnavailable: the embedded server cannot be started.
        """
        if not generates or self.settings.generator != "embedded":
            return self.settings
        from partages.models.embedded import EmbeddedGenerator

        generator = self.generator
        assert isinstance(generator, EmbeddedGenerator)
        shared = {
            "generator": generator.url,
            "model": generator.name,
            "api_key": SecretStr(generator.api_key),
        }
        return self.settings.model_copy(update=shared)

    def close(self) -> None:
        """Stop what was started; safe to call twice."""
        generator = self.__dict__.pop("generator", None)
        if generator is not None and self._given is None:
            generator.close()
