"""Serve the assistant on an address until it is stopped."""

import errno
import ipaddress
import logging
import socket
import time
from collections.abc import Callable

import uvicorn

from partages.errors import UsageError
from partages.resources import Resources
from partages.server.app import create_app
from partages.settings import Settings
from partages.usecases import all_usecases

STOP_SECONDS = 3
"""How long requests under way may finish after Ctrl-C."""


def listen(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
        UsageError: the port is taken or reserved, or the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # the protocol named, asyncio sets TCP_NODELAY; else each answer waits 40 ms for an acknowledgement
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
    except (OSError, OverflowError) as error:
        listener.close()
        code = getattr(error, "errno", None)
        if code == errno.EADDRINUSE:
            message = f"Le port {port} est déjà pris : choisissez-en un autre, par exemple --port {port + 1}."
        elif code == errno.EACCES:
            message = f"Le port {port} est réservé au système : choisissez-en un au-dessus de 1024."
        else:
            message = f"« {host} » n'est pas une adresse de cette machine : corrigez --host."
        raise UsageError(message) from None
    return listener


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def serve(settings: Settings, host: str, port: int, announce: Callable[[str], None]) -> None:
    """Serve until Ctrl-C. ``announce`` receives French sentences on what is happening.

    Raises:
        UsageError: the address cannot be listened on.
    """
    listener = listen(host, port)
    resources = Resources(settings)
    try:
        started = time.monotonic()
        for usecase in all_usecases().values():
            announce(f"Chargement : {usecase.title.lower()}…")
            usecase.warm(resources)
        # "localhost" may mean ::1 to a browser: show the address really listened on
        shown = listener.getsockname()
        address = f"[{shown[0]}]" if ":" in shown[0] else shown[0]
        elapsed = f"{time.monotonic() - started:.1f}".replace(".", ",")
        announce(f"Prêt en {elapsed} s : ouvrez http://{address}:{shown[1]} (Ctrl-C pour arrêter).")
        if not _is_loopback(shown[0]):
            announce(
                "Attention : l'assistant est ouvert au réseau, sans compte ni chiffrement. Placez devant lui "
                "un serveur HTTPS qui identifie les utilisateurs."
            )
        if settings.generator not in ("embedded", "none"):
            announce(f"Le texte à rédiger est envoyé à {settings.generator}.")
        for name in ("uvicorn.error", "uvicorn.asgi"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        names = frozenset(name.lower() for name in (host, socket.gethostname(), socket.getfqdn()))
        config = uvicorn.Config(
            create_app(resources, names=names),
            access_log=False,
            log_level="critical",
            server_header=False,
            timeout_graceful_shutdown=STOP_SECONDS,
        )
        uvicorn.Server(config).run(sockets=[listener])
    except KeyboardInterrupt:
        pass
    finally:
        listener.close()
        resources.close()
    announce("Assistant arrêté : rien n'a été conservé.")
