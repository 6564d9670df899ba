"""Parse targets from the command line and the dialog."""

import pytest

from dasktop.collectors.model.errors import PlanError
from dasktop.collectors.model.snapshot import Adaptive
from dasktop.collectors.scaling.targets import bounds_from, count_from, memory_from


@pytest.mark.parametrize(("text", "count"), [("0", 0), ("12", 12), (" 7 ", 7), ("000", 0)])
def test_counts(text, count):
    assert count_from(text) == count


@pytest.mark.parametrize("text", ["-1", "1.5", "1e3", "ten", "٣", "²", "9" * 30])
def test_invalid_counts(text):
    with pytest.raises(PlanError, match="is not a whole number from 0 to"):
        count_from(text)


@pytest.mark.parametrize(
    ("text", "amount"), [("200GB", 200 * 10**9), ("64 GiB", 64 * 2**30), ("1.5TB", 15 * 10**11), ("1024 B", 1024)]
)
def test_memory(text, amount):
    assert memory_from(text) == amount


@pytest.mark.parametrize("text", ["GB", "lots", "0", "-1GB", "1 parsec", "1e999GB"])
def test_invalid_memory(text):
    with pytest.raises(PlanError, match="is not an amount of memory"):
        memory_from(text)


@pytest.mark.parametrize("text", ["9", "200", " 200 ", "1.5", "2e9", "1_000"])
def test_memory_needs_a_unit(text):
    """dask reads it as bytes; a forgotten ``GB`` would scale a cluster down to one job."""
    with pytest.raises(PlanError, match="has no unit; write an amount such as 200GB"):
        memory_from(text)


def test_bounds():
    assert bounds_from("2:10") == Adaptive(minimum=2, maximum=10)
    assert bounds_from("3:3") == Adaptive(minimum=3, maximum=3)


@pytest.mark.parametrize("text", ["", ":", "5", "5:", ":5", "1:2:3", "-1:2", "a:b"])
def test_invalid_bounds(text):
    with pytest.raises(PlanError, match="is not MIN:MAX"):
        bounds_from(text)


def test_minimum_above_maximum():
    with pytest.raises(PlanError, match=r"^the minimum, 4, exceeds the maximum, 2$"):
        bounds_from("4:2")


@pytest.mark.parametrize("read", [count_from, memory_from])
@pytest.mark.parametrize("text", ["", " "])
def test_empty_text(read, text):
    with pytest.raises(PlanError, match="is missing"):
        read(text)
