"""Following a log file in a thread: what is delivered, and when nothing is."""

import os
import queue
import threading

import pytest

from dasktop.collectors.model.logs import LogPart, Page, Search, Searched, Tail
from dasktop.collectors.sources.logs import follower
from dasktop.collectors.sources.logs.follower import PAGE_BYTES, PAGE_LINES, LogFollower
from dasktop.collectors.sources.logs.log_file import LogFile
from tests.support.waiting import PATIENCE_SECONDS, wait_until


class Following:
    """A follower, and its deliveries."""

    def __init__(self, path) -> None:
        self.path = path
        self.events: queue.SimpleQueue[LogPart | Searched] = queue.SimpleQueue()
        self.follower = LogFollower(self.events.put)
        self.looks = 0

    def tail(self) -> LogPart:
        self.follower.request(Tail(path=str(self.path)))
        return self.next()

    def page(self, at_byte: int, *, is_backwards: bool = False) -> LogPart:
        self.follower.request(Page(path=str(self.path), at_byte=at_byte, is_backwards=is_backwards))
        return self.next()

    def search(self, pattern: str, at_byte: int = 0, *, is_backwards: bool = False) -> None:
        request = Search(path=str(self.path), pattern=pattern, at_byte=at_byte, is_backwards=is_backwards)
        self.follower.request(request)

    def next(self):
        return self.events.get(timeout=PATIENCE_SECONDS)

    def is_quiet(self) -> bool:
        """Whether nothing is delivered of a file that is followed, though it is looked at."""
        looks = self.looks
        wait_until(
            lambda: self.looks >= looks + 3
        )  # after the second of these, everything that the first one found is delivered
        return self.events.empty()

    def write(self, text: str) -> None:
        with self.path.open("a") as log:
            log.write(text)

    def appear(self, text: str) -> None:
        """Create the file with this content in one step."""
        other = self.path.with_name("other")
        other.write_text(text)
        other.replace(self.path)


@pytest.fixture
def log(tmp_path, monkeypatch):
    monkeypatch.setattr(follower, "POLL_SECONDS", 0.02)
    following = Following(tmp_path / "slurm-1.out")
    look = LogFile.look

    def note_and_look(self) -> None:
        following.looks += 1
        look(self)

    monkeypatch.setattr(LogFile, "look", note_and_look)
    yield following
    following.follower.request(None)


def texts(part: LogPart) -> list[str]:
    return [line.text for line in part.lines]


def test_tail_then_new_lines(log):
    log.write("one\ntwo\n")
    first = log.tail()
    assert (texts(first), first.start, first.end, first.size_bytes) == (["one", "two"], 0, 8, 8)
    assert log.is_quiet()
    os.utime(log.path)  # touched only
    assert log.is_quiet()
    log.write("three\n")
    part = log.next()
    assert (texts(part), part.start, part.end) == (["three"], 8, 14)
    assert part.edition == first.edition
    assert log.is_quiet()


def test_unfinished_line_is_delivered_again(log):
    log.write("one\n 10%")
    assert texts(log.tail()) == ["one", " 10%"]
    log.write("\r 20%")
    part = log.next()
    assert (part.start, texts(part)) == (4, [" 20%"])
    log.write("\rdone\nnext\n")
    part = log.next()
    assert (part.start, texts(part)) == (4, ["done", "next"])


def test_file_that_appears_late(log):
    part = log.tail()
    assert (part.is_missing, part.lines) == (True, ())
    assert part.problem == "no such file on this host"
    assert log.is_quiet()  # reported once
    log.appear("here\n")
    assert texts(log.next()) == ["here"]
    log.path.unlink()
    assert log.next().is_missing
    log.appear("again\n")
    assert texts(log.next()) == ["again"]


def test_empty_file(log):
    log.write("")
    part = log.tail()
    assert (part.problem, part.lines, part.size_bytes) == (None, (), 0)
    log.write("first\n")
    assert texts(log.next()) == ["first"]


def test_truncated_and_replaced_while_followed(log):
    log.write("one\ntwo\n")
    first = log.tail()
    log.path.write_text("new\n")
    part = log.next()
    while not part.lines:  # between cutting and writing
        part = log.next()
    assert texts(part) == ["new"]
    assert part.edition != first.edition
    log.appear("one\ntwo\nthree\n")
    assert texts(log.next()) == ["one", "two", "three"]


def test_too_much_new_text_is_skipped(log, monkeypatch):
    is_writing, look = threading.Lock(), follower.LogFile._look

    def look_between(self) -> None:
        with is_writing:
            look(self)

    monkeypatch.setattr(follower.LogFile, "_look", look_between)
    log.write("one\n")
    log.tail()
    with is_writing:  # this amount takes several writes
        log.write("x" * 99 + "\n" + ("y" * 99 + "\n") * (PAGE_BYTES // 50))
    part = log.next()
    assert part.start > 4
    assert part.end == part.size_bytes
    assert set(texts(part)) == {"y" * 99}


def test_pages_are_adjacent(log):
    log.write("".join(f"line {n}\n" for n in range(3 * PAGE_LINES)))
    last = log.tail()
    assert len(last.lines) == PAGE_LINES
    middle = log.page(last.start, is_backwards=True)
    assert (middle.end, len(middle.lines)) == (last.start, PAGE_LINES)
    first = log.page(0)
    assert (first.start, first.end, len(first.lines)) == (0, middle.start, PAGE_LINES)
    assert texts(log.page(last.end)) == []
    assert texts(log.page(10**9)) == []
    log.write("more\n")
    other = LogFollower(lambda _: None)
    other.request(Tail(path=str(log.path)))
    assert log.is_quiet()  # pages aren't followed, while the other follows
    other.request(None)


def test_search_delivers_position_and_lines(log):
    log.write("".join(f"line {n}\n" for n in range(3 * PAGE_LINES)))
    log.search("line 3000$")
    part, result = log.next(), log.next()
    assert result.is_over
    (found,) = [n for n, line in enumerate(part.lines) if line.at_byte == result.found_at]
    assert part.lines[found].text == "line 3000"
    assert found == PAGE_LINES // 2
    counted = log.next()
    assert (counted.search, counted.place, counted.number) == (result.search, 1, 1)
    log.search("nowhere")
    result = log.next()
    assert (result.is_over, result.found_at) == (True, None)


def test_matches_are_counted_unless_the_file_is_large(log, monkeypatch):
    log.write("".join(f"line {n}\n" for n in range(PAGE_LINES)))
    at_byte = log.path.read_text().index("line 90\n")
    log.search("line 9", at_byte=at_byte)
    part, result, counted = log.next(), log.next(), log.next()
    assert result.found_at == at_byte
    assert (counted.place, counted.number) == (2, 111)
    log.write("line 9999\n")
    log.search("line 9", at_byte=at_byte)
    assert [log.next(), log.next(), log.next()][-1].number == 112
    monkeypatch.setattr(follower, "COUNT_BYTES", part.size_bytes)
    log.search("line 9", at_byte=at_byte)
    assert [log.next(), log.next()][-1].is_over
    assert isinstance(log.page(0), LogPart), "nothing else is delivered before"


def test_new_request_cancels_a_search(log):
    with log.path.open("wb") as huge:
        huge.truncate(50 * 1024**3)
    log.search("nowhere.*")
    assert isinstance(log.next(), Searched)  # under way
    page = log.page(0)
    while isinstance(page, Searched):
        assert not page.is_over
        page = log.next()
    assert page.start == 0


def test_hanging_file_system_delays_nothing(log, monkeypatch, tmp_path):
    hangs, is_over = threading.Event(), threading.Event()
    others = set(threading.enumerate())
    look = follower.LogFile._look

    def wait_and_look(self) -> None:
        if self.path == str(log.path):
            hangs.set()
            is_over.wait(PATIENCE_SECONDS)
        look(self)

    monkeypatch.setattr(follower.LogFile, "_look", wait_and_look)
    log.write("hangs\n")
    log.follower.request(Tail(path=str(log.path)))
    assert hangs.wait(PATIENCE_SECONDS)
    (hanging,) = set(threading.enumerate()) - others
    assert log.events.empty()
    other = tmp_path / "other"
    other.write_text("other\n")
    log.follower.request(Tail(path=str(other)))
    assert texts(log.next()) == ["other"], "while the previous file still hangs"
    is_over.set()
    hanging.join(PATIENCE_SECONDS)
    assert log.is_quiet()  # results of cancelled requests are not delivered


def test_internal_error_is_reported(log, monkeypatch):
    def fail(self) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(follower.LogFile, "_look", fail)
    assert "internal error in dasktop: ZeroDivisionError: oops" in log.tail().problem


def test_threads_end(log):
    others = set(threading.enumerate())
    log.write("one\n")
    log.tail()
    (thread,) = [thread for thread in threading.enumerate() if thread.name == "log" and thread not in others]
    assert thread.daemon
    log.follower.request(None)
    thread.join(PATIENCE_SECONDS)
    assert not thread.is_alive()
