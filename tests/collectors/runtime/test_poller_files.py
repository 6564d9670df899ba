"""Scheduler files that scripts name, on a file server that hangs: they hold up neither the poll nor each other."""

import json
from threading import Event

from dasktop.collectors.model.options import Options
from dasktop.collectors.model.readings import JobScript
from dasktop.collectors.runtime import poller
from dasktop.collectors.runtime.poller import Poller
from dasktop.collectors.sources.dask.scheduler_file import address_from_scheduler_file
from dasktop.collectors.system import event_loop


def test_one_that_hangs_holds_up_no_other_and_is_read_when_it_answers(tmp_path, monkeypatch):
    monkeypatch.setattr(poller, "SECONDS_FOR_A_FILE", 0.1)
    hanging, other = str(tmp_path / "hanging.json"), str(tmp_path / "other.json")
    for file in (hanging, other):
        (tmp_path / file).write_text(json.dumps({"address": "tcp://a:1"}))
    scripts = [JobScript(job_id="7", scheduler_files=(hanging, other, str(tmp_path / "none.json")))]
    answers = Event()

    def read_file(file: str) -> str:
        if file == hanging:
            answers.wait()
        return address_from_scheduler_file(file)

    monkeypatch.setattr(poller, "address_from_scheduler_file", read_file)

    async def read() -> tuple[frozenset[str], frozenset[str]]:
        watched = Poller(Options(slurm=False))
        watched.attach_to("tcp://a:1")
        try:
            while other not in watched._names_of_scheduler():
                await watched._read_scheduler_files(scripts)
            first = watched._names_of_scheduler()
        finally:
            answers.set()
        while hanging not in watched._names_of_scheduler():
            await watched._read_scheduler_files(scripts)
        return first, watched._names_of_scheduler()

    first, then = event_loop.run(read())
    assert first == {"tcp://a:1", other}
    assert then == {"tcp://a:1", other, hanging}
