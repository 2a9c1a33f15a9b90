"""Language models at work for French health professionals, on their own machines."""

__version__ = "0.1.0"
