"""Who may speak to the server, and what every answer carries.

A page of another site open in the same browser must be able neither to read nor to drive the
assistant: names are checked against DNS rebinding, origins against cross-site requests
(OWASP Cross-Site Request Forgery Prevention, "verifying origin with standard headers").
"""

import ipaddress
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from partages.server.problems import ForeignOrigin, UnknownHost, of_error, respond

SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def host_is_known(host: str, names: frozenset[str]) -> bool:
    """Whether a Host header is an address, ``localhost`` or one of ``names``.

    An attacker's name can be made to resolve to this machine (DNS rebinding); an address cannot.
    """
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    if name == "localhost" or name in names:
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def origin_is_ours(headers: Headers) -> bool:
    """Whether a request that changes something comes from our page, or from no page at all."""
    if headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        return False
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc.lower() == headers.get("host", "").lower()


class Guard:
    """Refuse unknown hosts and foreign origins; add the security headers to every answer."""

    def __init__(self, app: ASGIApp, names: frozenset[str]) -> None:
        self.app = app
        self.names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        static = scope["path"].startswith("/static/")

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(SECURITY_HEADERS)
                if static:
                    headers["Cache-Control"] = "no-cache"
            await send(message)

        headers = Headers(scope=scope)
        if not host_is_known(headers.get("host", ""), self.names):
            error: ForeignOrigin | UnknownHost = UnknownHost(
                "Ce nom d'hôte n'est pas celui de l'assistant : ouvrez l'adresse affichée à son démarrage."
            )
        elif scope["method"] not in SAFE_METHODS and not origin_is_ours(headers):
            error = ForeignOrigin("La demande vient d'un autre site : elle est refusée.")
        else:
            await self.app(scope, receive, with_headers)
            return
        await respond(of_error(error))(scope, receive, with_headers)
