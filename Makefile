# Every target makes its own environment first, in .venv.
VENV ?= .venv
PYTHON ?= python3
PY := $(VENV)/bin/python
SERVES := $(VENV)/.serves
READY := $(VENV)/.ready

.PHONY: app site test check fuzz shuffle lint bench measure needs-data lock

app: $(SERVES)
	$(PY) app.py --open

# The page as files for any web server: python -m http.server --directory build/site
site: $(SERVES)
	rm -rf build/site
	$(PY) -m fkd site build/site

# Two processes, except for the tests that measure time; the slow tests of a file share its browser.
test: $(READY)
	OMP_NUM_THREADS=1 $(PY) -m pytest -n 2 --dist worksteal
	OMP_NUM_THREADS=1 $(PY) -m pytest -n 2 --dist loadfile -m 'slow and not alone'
	$(PY) -m pytest -m 'slow and alone'

# Before every commit: a few minutes.
check: lint
	OMP_NUM_THREADS=1 $(PY) -m pytest -n 2 --dist worksteal -m 'not slow and not browser and not fuzz'

# Spoilt files of every kind, runs that are killed at every write, and the served page in a crowd: about 20 minutes.
fuzz: $(READY)
	OMP_NUM_THREADS=1 FKD_FUZZ=2000 $(PY) -m pytest -n 2 -m 'fuzz or not fuzz' tests/fuzz

# The default suite ten times, each in an order of its own: with one thread and with two, and each of these also as on a
# processor without bfloat16 and AVX-512. `make shuffle SEED=n` repeats the run of one seed and the nine after it.
SEED ?= $(shell date +%s)
shuffle: $(READY)
	@set -e; for run in 0 1 2 3 4 5 6 7 8 9; do \
		export OMP_NUM_THREADS=$$((1 + run % 2)); older=; \
		if [ $$((run / 2 % 2)) = 1 ]; then older="NO_BF16=1 ONEDNN_MAX_CPU_ISA=AVX2 ATEN_CPU_CAPABILITY=avx2"; fi; \
		echo "run $$((run + 1)) of 10: seed $$(($(SEED) + run)), threads $$OMP_NUM_THREADS $$older"; \
		env $$older $(PY) -m pytest -m 'not slow and not browser and not fuzz' --randomly-seed=$$(($(SEED) + run)); \
	done

lint: $(READY)
	@rm -f fkd/page/components.pyi # which Gradio writes when a page runs, and mypy would read
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

# What fkd takes beside what it would take otherwise, in one table; fails where a target is missed (benchmarks/README.md).
bench: $(READY) needs-data
	$(PY) benchmarks/bench.py --data $(FKD_DATA) --out benchmarks/RESULTS.md

# How well faces are found and cropped (docs/benchmarks.md).
measure: $(READY) needs-data
	$(PY) benchmarks/faces.py --data $(FKD_DATA)
	$(PY) benchmarks/crop.py --data $(FKD_DATA) --checkpoint checkpoints/resnet18

needs-data:
	@test -n "$(FKD_DATA)" || { echo "set FKD_DATA to a folder in the layout of the competition"; exit 1; }

# A Space adds extras of Gradio and the package `spaces` to requirements.txt; with them the versions must fit too.
lock:
	$(PYTHON) -m venv --clear build/lock
	build/lock/bin/python -m pip install -r requirements.txt 'gradio[oauth,mcp]' spaces
	build/lock/bin/python tests/lock.py

# What the page needs, and no more: no PyTorch, since the shipped checkpoints carry their networks.
$(SERVES): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit("fkd needs Python 3.11 or newer; set PYTHON=") if sys.version_info < (3, 11) else 0'
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --disable-pip-version-check -c requirements.lock -e '.[app,clips]'
	@touch $@

$(READY): $(SERVES) pyproject.toml
	$(PY) -m pip install --disable-pip-version-check -c requirements.lock -e '.[app,train,dev,dlib,parquet,clips]'
	@touch $@
