"""The file that ``dask scheduler --scheduler-file`` writes; a hanging file server delays nothing else."""

import json
import subprocess
import sys
from pathlib import Path
from threading import Event

import pytest

from dasktop.collectors.model.errors import NoSchedulerError
from dasktop.collectors.model.readings import JobScript
from dasktop.collectors.sources.dask import scheduler_file
from dasktop.collectors.sources.dask.scheduler_file import SchedulerFiles, address_from_scheduler_file
from dasktop.collectors.system import event_loop
from tests.support.dask_processes import Scheduler, is_complete


def test_file_of_a_real_scheduler(tmp_path: Path) -> None:
    file = tmp_path / "scheduler.json"
    with Scheduler("--scheduler-file", str(file)) as scheduler:
        scheduler.wait_for(lambda: is_complete(file), "its file")
        assert address_from_scheduler_file(file) == scheduler.address
        assert address_from_scheduler_file(str(file)) == scheduler.address


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "is not valid JSON; it may be incomplete"),
        (b'{"address": "tcp://10.', "is not valid JSON; it may be incomplete"),
        (b"\xff\xfe\x00", "is not valid JSON"),
        (b'{"workers": ' + b"[" * 100_000, "is not valid JSON"),
        (b"[" * 100_000, "has no address"),
        (b"[]", "has no address"),
        (b"{}", "has no address"),
        (b'{"address": null}', "has no address"),
        (b'{"address": 8786}', "has no address"),
        (b'{"address": "\\u001b\\u0007"}', "has no address"),
    ],
)
def test_files_without_an_address(tmp_path: Path, content: bytes, complaint: str) -> None:
    file = tmp_path / "scheduler.json"
    file.write_bytes(content)
    with pytest.raises(NoSchedulerError) as failure:
        address_from_scheduler_file(file)
    assert str(file) in str(failure.value)
    assert complaint in str(failure.value)


def test_unreadable_files(tmp_path: Path) -> None:
    for path, complaint in [
        (str(tmp_path / "missing"), "No such file or directory"),
        (str(tmp_path), "Is a directory"),
        (str(tmp_path / "a\nb\x1b[2J"), "No such file or directory"),
        ("nul\0", "null"),
    ]:
        with pytest.raises(NoSchedulerError, match="cannot read the scheduler file") as failure:
            address_from_scheduler_file(path)
        assert complaint in str(failure.value)
        assert str(failure.value).isprintable()


def test_address_is_cleaned(tmp_path: Path) -> None:
    file = tmp_path / "scheduler.json"
    file.write_text('{"address": "tcp://10.0.0.1:8786\\u001b[2J\\n"}')
    assert address_from_scheduler_file(file) == "tcp://10.0.0.1:8786 [2J"


def test_reading_does_not_import_dask() -> None:
    """It is read before the screen is shown, and importing dask takes a tenth of a second."""
    program = "import sys, dasktop.collectors.sources.dask.scheduler_file; sys.exit('dask' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)


ADDRESSES = {"tcp://a:1"}


def test_hanging_file_delays_no_other(tmp_path, monkeypatch):
    monkeypatch.setattr(scheduler_file, "SECONDS_FOR_A_FILE", 0.1)
    hanging, other = str(tmp_path / "hanging.json"), str(tmp_path / "other.json")
    for file in (hanging, other):
        (tmp_path / file).write_text(json.dumps({"address": "tcp://a:1"}))
    scripts = [JobScript(job_id="7", scheduler_files=(hanging, other, str(tmp_path / "none.json")))]
    answers = Event()

    def read_file(file: str) -> str:
        if file == hanging:
            answers.wait()
        return address_from_scheduler_file(file)

    monkeypatch.setattr(scheduler_file, "address_from_scheduler_file", read_file)

    async def read() -> tuple[frozenset[str], frozenset[str]]:
        files = SchedulerFiles()
        try:
            while other not in files.with_address(ADDRESSES):
                await files.read(scripts)
            first = files.with_address(ADDRESSES)
        finally:
            answers.set()
        while hanging not in files.with_address(ADDRESSES):
            await files.read(scripts)
        return first, files.with_address(ADDRESSES)

    first, then = event_loop.run(read())
    assert first == {other}
    assert then == {other, hanging}
