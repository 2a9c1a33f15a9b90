"""The use cases. A new one is a new folder here, and nothing else.

Each folder exports ``USECASE``, an instance of ``UseCase``; command line, API and web page
are made from it. All folders have the same files: ``schema.py`` (options and result, the
wire format), the engine's modules, ``display.py`` (how a terminal shows a result).
"""

import pkgutil
from functools import cache
from importlib import import_module

from partages.usecases.base import UseCase


@cache
def all_usecases() -> dict[str, UseCase]:
    """Every use case by name, in alphabetical order. Importing one loads no model."""
    found = {}
    for module in pkgutil.iter_modules(__path__):
        if module.ispkg:
            usecase: UseCase = import_module(f"{__name__}.{module.name}").USECASE
            found[usecase.name] = usecase
    return found
