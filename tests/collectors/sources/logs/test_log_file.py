"""Reading log files: lines of bytes, files of any size, and files that change while they are read."""

import os
import random
import re
import sys
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dasktop.collectors.model.logs import Search
from dasktop.collectors.sources.logs import log_file
from dasktop.collectors.sources.logs.follower import _required_word, search
from dasktop.collectors.sources.logs.lines import MAX_LINE_BYTES, Block, shown
from dasktop.collectors.sources.logs.log_file import LogFile, UnreadableError
from dasktop.collectors.text.patterns import compiled

KIB = 1024
GIB = 1024**3


def looked_at(path: Path) -> LogFile:
    file = LogFile(str(path))
    file.look()
    return file


def texts(block: Block) -> list[str]:
    return [line.line().text for line in block.lines()]


class TestShown:
    @pytest.mark.parametrize(
        ("raw", "text"),
        [
            (b"plain\n", "plain"),
            (b"plain\r\n", "plain"),
            (b"    indented\n", "    indented"),
            (b"a\tb\n", "a   b"),
            ("Grüße, 日本 🚀\n".encode(), "Grüße, 日本 🚀"),
            (b"Gr\xfc\xdfe\n", "Grüße"),
            (b"half a character: \xe6\x97\n", "half a character: æ\ufffd"),
            (b"\0\0\0after a hole\n", "after a hole"),
            (
                b"\x1b[1;31mred\x1b[0m \x1b]0;title\x07text\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\ \x1b(B!\n",
                "red textlink !",
            ),
            (b"\x1b[2J\x1b[Hcleared\x1b", "cleared"),
            ("a\u202eb\u200bc\x9bd\x07e".encode(), "a b c d e"),
            (b" 10%|#\r 55%|#####\r100%|##########\r\n", "100%|##########"),
            (b" 10%|#\r100%|##########\r           \r", "100%|##########"),
            (b"\r\r\n", ""),
            (b"", ""),
        ],
    )
    def test_lines_are_cleaned(self, raw, text):
        assert shown(raw) == text

    @given(st.binary(max_size=300))
    def test_terminal_codes_are_removed(self, raw):
        assert not re.search(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff]", shown(raw))


class TestLines:
    @given(st.lists(st.binary(max_size=3 * MAX_LINE_BYTES), max_size=4))
    def test_lines_contain_each_byte_once(self, parts):
        block = b"\n".join(parts)
        lines = list(Block(1000, block).lines())
        assert b"".join(line.raw for line in lines) == block
        assert [line.at_byte for line in lines] == [1000, *(line.end for line in lines[:-1])][: len(lines)]
        assert all(0 < len(line.raw) <= MAX_LINE_BYTES for line in lines)
        assert all(line.is_whole for line in lines[:-1])

    @given(st.text(alphabet="aü日🚀", min_size=1, max_size=20))
    def test_long_line_is_split_between_characters(self, text):
        text *= 2 * MAX_LINE_BYTES // len(text)
        assert "".join(shown(line.raw) for line in Block(0, text.encode()).lines()) == text


class TestPages:
    @pytest.mark.parametrize("most_bytes", [5 * KIB, 64 * KIB, GIB])
    def test_pages_have_no_gaps(self, tmp_path, most_bytes):
        some = random.Random(4)
        lengths = [0, 1, 10, 80, 200, 4095, 4096, 4097, 20_000]
        content = b"".join(bytes(some.choices(b"abc\xc3\xbc", k=some.choice(lengths))) + b"\n" for _ in range(300))
        path = tmp_path / "log"
        path.write_bytes(content + b"unfinished")
        file = looked_at(path)
        forwards, at_byte = b"", 0
        while at_byte < file.size_bytes:
            page = file.block_after(at_byte, most_bytes)
            assert page.at_byte == at_byte
            forwards += page.raw
            at_byte = page.end
        backwards, at_byte = b"", file.size_bytes
        while at_byte > 0:
            page = file.block_before(at_byte, most_bytes)
            assert page.end == at_byte
            backwards = page.raw + backwards
            at_byte = page.at_byte
        assert forwards == backwards == path.read_bytes()

    def test_backward_page_begins_with_a_line(self, tmp_path):
        path = tmp_path / "log"
        path.write_text("".join(f"line {n}\n" for n in range(100_000)))
        file = looked_at(path)
        for most_bytes in range(5000, 5020):
            lines = texts(file.block_before(file.size_bytes, most_bytes))
            assert lines[-1] == "line 99999"
            assert all(re.fullmatch(r"line \d{5}", line) for line in lines)

    def test_only_the_end_of_large_files_is_read(self, tmp_path):
        path = tmp_path / "huge"
        with path.open("wb") as huge:
            huge.truncate(3 * GIB)
            huge.seek(0, os.SEEK_END)
            huge.write(b"\nthe end\n")
        file = looked_at(path)
        lines = texts(file.block_before(file.size_bytes, 128 * KIB))
        assert lines[-1] == "the end"
        assert file.bytes_read <= 130 * KIB
        found = list(
            search(file, Search(path=str(path), pattern="the end", at_byte=file.size_bytes, is_backwards=True))
        )
        assert [step.found_at for step in found] == [3 * GIB + 1]
        next(search(file, Search(path=str(path), pattern="the end", at_byte=0)))  # the rest is not searched
        assert file.bytes_read <= 1024 * KIB

    def test_line_of_ten_megabytes(self, tmp_path):
        path = tmp_path / "log"
        path.write_bytes(b"x" * 10_000_000 + b"\nlast\n")
        file = looked_at(path)
        lines = texts(file.block_before(file.size_bytes, 128 * KIB))
        assert lines[-1] == "last"
        assert len(lines) < 40
        assert file.bytes_read < 150 * KIB


class TestSearch:
    @pytest.fixture
    def file(self, tmp_path):
        path = tmp_path / "log"
        path.write_text("".join(f"line {n}\n" for n in range(200_000)))
        return looked_at(path)

    def found(self, file, pattern, at_byte=0, *, is_backwards=False):
        steps = list(search(file, Search(path=file.path, pattern=pattern, at_byte=at_byte, is_backwards=is_backwards)))
        assert [step.is_over for step in steps] == [False] * (len(steps) - 1) + [True]
        searched = [step.bytes_searched for step in steps]
        assert searched == sorted(searched)
        assert all(step.bytes_searched <= step.bytes_in_all == file.size_bytes for step in steps)
        at_byte = steps[-1].found_at
        line = None if at_byte is None else texts(file.block_after(at_byte, 8 * KIB))[0]
        return line, steps[-1].wrapped

    def test_search_down_up_and_wrapped(self, file):
        half = file.size_bytes // 2
        half = file.block_before(half, 8 * KIB).at_byte
        assert self.found(file, r"^line 1?9{5}$") == ("line 99999", False)
        assert self.found(file, r"9{5}", half, is_backwards=True) == ("line 99999", False)
        assert self.found(file, r"9{5}", file.size_bytes, is_backwards=True) == ("line 199999", False)
        assert self.found(file, r"e 7$", half) == ("line 7", True)
        assert self.found(file, r"e 199998$", half, is_backwards=True) == ("line 199998", True)
        assert self.found(file, "nowhere", half) == (None, False)
        assert self.found(file, "nowhere", half, is_backwards=True) == (None, False)

    def test_invalid_pattern_and_smart_case(self, tmp_path):
        path = tmp_path / "log"
        path.write_text("f(x\nERROR\nerror\n")
        file = looked_at(path)
        assert self.found(file, "(X") == (None, False)
        assert self.found(file, "(x") == ("f(x", False)
        assert self.found(file, "error") == ("ERROR", False)
        assert self.found(file, "Error") == (None, False)

    @example("\u017f", "s")
    @given(st.text("aAkKsS\u212a\u017f \x1b\0[m\r\n", max_size=30), st.text("aAkKsS :-", min_size=1, max_size=4))
    def test_shown_words_are_found(self, text, word):
        required = _required_word(word, compiled(word))
        shows = [line for line in texts(Block(0, text.encode())) if compiled(word).search(line)]
        assert not shows or required is None or required.may_be_in(text.encode())

    def test_search_matches_the_shown_text(self, tmp_path):
        path = tmp_path / "log"
        path.write_bytes(b"\x1b[31mEr\x1b[0mror\n10%\r20%\nGr\xfc\xdfe\n")
        file = looked_at(path)
        assert self.found(file, "^Error$")[0] == "Error"
        assert self.found(file, "10%")[0] is None
        assert self.found(file, "grüße")[0] == "Grüße"


class TestChanges:
    def test_unchanged_file(self, tmp_path):
        path = tmp_path / "log"
        path.write_text("one\n")
        file = looked_at(path)
        edition, read = file.edition, file.bytes_read
        file.look()
        assert (file.edition, file.bytes_read) == (edition, read)

    def test_growing_file_keeps_its_edition(self, tmp_path):
        path = tmp_path / "log"
        path.write_text("one\n")
        file = looked_at(path)
        edition = file.edition
        with path.open("a") as writing:
            writing.write("two\n")
        file.look()
        assert (file.edition, file.size_bytes) == (edition, 8)

    @pytest.mark.parametrize("text", ["", "new\n", "other, but longer\n", "six 6\n"])
    def test_truncated_or_rewritten_file_is_new_edition(self, tmp_path, text):
        path = tmp_path / "log"
        path.write_text("one 1\n")
        file = looked_at(path)
        edition = file.edition
        path.write_text(text)
        os.utime(path, ns=(1, 1))  # however coarse the file system's clock
        file.look()
        assert file.edition != edition
        assert texts(file.block_after(0, KIB)) == text.splitlines()

    def test_replaced_file_is_new_edition(self, tmp_path):
        path = tmp_path / "log"
        path.write_text("one\n")
        file = looked_at(path)
        edition = file.edition
        (tmp_path / "new").write_text("one\ntwo\n")
        (tmp_path / "new").replace(path)
        file.look()
        assert file.edition != edition
        assert texts(file.block_before(8, KIB)) == ["one", "two"]

    def test_file_truncated_while_reading(self, tmp_path):
        path = tmp_path / "log"
        path.write_text("line\n" * 100_000)
        file = looked_at(path)
        steps = search(file, Search(path=str(path), pattern="none", at_byte=0))
        next(steps)
        os.truncate(path, 3)
        assert list(steps)[-1].is_over
        assert file.block_before(400_000, 8 * KIB).raw == b""


class TestUnreadable:
    def problem(self, path) -> UnreadableError:
        with pytest.raises(UnreadableError) as caught:
            LogFile(str(path)).look()
        return caught.value

    def test_missing_file(self, tmp_path):
        assert self.problem(tmp_path / "none").is_missing
        (tmp_path / "file").touch()
        assert self.problem(tmp_path / "file" / "none").is_missing

    def test_not_a_regular_file(self, tmp_path):
        os.mkfifo(tmp_path / "pipe")
        assert str(self.problem(tmp_path)) == "it is a directory, not a regular file"
        assert str(self.problem(tmp_path / "pipe")) == "it is a pipe, not a regular file"
        assert str(self.problem("/dev/tty")) == "it is a device, not a regular file"
        assert str(self.problem("/dev/null")) == "the job's output is discarded (/dev/null)"

    def test_loop_of_symbolic_links(self, tmp_path):
        (tmp_path / "loop").symlink_to("loop")
        assert str(self.problem(tmp_path / "loop")) == "cannot read it: Too many levels of symbolic links"

    def test_no_permission(self, tmp_path, monkeypatch):
        (tmp_path / "log").touch()

        def refuse(*arguments: object) -> int:  # root may read everything
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(log_file.os, "open", refuse)
        assert str(self.problem(tmp_path / "log")) == "permission denied"

    def test_file_appears_later(self, tmp_path):
        file = LogFile(str(tmp_path / "late"))
        with pytest.raises(UnreadableError):
            file.look()
        (tmp_path / "late").write_text("here\n")
        file.look()
        assert texts(file.block_after(0, KIB)) == ["here"]


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
def test_closes_its_files(tmp_path):
    path = tmp_path / "log"
    path.write_text("one\n")
    file = LogFile(str(path))

    def is_open() -> bool:
        return str(path) in [str(entry.readlink()) for entry in Path("/proc/self/fd").iterdir() if entry.exists()]

    file.look()
    assert is_open()
    file.close()
    assert not is_open()
