# Every target makes its own environment first, in .venv.
VENV ?= .venv
PYTHON ?= python3
PY := $(VENV)/bin/python
READY := $(VENV)/.ready

.PHONY: app test lint bench

app: $(READY)
	$(PY) app.py --open

test: $(READY)
	$(PY) -m pytest
	$(PY) -m pytest -m slow

lint: $(READY)
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

bench: $(READY)
	@test -n "$(FKD_DATA)" || { echo "set FKD_DATA to a folder in the layout of the competition"; exit 1; }
	$(PY) benchmarks/faces.py --data $(FKD_DATA)
	$(PY) benchmarks/crop.py --data $(FKD_DATA) --checkpoint checkpoints/resnet18

$(READY): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("fkd needs Python 3.11 or newer; set PYTHON=") if sys.version_info < (3, 11) else 0'
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check -r requirements.txt -e '.[dev]'
	@touch $@
