"""All settings, in one table: name, default, help. ``docs/settings.md`` lists the same (tested).

Each one is read from the environment as ``PARTAGES_<NAME>``.
"""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """What an administrator may change. Nothing here has a default that sends text off the machine."""

    model_config = SettingsConfigDict(env_prefix="PARTAGES_", frozen=True, extra="ignore")

    generator: str = Field(
        "embedded",
        description="Modèle de génération : « embedded » (intégré, sur cette machine), « none » (aucun), "
        "ou l'adresse d'un serveur compatible OpenAI, par exemple http://127.0.0.1:8080/v1. "
        "Le texte des documents est envoyé à cette adresse et à aucune autre.",
    )
    model: str = Field(
        "",
        description="Nom du modèle demandé au serveur désigné par PARTAGES_GENERATOR ; avec « embedded », "
        "un des modèles intégrés de « partages models list » (vide : le modèle spécialisé).",
    )
    model_file: Path | None = Field(None, description="Fichier GGUF à charger à la place du modèle intégré.")
    model_sha256: str = Field(
        "", description="Empreinte SHA-256 attendue de PARTAGES_MODEL_FILE ; vide : non vérifiée."
    )
    api_key: SecretStr = Field(
        SecretStr(""), description="Clé d'accès au serveur désigné par PARTAGES_GENERATOR."
    )
    generator_timeout: float = Field(
        120, gt=0, description="Secondes d'attente d'une réponse du modèle avant abandon."
    )
    max_characters: int = Field(
        5_000_000, gt=0, description="Taille maximale d'un document, en caractères ; au-delà, il est refusé."
    )
    hosts: str = Field(
        "",
        description="Noms d'hôte auxquels l'assistant répond, séparés par des virgules, outre les adresses "
        "IP, « localhost » et le nom de la machine : celui du serveur HTTPS placé devant lui.",
    )
    pseudonym_key_file: Path | None = Field(
        None,
        description="Fichier du secret d'où sont tirés les substituts, à la place de l'option --key "
        "(visible dans la liste des processus).",
    )
    vault_key_file: Path | None = Field(
        None,
        description="Fichier de la clé des coffres (--vault), créé par « partages vault key » ; "
        "à garder ailleurs que le coffre.",
    )
    vault_key: SecretStr = Field(
        SecretStr(""),
        description="La clé des coffres elle-même (32 octets en base64), à la place de son fichier.",
    )
    cache: Path = Field(
        Path("~/.cache/partages"),
        description="Dossier des fichiers reconstruits au besoin (modèle assemblé, index). Aucun texte de "
        "patient n'y est écrit.",
    )

    @property
    def host_names(self) -> frozenset[str]:
        """``hosts``, one by one, in lower case."""
        return frozenset(name.strip().lower() for name in self.hosts.split(",") if name.strip())

    @property
    def cache_folder(self) -> Path:
        return self.cache.expanduser()
