"""Everything that can go wrong for a reason a user can act upon.

    PartagesError                 exit 1, HTTP 500
    ├── UsageError                exit 2, HTTP 400   the request itself is wrong
    ├── BadDocument               exit 1, HTTP 422   this document cannot be processed
    │   ├── EmptyDocument
    │   ├── UnreadableDocument    binary, undecodable, scanned, protected
    │   └── DocumentTooLarge      HTTP 413
    ├── GeneratorError            exit 1, HTTP 502   a model server failed
    │   └── GeneratorUnavailable  HTTP 503           none configured, or it cannot be started
    ├── OutputError               exit 1, HTTP 507   the result cannot be written
    └── MissingPart               exit 1, HTTP 501   an optional package or data file is absent

A message is one French sentence: what is wrong, then what to do. It never contains
text of a document: neither its content nor anything derived from it.
"""


class PartagesError(Exception):
    """Base of all errors shown to a user; ``str(error)`` is the sentence to show."""

    exit_status = 1
    http_status = 500
    slug = "erreur"
    title = "Erreur"


class UsageError(PartagesError):
    exit_status = 2
    http_status = 400
    slug = "demande-incorrecte"
    title = "Demande incorrecte"


class BadDocument(PartagesError):
    http_status = 422
    slug = "document-refuse"
    title = "Document refusé"


class EmptyDocument(BadDocument):
    slug = "document-vide"
    title = "Document vide"

    def __init__(self) -> None:
        super().__init__("Le document est vide : fournissez un texte qui contient au moins un mot.")


class UnreadableDocument(BadDocument):
    slug = "document-illisible"
    title = "Document illisible"


class DocumentTooLarge(BadDocument):
    http_status = 413
    slug = "document-trop-volumineux"
    title = "Document trop volumineux"


class GeneratorError(PartagesError):
    http_status = 502
    slug = "modele-en-erreur"
    title = "Le modèle n'a pas répondu correctement"


class GeneratorUnavailable(GeneratorError):
    http_status = 503
    slug = "modele-indisponible"
    title = "Modèle de génération indisponible"


class OutputError(PartagesError):
    http_status = 507
    slug = "ecriture-impossible"
    title = "Écriture impossible"


class MissingPart(PartagesError):
    http_status = 501
    slug = "composant-absent"
    title = "Composant absent"
