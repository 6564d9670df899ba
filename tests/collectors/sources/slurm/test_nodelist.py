"""Expanding node lists as SLURM does, in SLURM's order, within limits."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dasktop.collectors.sources.slurm import nodelist
from dasktop.collectors.sources.slurm.nodelist import MAX_CHARACTERS, MAX_NODES, expand

# As expanded by ``scontrol show hostnames`` of 22.05.
AS_SLURM = {
    "n1": "n1",
    "n1,n[2-3],m": "n1 n2 n3 m",
    "nid0[0099,0156-0157]": "nid00099 nid00156 nid00157",
    "cn[1,3-4]x[0-1]": "cn1x0 cn1x1 cn3x0 cn3x1 cn4x0 cn4x1",
    "a[08-10]": "a08 a09 a10",
    "a[8-10]": "a8 a9 a10",
    "a[0-010]": "a0 a1 a2 a3 a4 a5 a6 a7 a8 a9 a10",
    "a[00-2]": "a00 a01 a02",
    "a[1,1]": "a1 a1",
    "a,b,a": "a b a",
    "x[0-1][0-1]": "x00 x01 x10 x11",
    "a[1-2],,b": "a1 a2 b",
    "r[1-2]c[1-2]n[01-02]": "r1c1n01 r1c1n02 r2c1n01 r2c1n02 r1c2n01 r1c2n02 r2c2n01 r2c2n02",
    "a[2,1]b[1-2]c[5,4]": "a2b1c5 a2b1c4 a1b1c5 a1b1c4 a2b2c5 a2b2c4 a1b2c5 a1b2c4",
}


@pytest.mark.parametrize(("text", "names"), AS_SLURM.items())
def test_lists_expand_like_in_slurm(text, names):
    assert expand(text) == tuple(names.split())


def test_real_slurm_expands_lists_alike(real_slurm):
    assert {text: real_slurm.run("scontrol", "show", "hostnames", text).split() for text in AS_SLURM} == {
        text: list(expand(text)) for text in AS_SLURM
    }


@pytest.mark.parametrize("text", ["", "(null)", "None assigned", "None", "N/A", "  "])
def test_missing_nodes_are_empty(text):
    assert expand(text) == ()


@pytest.mark.parametrize(
    "text", ["a[1", "a]b", "a[]", "a[x-y]", "a[3-1]", "a[1-2/2]", "a[[1-2]]", "a[1-9999999999999999999]"]
)
def test_malformed_list_is_unchanged(text):
    assert expand(text) == (text,)


def test_name_may_continue_after_last_bracket():
    assert expand("a[1-2]-ib") == ("a1-ib", "a2-ib")


def test_too_large_range_is_unchanged():
    assert len(expand(f"a[1-{MAX_NODES}]")) == MAX_NODES
    assert expand(f"a[0-{MAX_NODES}]") == (f"a[0-{MAX_NODES}]",)
    assert expand("a[1-300]b[1-300]") == ("a[1-300]b[1-300]",)
    assert expand("a[1-99][1-99][1-99][1-99][1-99]") == ("a[1-99][1-99][1-99][1-99][1-99]",)


def test_total_of_many_ranges_is_bounded():
    names = expand(",".join(f"a[1-{MAX_NODES}]" for _ in range(5)))
    assert len(names) == MAX_NODES + 4


@pytest.mark.parametrize(
    ("text", "made"),
    [
        (",".join(["[0-65535]"] * 200), MAX_NODES),
        ("[0-65535]" * 200, 0),
        ("a[" + ",".join(["0-65535"] * 200) + "]", 0),
        ("a" + "[0-999999999999999999]" * 40_000, 0),
        ("a" * (MAX_CHARACTERS + 1), 0),
    ],
    ids=["items", "brackets", "parts", "numbers", "long"],
)
def test_numbers_are_bounded_like_names(monkeypatch, text, made):
    """200 times the largest range, in 1.8 KB, took 3.7 s and 919 MB."""
    numbers, make = 0, nodelist._numbers

    def counted(parts: list[tuple[int, int, int]]) -> list[str]:
        nonlocal numbers
        found = make(parts)
        numbers += len(found)
        return found

    monkeypatch.setattr(nodelist, "_numbers", counted)
    tracemalloc.start()
    try:
        names = nodelist._expand(text)
        assert tracemalloc.get_traced_memory()[1] < 64 << 20
    finally:
        tracemalloc.stop()
    assert numbers == made
    assert len(names) <= MAX_NODES + 200


def test_control_characters_are_removed():
    assert expand("a\x1b[1-2],b\x07") == ("a 1", "a 2", "b")


@given(text=st.text() | st.text(alphabet="ab0123456789[]-,", max_size=60))
def test_any_text_gives_a_bounded_result(text):
    assert len(expand(text)) <= MAX_NODES + text.count(",") + 1
