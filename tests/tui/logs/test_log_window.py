"""The lines of a log that the screen keeps, and their layout in rows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dasktop.collectors.model.logs import LogLine, LogPart
from dasktop.collectors.sources.logs.lines import Block
from dasktop.tui.draw.text_width import width
from dasktop.tui.logs import window as log_window
from dasktop.tui.logs.window import LogRows, LogWindow, Position, last_traceback

HEAD = "Traceback (most recent call last):"
CONTENT = b"".join(b"line %d\n" % number for number in range(50))


def part(start: int, end: int, edition: int = 1, content: bytes = CONTENT) -> LogPart:
    lines = tuple(line.line() for line in Block(start, content[start:end]).lines())
    return LogPart(path="/log", size_bytes=len(content), start=start, end=end, lines=lines, edition=edition)


def starts(content: bytes = CONTENT) -> list[int]:
    return [line.at_byte for line in Block(0, content).lines()]


def texts(window: LogWindow) -> list[str]:
    return [line.text for line in window.lines]


class TestJoining:
    @given(st.lists(st.tuples(st.integers(0, 49), st.integers(1, 50)), max_size=8))
    def test_lines_are_neither_missing_nor_repeated(self, spans):
        places = [*starts(), len(CONTENT)]
        window = LogWindow()
        for first, count in spans:
            window = window.joined(part(places[first], places[min(first + count, 50)]))
            assert texts(window) == CONTENT[window.start : window.end].decode().splitlines()
            assert [line.at_byte for line in window.lines] == [at for at in places if window.start <= at < window.end]

    def test_pages_join_only_if_adjacent(self):
        places = starts()
        window = LogWindow().joined(part(places[10], places[12]))
        assert texts(window.joined(part(places[12], places[13]))) == ["line 10", "line 11", "line 12"]
        assert texts(window.joined(part(places[9], places[10]))) == ["line 9", "line 10", "line 11"]
        assert texts(window.joined(part(places[20], places[21]))) == ["line 20"]
        assert texts(window.joined(part(places[12], places[13], edition=2))) == ["line 12"]
        assert texts(window.joined(part(0, 0))) == []
        assert texts(window.joined(part(places[12], places[12]))) == ["line 10", "line 11"]

    def test_an_unfinished_line_is_replaced(self):
        window = LogWindow().joined(part(0, 10, content=b"line 0\nlin"))
        assert texts(window) == ["line 0", "lin"]
        assert window.go_on_at == 7
        assert texts(window.joined(part(7, 14))) == ["line 0", "line 1"]

    def test_window_is_bounded(self, monkeypatch):
        monkeypatch.setattr(log_window, "MAX_LINES", 5)
        places = starts()
        window = LogWindow().joined(part(places[10], places[14])).joined(part(places[14], places[18]))
        assert texts(window) == [f"line {number}" for number in range(13, 18)]
        assert window.start == places[13]
        window = window.joined(part(places[10], places[13]))
        assert window.lines[0].text == "line 10"
        assert 3 <= len(window.lines) <= 5
        assert CONTENT[window.start : window.end].decode().splitlines() == texts(window)
        monkeypatch.setattr(log_window, "MAX_BYTES", 20)
        window = window.joined(part(window.end, places[20]))
        assert window.end - window.start <= 20
        assert texts(window)[-1] == "line 19"

    def test_lines_are_found_by_position(self):
        window = LogWindow().joined(part(0, len(CONTENT)))
        for index, at_byte in enumerate(starts()):
            assert window.index_of(at_byte) == window.index_of(at_byte + 3) == index
            assert window.has_line(at_byte)
            assert not window.has_line(at_byte + 1)
        assert window.end_of(0) == 7
        assert window.end_of(49) == len(CONTENT)
        assert not LogWindow().has_line(0)


class TestLastTraceback:
    def lines(self, text: str) -> tuple[LogLine, ...]:
        return tuple(line.line() for line in Block(0, text.encode()).lines())

    @pytest.mark.parametrize(
        ("text", "found"),
        [
            ("fine\n", None),
            ("", None),
            (f'a\n{HEAD}\n  File "x"\n    g()\nValueError: b\nmore\n', (1, 4)),
            (f"{HEAD}\n  x\nKeyError: 1\n\nDuring that:\n\n{HEAD}\n  y\nOSError\n", (6, 8)),
            (f"{HEAD}\n  cut off\n", (0, 1)),
            (f"{HEAD}\n", (0, 0)),
            (f"  | {HEAD}\n  |   x\n  | E: y\n", (0, 2)),
        ],
    )
    def test_last_traceback_is_found(self, text, found):
        assert last_traceback(self.lines(text)) == found


class TestRows:
    LINES = tuple(LogLine(at, text) for at, text in enumerate(["", "short", "x" * 25, "日本語" * 5, "e\u0301" * 12]))

    @pytest.mark.parametrize("wraps", [True, False])
    @pytest.mark.parametrize("cells", [1, 2, 7, 10, 80])
    def test_every_row_fits_and_none_is_skipped(self, wraps, cells):
        rows = LogRows(self.LINES, cells, wraps)
        everything = list(rows.from_position(Position(), 1000))
        assert all(width(row.text[row.first : row.last]) <= max(cells, 2) for row in everything)
        if wraps:
            joined = "".join(row.text[row.first : row.last] for row in everything)
            assert joined == "".join(dict.fromkeys(row.text for row in everything))
        for by in range(len(everything)):
            position = rows.moved(Position(), by)
            assert next(rows.from_position(position, 1)) == everything[by]
            assert rows.moved(position, -by) == Position()
        last = rows.moved(Position(), 10_000)
        assert list(rows.from_position(last, 10)) == everything[-1:]
        for height in (1, 3, 1000):
            assert list(rows.from_position(rows.last_top(height), height)) == everything[-height:]

    def test_long_lines_scroll_sideways(self):
        rows = LogRows((LogLine(0, "abcdefgh"), LogLine(9, "日本語")), 3, wraps=False, left=2)
        assert [row.text[row.first : row.last] for row in rows.from_position(Position(), 9)] == ["cde", "本"]

    def test_empty_window_has_no_rows(self):
        rows = LogRows((), 10, wraps=True)
        assert rows.last_top(5) == rows.moved(Position(), 3) == rows.moved(Position(), -3) == Position()
        assert list(rows.from_position(Position(), 5)) == []
