"""Recording files: recorded snapshots are read back; of a damaged file, all valid lines are."""

import gzip
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from dasktop.collectors.model.errors import RecordingError
from dasktop.collectors.model.snapshot import Snapshot, to_json
from dasktop.collectors.recording import lines as recording_lines
from dasktop.collectors.recording import recorder as recorder_module
from dasktop.collectors.recording.file import RecordingFile
from dasktop.collectors.recording.reader import Recording
from dasktop.collectors.recording.recorder import Recorder, RecordingWriter, TokenBucket, write_all
from tests.support.recordings import busy_snapshots
from tests.support.snapshots import everyday, job, pending, snapshot
from tests.support.waiting import PATIENCE_SECONDS

NAMES = ["recording.ndjson", "recording.ndjson.gz"]
both_forms = pytest.mark.parametrize("name", NAMES)

SNAPSHOTS = list(busy_snapshots(jobs=3, count=400, processes=2))


def read(path: Path) -> tuple[list[Snapshot], str | None]:
    recording = Recording(str(path))
    try:
        for _ in recording.scan():
            pass
        return list(recording.snapshots()), recording.remark
    finally:
        recording.close()


def text_of(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


@pytest.fixture(params=NAMES)
def path(request, tmp_path) -> Path:
    return tmp_path / request.param


@pytest.fixture(scope="module")
def content(tmp_path_factory) -> dict[str, bytes]:
    """A recording of these snapshots, in each format."""
    folder = tmp_path_factory.mktemp("recorded")
    for name in NAMES:
        write_all(str(folder / name), SNAPSHOTS, redact=False)
    return {name: (folder / name).read_bytes() for name in NAMES}


@pytest.fixture
def recorded(path, content) -> Path:
    path.write_bytes(content[path.name])
    return path


@pytest.fixture
def plain(tmp_path, content) -> Path:
    path = tmp_path / "recording"
    path.write_bytes(content["recording.ndjson"])
    return path


@pytest.fixture
def packed(tmp_path, content) -> Path:
    path = tmp_path / "recording.gz"
    path.write_bytes(content["recording.ndjson.gz"])
    return path


def test_recorded_snapshots_are_read_back(recorded):
    assert read(recorded) == (SNAPSHOTS, None)


def test_lines_are_keyframes_as_printed_or_deltas(recorded):
    lines = text_of(recorded).splitlines()
    assert json.loads(lines[0])["recording"] == 1
    whole = [line for line in lines[1:] if b'"since":' not in line[:100]]
    assert whole == [to_json(SNAPSHOTS[number]) for number in (0, 151, 302)]


def test_any_snapshot_is_read_directly(recorded):
    recording = Recording(str(recorded))
    for _ in recording.scan():
        pass
    for index in (399, 0, 151, 150, 302, 17):
        assert recording.snapshot(index) == SNAPSHOTS[index]
        assert recording.index_at(SNAPSHOTS[index].taken_at) == index
    recording.close()


def test_snapshots_are_sampled_evenly(recorded):
    recording = Recording(str(recorded))
    for _ in recording.scan():
        pass
    assert list(recording.evenly(100)) == list(range(3, 400, 4))
    assert list(recording.evenly(399)) == list(range(1, 400, 2))
    assert list(recording.evenly(400)) == list(range(400))
    assert list(recording.snapshots(recording.evenly(7))) == SNAPSHOTS[51::58]
    assert list(recording.snapshots()) == SNAPSHOTS
    recording.close()


def test_marks_are_starts_of_findings(recorded):
    recording = Recording(str(recorded))
    for _ in recording.scan():
        pass
    assert [(mark.at, mark.code) for mark in recording.marks] == [(SNAPSHOTS[300].taken_at, "lost-job")]
    recording.close()


def test_existing_file_is_not_overwritten(path):
    path.write_text("precious")
    with pytest.raises(RecordingError, match="already exists"):
        RecordingWriter(str(path))
    assert path.read_text() == "precious"


def test_no_file_without_snapshots(path):
    Recorder(str(path)).close()
    assert not path.exists()


def test_output_of_snapshot_watch_is_a_recording(tmp_path):
    path = tmp_path / "watched"
    path.write_bytes(b"".join(to_json(shown) + b"\n" for shown in SNAPSHOTS[:5]))
    assert read(path) == (SNAPSHOTS[:5], None)


KILLED = """
import sys
from dasktop.collectors.recording.recorder import RecordingWriter
from tests.support.recordings import busy_snapshots
writer = RecordingWriter(sys.argv[1])
for number, shown in enumerate(busy_snapshots(jobs=20, count=100_000, processes=4)):
    writer.write(shown)
    print(number, flush=True)
"""


@both_forms
def test_kill_loses_at_most_the_last_line(name, tmp_path):
    for count in (1, 30, 170):
        path = tmp_path / f"{count}-{name}"
        process = subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert [process.stdout.readline() for _ in range(count)] == [f"{number}\n" for number in range(count)]
        process.send_signal(signal.SIGKILL)  # at an arbitrary position in the file
        rest = process.stdout.read().split("\n")
        process.wait()
        complete = max(int(line) for line in [str(count - 1), *rest[:-1]])
        snapshots, _ = read(path)
        assert len(snapshots) >= complete + 1
        assert snapshots == [
            shown for shown, _ in zip(busy_snapshots(jobs=20, count=100_000, processes=4), snapshots, strict=False)
        ]


def test_truncated_file_keeps_complete_lines(recorded, tmp_path):
    content = recorded.read_bytes()
    cut = tmp_path / f"cut-{recorded.name}"
    counts = []
    for end in range(len(content) // 20, len(content), len(content) // 37):  # the first line is whole by then
        cut.write_bytes(content[:end])
        snapshots, remark = read(cut)
        assert snapshots == SNAPSHOTS[: len(snapshots)]
        assert "truncated" in (remark or ""), "none of these ends at a line break"
        counts.append(len(snapshots))
    assert counts == sorted(counts)
    assert counts[-1] > 370


def test_truncated_plain_file_loses_the_last_line(plain):
    plain.write_bytes(plain.read_bytes()[:-20])
    snapshots, remark = read(plain)
    assert snapshots == SNAPSHOTS[:-1]
    assert remark is not None
    assert "truncated" in remark


@pytest.mark.parametrize("edited", ["{}", "rubbish", "\x00\x01", '{"taken_at": 5}', "[]", '"', "[" * 100_000, ""])
def test_damaged_line_affects_no_other(edited, plain):
    lines = plain.read_bytes().split(b"\n")
    lines[10] = edited.encode()
    plain.write_bytes(b"\n".join(lines))
    snapshots, remark = read(plain)
    assert snapshots == SNAPSHOTS[:9] + SNAPSHOTS[10:]
    if edited:
        assert remark is not None
        assert "1 line skipped, the first: line 11:" in remark
        assert "\n" not in remark


@pytest.mark.parametrize(
    "workers",
    [
        {"rows": [0, 1]},
        {"columns": {"cpu_percent": {"plus": [1] * 6, "per": 0}}},
        {"columns": {"cpu_percent": {"plus": [1] * 6, "per": 1e308}}},
    ],
)
def test_invalid_delta_is_skipped(workers, plain):
    lines = plain.read_bytes().split(b"\n")
    delta = json.loads(lines[10])
    delta["workers"] = workers
    lines[10] = json.dumps(delta).encode()
    plain.write_bytes(b"\n".join(lines))
    snapshots, remark = read(plain)
    assert snapshots == SNAPSHOTS[:9] + SNAPSHOTS[10:]
    assert remark is not None
    assert "1 line skipped" in remark


def test_only_deltas_of_a_damaged_keyframe_are_skipped(plain):
    lines = plain.read_bytes().split(b"\n")
    del lines[1 + 151]
    plain.write_bytes(b"\n".join(lines))
    snapshots, remark = read(plain)
    assert snapshots == SNAPSHOTS[:151] + SNAPSHOTS[302:]
    assert remark is not None
    assert "150 lines skipped" in remark


def test_unfinished_file_is_truncated_or_still_written(path):
    writer = RecordingWriter(str(path))
    for shown in SNAPSHOTS[:5]:
        writer.write(shown)
    is_gzip = path.suffix == ".gz"  # in a plain file, the end of the file looks like the end of any line
    assert read(path) == (SNAPSHOTS[:5], f"{path}: truncated, or still being written" if is_gzip else None)
    writer.close()
    assert read(path) == (SNAPSHOTS[:5], None)


def test_data_after_gzip_is_reported(tmp_path):
    path = tmp_path / "recording.gz"
    write_all(str(path), SNAPSHOTS[:5], redact=False)
    path.write_bytes(path.read_bytes() + b"and more\n")
    snapshots, remark = read(path)
    assert snapshots == SNAPSHOTS[:5]
    assert remark is not None
    assert "damaged" in remark


def test_damaged_gzip_member_affects_no_other(packed):
    content = bytearray(packed.read_bytes())
    second = content.index(b"\x1f\x8b\x08", content.index(b"\x1f\x8b\x08", 3) + 3)
    content[second + 500 : second + 600] = bytes(100)
    packed.write_bytes(content)
    snapshots, remark = read(packed)
    assert snapshots[:151] == SNAPSHOTS[:151]
    assert snapshots[-98:] == SNAPSHOTS[302:]
    assert remark is not None
    assert "damaged" in remark


def test_zcat_reads_a_recording(packed):
    text = subprocess.run(["gzip", "-dc", str(packed)], capture_output=True, check=True).stdout
    assert text.count(b"\n") == 401


def test_file_compressed_by_gzip_is_read(plain):
    packed = plain.with_name("recording.bin")
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert read(packed) == (SNAPSHOTS, None)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n\n",
        b"hello\nworld\n",
        b"{}\n",
        b"[]",
        bytes(1000),
        b"\x1f\x8b\x08",
        b"\x1f\x8b\x08" + bytes(100),
        b"\xff\xfe" * 99,
        b'{"recording":1}\n',
        b'{"taken_at":"2025-11-22T12:00:02Z","since":"2025-11-22T12:00:00Z"}\n',
    ],
)
def test_other_file_is_rejected_in_one_line(content, tmp_path):
    path = tmp_path / "foreign"
    path.write_bytes(content)
    with pytest.raises(RecordingError, match=r"foreign (is not a dasktop recording|has no snapshot)") as raised:
        read(path)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("which", ["missing", "folder", "pipe", "/dev/zero"])
def test_unreadable_file_is_rejected_in_one_line(which, tmp_path):
    path = tmp_path / which
    if which == "folder":
        path.mkdir()
    if which == "pipe":
        os.mkfifo(path)
    with pytest.raises(RecordingError, match=f"cannot read .*{which}: "):
        read(path)


def test_newer_recording_is_shown_in_part(tmp_path):
    path = tmp_path / "newer"
    write_all(str(path), SNAPSHOTS[:3], redact=False)
    head, first, *others = path.read_bytes().split(b"\n")
    newer = json.loads(head) | {"recording": 2, "program": "dasktop 9.0"}
    strange = b'{"kind": "of line that is new"}'
    path.write_bytes(b"\n".join([json.dumps(newer).encode(), strange, first, *others]))
    snapshots, remark = read(path)
    assert snapshots == SNAPSHOTS[:3]
    assert remark is not None
    assert "written by a newer dasktop (a recording of version 2 (dasktop 9.0), this dasktop reads 1)" in remark


def test_newer_snapshots_are_reported(tmp_path):
    path = tmp_path / "newer"
    path.write_text('{"schema_version": 7, "taken_at": "2031-01-01T00:00:00Z", "galaxies": []}\n')
    snapshots, remark = read(path)
    assert snapshots == []
    assert remark is not None
    assert "snapshots of version 7, this dasktop reads 1" in remark


def test_control_characters_are_removed(tmp_path):
    path = tmp_path / "recording"
    hostile = replace(snapshot([job(name="\x1b[2Jname\u202e", reason="a\nb")]), taken_at=everyday().taken_at)
    path.write_bytes(to_json(hostile) + b"\n")
    [shown], _ = read(path)
    assert (shown.jobs[0].name, shown.jobs[0].reason) == ("[2Jname", "a b")


class TestSizeLimit:
    """Small recordings are complete; large ones contain at least all changes that matter."""

    def test_short_recording_is_complete(self, path):
        writer = RecordingWriter(str(path), rate_limit=TokenBucket())
        for shown in SNAPSHOTS:
            writer.write(shown)
        writer.close()
        assert read(path) == (SNAPSHOTS, None)

    def test_large_recording_is_limited_and_counts_omissions(self, path):
        writer = RecordingWriter(str(path), rate_limit=TokenBucket(bytes_a_second=20, saved=5000))
        for shown in SNAPSHOTS:
            writer.write(shown)
        writer.close()
        kept, remark = read(path)
        assert remark is None
        assert [SNAPSHOTS.index(shown) for shown in kept] == sorted(SNAPSHOTS.index(shown) for shown in kept)
        assert len(kept) < len(SNAPSHOTS) / 2
        assert path.stat().st_size < 5000 + 20 * 800 + 10_000
        left_out = sum(msgspec.json.decode(line).get("left_out", 0) for line in text_of(path).splitlines())
        behind_the_last = len(SNAPSHOTS) - 1 - SNAPSHOTS.index(kept[-1])
        assert len(kept) + left_out + behind_the_last == len(SNAPSHOTS)

    def test_every_change_of_state_is_recorded(self, path):
        changing = [
            replace(snapshot([pending(reason=f"Reason{number // 7}")]), taken_at=shown.taken_at)
            for number, shown in enumerate(SNAPSHOTS)
        ]
        writer = RecordingWriter(str(path), rate_limit=TokenBucket(bytes_a_second=0, saved=0))
        for shown in changing:
            writer.write(shown)
        writer.close()
        kept, _ = read(path)
        assert [shown.jobs[0].reason for shown in kept] == [f"Reason{number}" for number in range(58)]


class TestDiskErrors:
    """Errors of the disk are reported once; recording and watching continue."""

    @pytest.fixture
    def full_disk(self, monkeypatch):
        real, state = os.write, {"full": False}

        def write(descriptor: int, text: bytes) -> int:
            if state["full"]:
                real(descriptor, bytes(text[: len(text) // 2]))  # a part of it still fits
                raise OSError(28, "No space left on device")
            return real(descriptor, text)

        monkeypatch.setattr("dasktop.collectors.recording.file.os.write", write)
        return state

    def test_full_disk_is_reported(self, path, full_disk):
        writer = RecordingWriter(str(path))
        for number, shown in enumerate(SNAPSHOTS):
            full_disk["full"] = 100 <= number < 110
            if full_disk["full"]:
                with pytest.raises(OSError, match="No space left"):
                    writer.write(shown)
            else:
                writer.write(shown)
        writer.close()
        assert read(path) == (SNAPSHOTS[:100] + SNAPSHOTS[110:], None)
        assert any(b'"left_out":10' in line for line in text_of(path).splitlines())

    def test_failed_file_can_be_created_later(self, path, full_disk):
        full_disk["full"] = True
        with pytest.raises(RecordingError, match=r"cannot write .*: No space left on device"):
            RecordingWriter(str(path))
        assert not path.exists()
        full_disk["full"] = False
        RecordingWriter(str(path)).close()

    def test_error_is_reported_once_and_at_the_end(self, path, full_disk):
        reports: list[str] = []
        recorder = Recorder(str(path), report=reports.append)
        full_disk["full"] = True
        for shown in SNAPSHOTS[:5]:
            recorder.take(shown)
        recorder.flush()
        full_disk["full"] = False
        recorder.take(SNAPSHOTS[5])
        recorder.flush()
        assert recorder.fault is None
        recorder.close()
        assert reports == [f"cannot write {path}: No space left on device"]
        assert read(path)[0] == [SNAPSHOTS[5]]

    @pytest.fixture
    def hang(self, monkeypatch):
        """Let the disk hang until the end of the test."""
        is_over = threading.Event()
        others = set(threading.enumerate())
        yield lambda: monkeypatch.setattr(RecordingFile, "add", lambda *_, **__: is_over.wait(PATIENCE_SECONDS) and 0)
        is_over.set()
        for thread in set(threading.enumerate()) - others:
            thread.join(PATIENCE_SECONDS)

    def test_hanging_disk_delays_nothing(self, path, monkeypatch, hang):
        monkeypatch.setattr(recorder_module, "CLOSE_SECONDS", 0.2)
        recorder = Recorder(str(path))
        hang()
        for shown in SNAPSHOTS:
            recorder.take(shown)
        recorder.close()
        assert recorder.fault is not None
        assert "is too slow" in recorder.fault

    def test_unwritten_end_is_reported(self, path, monkeypatch, hang):
        monkeypatch.setattr(recorder_module, "CLOSE_SECONDS", 0.1)
        reports: list[str] = []
        recorder = Recorder(str(path), report=reports.append)
        hang()
        recorder.take(SNAPSHOTS[0])
        recorder.close()
        assert reports == [recorder.fault] == [f"{path}: the disk is too slow; the last snapshots are not recorded"]


def test_redacted_recording_can_be_replayed(path):
    write_all(str(path), SNAPSHOTS[:20], redact=True)
    snapshots, _ = read(path)
    assert [shown.totals for shown in snapshots] == [shown.totals for shown in SNAPSHOTS[:20]]
    assert b'"ada"' not in text_of(path)
    assert recording_lines.head(text_of(path).splitlines()[0]).redacted
