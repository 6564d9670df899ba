"""What a terminal can show, according to its environment."""

import pytest

from dasktop.tui.terminal.abilities import shows_unicode


@pytest.mark.parametrize("value", ["C", "POSIX"])
def test_c_locale_means_ascii(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", value)
    assert not shows_unicode()
    assert not shows_unicode("utf-8")


def test_otherwise_the_encoding_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LC_ALL", raising=False)
    assert shows_unicode("UTF-8")
    assert not shows_unicode("iso-8859-1")
