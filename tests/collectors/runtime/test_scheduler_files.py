"""Scheduler files on a file server that hangs delay neither polls nor other files."""

import json
from threading import Event

from dasktop.collectors.model.readings import JobScript
from dasktop.collectors.runtime import scheduler_files
from dasktop.collectors.runtime.scheduler_files import SchedulerFiles
from dasktop.collectors.sources.dask.scheduler_file import address_from_scheduler_file
from dasktop.collectors.system import event_loop

ADDRESSES = {"tcp://a:1"}


def test_hanging_file_delays_no_other(tmp_path, monkeypatch):
    monkeypatch.setattr(scheduler_files, "SECONDS_FOR_A_FILE", 0.1)
    hanging, other = str(tmp_path / "hanging.json"), str(tmp_path / "other.json")
    for file in (hanging, other):
        (tmp_path / file).write_text(json.dumps({"address": "tcp://a:1"}))
    scripts = [JobScript(job_id="7", scheduler_files=(hanging, other, str(tmp_path / "none.json")))]
    answers = Event()

    def read_file(file: str) -> str:
        if file == hanging:
            answers.wait()
        return address_from_scheduler_file(file)

    monkeypatch.setattr(scheduler_files, "address_from_scheduler_file", read_file)

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
