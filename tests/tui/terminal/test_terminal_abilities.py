"""What a terminal can show, as far as its environment tells."""

import pytest

from dasktop.tui.terminal.abilities import shows_unicode


@pytest.mark.parametrize("value", ["C", "POSIX"])
def test_who_asks_for_the_c_locale_gets_ascii(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", value)
    assert not shows_unicode()
    assert not shows_unicode("utf-8")


def test_else_it_is_the_encoding_that_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LC_ALL", raising=False)
    assert shows_unicode("UTF-8")
    assert not shows_unicode("iso-8859-1")
