"""Whatever stands in a file, it is read, or one sentence says what is wrong with it.

`TUNER_FUZZ_EXAMPLES=5000` tries more; `benchmarks/fuzz.py` counts what becomes of them.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.hostile.law import ACCEPTED, REFUSED, bounded_memory, judged
from benchmarks.hostile.loaders import LOADERS, Loader

EXAMPLES = int(os.environ.get("TUNER_FUZZ_EXAMPLES", "100"))


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An empty folder that all examples share, and a bound on memory."""
    with bounded_memory():
        yield tmp_path_factory.mktemp("scratch").resolve()


@pytest.mark.parametrize("loader", LOADERS, ids=lambda loader: loader.name)
@settings(
    max_examples=EXAMPLES, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck), database=None
)
@given(rng=st.randoms(use_true_random=False))
def test_whatever_is_read_is_a_value_or_one_sentence_and_nothing_is_run_or_left(
    scratch: Path, loader: Loader, rng: Random
) -> None:
    assert judged(loader, rng, scratch) in (REFUSED, ACCEPTED)
