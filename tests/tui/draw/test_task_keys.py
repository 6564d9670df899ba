"""Cutting task keys: which part of a key is left out first."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dasktop.tui.draw.task_keys import cut_key, shorten_token, without_token
from dasktop.tui.draw.text_width import width

UUID = "d762bb1d-7edc-4d3a-9f3a-1b2c3d4ecb17"
MD5 = "8a7f0d5e2c418a7f0d5e2c418a7f0d5e"


@pytest.mark.parametrize(
    ("key", "cells", "shown"),
    [
        (f"regrid-{UUID}-12", 80, f"regrid-{UUID}-12"),
        (f"regrid-{UUID}-12", 20, "regrid-d762bb1d-…-12"),
        (f"regrid-{UUID}-12", 11, "regrid-…-12"),
        (f"regrid-{UUID}-12", 9, "regri…-12"),
        (f"('load-{MD5}', 7, 312)", 24, "('load-8a7f0d…', 7, 312)"),
        (f"('load-{MD5}', 7, 312)", 20, "('load-8a…', 7, 312)"),
        (f"('load-{MD5}', 7, 312)", 14, "('load…7, 312)"),
        (f"Dask-1  regrid-{UUID}-12", 20, "Dask-1  regrid-d…-12"),
        (f"train-{MD5}", 12, "train-8a7f0…"),
        (f"train-{MD5}", 4, "tra…"),
        (f"30s of ~2.5s  {UUID}  ('load-{MD5}', 3)", 66, f"30s of ~2.5s  {UUID}  ('load-8…', 3)"),
        ("step-of-a-long-name-20250101-17", 20, "step-of-a…0250101-17"),
        ("", 3, ""),
    ],
)
def test_token_is_shortened_first(key: str, cells: int, shown: str) -> None:
    assert cut_key(key, cells, 10) == shown


@pytest.mark.parametrize(
    ("key", "name"),
    [
        (f"inc-{UUID}-3", "inc-…-3"),
        (f"('load-{MD5}', 3)", "('load-…', 3)"),
        ("decade-20250101", "decade-20250101"),
        ("feedface1-4", "…-4"),
    ],
)
def test_what_is_left_without_the_token(key: str, name: str) -> None:
    assert without_token(key) == name


def test_heading_keeps_a_number_after_the_token() -> None:
    assert shorten_token(f"failed task inc-{UUID}-3", 24) == "failed task inc-d762b…-3"
    assert shorten_token("computation of a long line", 9) == "computation of a long line"


@given(st.text(max_size=20), st.sampled_from(["", UUID, MD5, "8a7f0d5e"]), st.text(max_size=20), st.integers(0, 60))
def test_any_text_fits(head: str, token: str, rest: str, cells: int) -> None:
    assert width(cut_key(f"{head}-{token}-{rest}", cells, 10)) <= cells
