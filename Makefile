# Two commands matter: `make demo` (the assistant, in a browser) and `make test`.
PORT ?= 8000
VENV := .venv
BIN  := $(VENV)/bin

.PHONY: help demo install test check docs clean

help:
	@echo "make demo [PORT=8000]  installe ce qu'il faut et démarre l'assistant sur http://127.0.0.1:8000"
	@echo "make test              installe ce qu'il faut et passe tous les tests, navigateur compris"
	@echo "make install           crée .venv avec partages dedans"
	@echo "make check             ruff, mypy et les tests rapides"
	@echo "make docs              régénère les pages de docs/ tirées du code"
	@echo "make clean             supprime .venv"

demo: install
	-@$(BIN)/partages models assemble
	@exec $(BIN)/partages serve --port $(PORT)

install: $(VENV)/.installed
$(VENV)/.installed: pyproject.toml constraints.txt scripts/install.sh
	@sh scripts/install.sh $(VENV) .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt scripts/install.sh
	@sh scripts/install.sh $(VENV) '.[dev]'
	@touch $@ $(VENV)/.installed

test: $(VENV)/.installed-dev
	@sh scripts/chromium.sh
	$(BIN)/pytest

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest -m "not slow and not browser"

docs: $(VENV)/.installed-dev
	$(BIN)/python scripts/make_docs.py

clean:
	rm -rf $(VENV)
