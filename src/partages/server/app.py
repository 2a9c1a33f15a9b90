"""The assistant as an ASGI application: the API and the page."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from partages import __version__
from partages.errors import PartagesError
from partages.resources import Resources
from partages.server import api, pages
from partages.server.guard import Guard
from partages.server.problems import Shield, on_http_error, on_partages_error
from partages.server.work import Workers


def create_app(
    resources: Resources, *, names: frozenset[str] = frozenset(), workers: Workers | None = None
) -> FastAPI:
    """The application. Nothing of what it receives is kept.

    Args:
        resources: closed with the application.
        names: host names it may be called by, besides addresses, ``localhost`` and ``PARTAGES_HOSTS``.
        workers: the threads that work, for tests that fill them.
    """
    workers = workers or Workers()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:  # noqa: ARG001
        yield
        workers.close()
        resources.close()

    app = FastAPI(
        title="partages",
        version=__version__,
        summary="Modèles de langue pour les soignants, sur votre propre machine.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    app.openapi = lambda: api.openapi(app)  # type: ignore[method-assign]
    app.add_exception_handler(PartagesError, on_partages_error)
    app.add_exception_handler(HTTPException, on_http_error)
    app.include_router(api.make_router(resources, workers))

    @app.get(f"{api.PREFIX}/openapi.json", include_in_schema=False)
    async def openapi_json() -> JSONResponse:
        return JSONResponse(app.openapi())

    app.include_router(pages.make_router(app, resources, workers))
    app.mount("/static", StaticFiles(directory=pages.HERE / "static"), name="static")
    app.add_middleware(Shield)
    app.add_middleware(Guard, names=names | resources.settings.host_names)
    return app
