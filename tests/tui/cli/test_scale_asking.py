"""How ``dasktop scale`` asks for confirmation: only input after the plan is an answer."""

import os
import select
import sys

import click
import pytest

from dasktop.tui.cli import scale


def test_input_typed_before_the_question_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = os.openpty()
    with os.fdopen(theirs, "r+b", buffering=0, closefd=False) as terminal:
        os.write(ours, b"y\n")
        assert select.select([theirs], [], [], 30)[0]
        left: list[bool] = []

        def confirm(question: str) -> bool:
            left.append(bool(select.select([theirs], [], [], 0)[0]))
            return True

        monkeypatch.setattr(sys, "stdin", terminal)
        monkeypatch.setattr(sys, "stdout", terminal)
        monkeypatch.setattr(click, "confirm", confirm)
        scale._ask()
        monkeypatch.undo()
    os.close(ours)
    os.close(theirs)
    assert left == [False]
