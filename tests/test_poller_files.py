"""Scheduler files that scripts name, on a file server that hangs: they hold up neither the poll nor each other."""

import json
import os

from dasktop.collectors import event_loop
from dasktop.collectors.options import Options
from dasktop.collectors.poller import Poller
from dasktop.collectors.readings import JobScript


def test_one_that_hangs_holds_up_no_other_and_is_read_when_it_answers(tmp_path, monkeypatch):
    monkeypatch.setattr("dasktop.collectors.poller.SECONDS_FOR_A_FILE", 0.1)
    hanging, other = str(tmp_path / "hanging.json"), str(tmp_path / "other.json")
    content = json.dumps({"address": "tcp://a:1"})
    os.mkfifo(hanging)  # opening it waits for somebody who writes
    (tmp_path / "other.json").write_text(content)
    scripts = [JobScript(job_id="7", scheduler_files=(hanging, other, str(tmp_path / "none.json")))]

    async def read() -> tuple[frozenset[str], frozenset[str]]:
        poller = Poller(Options(slurm=False))
        poller.attach_to("tcp://a:1")
        while other not in poller._names_of_scheduler():
            await poller._read_scheduler_files(scripts)
        first = poller._names_of_scheduler()
        writer = os.open(hanging, os.O_WRONLY)
        os.write(writer, content.encode())
        os.close(writer)
        while hanging not in poller._names_of_scheduler():
            await poller._read_scheduler_files(scripts)
        return first, poller._names_of_scheduler()

    first, then = event_loop.run(read())
    assert first == {"tcp://a:1", other}
    assert then == {"tcp://a:1", other, hanging}
