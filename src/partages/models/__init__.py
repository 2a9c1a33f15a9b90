"""Generators: one protocol (OpenAI's), one embedded server, one catalogue."""
