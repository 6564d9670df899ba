"""Running commands: missing, hanging, failing and verbose programs; sharing, bounds and killing."""

import asyncio
import os
import threading
from pathlib import Path

import psutil
import pytest

from dasktop.collectors.model.errors import SourceError, SourceOffError
from dasktop.collectors.sources.slurm import commands as commands_module
from dasktop.collectors.sources.slurm.commands import CommandOutput, Commands, batches, command_environment
from tests.support.fake_programs import CAT, SLEEP, YES, FakePrograms
from tests.support.waiting import PATIENCE_SECONDS, until


@pytest.fixture
def fake(tmp_path: Path) -> FakePrograms:
    return FakePrograms(tmp_path)


def commands(fake: FakePrograms, timeout_seconds: float = PATIENCE_SECONDS) -> Commands:
    return Commands(fake.environment, timeout_seconds)


async def written(file: Path) -> list[int]:
    """Wait until a program has written process ids to this file, and return them."""
    await until(lambda: file.exists() and file.read_text().endswith("\n"))
    return [int(word) for word in file.read_text().split()]  # noqa: ASYNC240 - a small file


async def gone(*pids: int) -> None:
    """Wait until these processes have ended."""
    await until(lambda: not any(map(_runs, pids)))


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE  # an orphan may not be reaped
    except psutil.NoSuchProcess:
        return False


def hanging(fake: FakePrograms, name: str = "squeue") -> Path:
    """Make a program that starts a child and waits for it forever; return the file with the ids of both."""
    pids = fake.folder / f"{name}.pids"
    fake.program(name, f"{SLEEP} 1000 &\necho $$ $! > '{pids}'\nwait")
    return pids


async def test_output_and_exit_status_are_returned(fake):
    fake.prints("squeue", "one\ntwö \x1f\n", complaint="squeue: warning: x\n", status=3)
    printed = await commands(fake).run("squeue", "-h")
    assert (printed.stdout, printed.stderr_lines, printed.status) == ("one\ntwö \x1f\n", ("squeue: warning: x",), 3)


@pytest.mark.parametrize(
    ("text", "lines", "complaint"),
    [
        ("", ["Welcome to Big Iron", "squeue: error: Invalid user: x"], "squeue: error: Invalid user: x"),
        ("", ["squeue: warning: x", "squeue: error: y", "squeue: fatal: z"], "squeue: fatal: z"),
        ("", ["Last failed login: Mon", "allocation failure: no such node"], "allocation failure: no such node"),
        ("", ["sbatch: Job 16 is late", "Hello", "Requested node is not allowed"], "Requested node is not allowed"),
        ("", ["Welcome", "Slurm accounting storage is disabled"], "Slurm accounting storage is disabled"),
        ("", ["Welcome", "oops"], "oops"),
        ("Hello\nslurm_load_jobs error: no\n", ["Welcome"], "slurm_load_jobs error: no"),
        ("", ["squeue: warning: x"], "squeue: warning: x"),
        ("", [], "squeue failed with exit status 1 and printed no error"),
    ],
)
def test_error_message_is_found_among_other_lines(text, lines, complaint):
    assert CommandOutput("squeue", text, tuple(lines), 1).error_message == complaint


def test_banners_and_warnings_are_not_errors():
    lines = (
        "Last failed login: Mon",
        "squeue: warning: error: x",
        "squeue: error: y",
        "job script retrieval failed: z",
    )
    assert CommandOutput("squeue", "", lines, 0).errors == lines[2:]


async def test_invalid_utf8_is_replaced(fake):
    fake.program("squeue", r"printf 'a\377b'")
    assert (await commands(fake).run("squeue")).stdout == "a\ufffdb"


async def test_arguments_are_not_interpreted_by_a_shell(fake):
    fake.program("squeue", "")
    hostile = "$(touch x); `id` 'a' \"b\" * \x1f"
    await commands(fake).run("squeue", hostile)
    assert fake.calls("squeue") == [hostile]


async def test_missing_program_is_reported(fake):
    with pytest.raises(SourceOffError, match=r"^squeue is not on PATH$"):
        await commands(fake).run("squeue")


async def test_program_that_cannot_start_is_reported(fake):
    (fake.folder / "squeue").write_text("#!/no/such/interpreter\n")
    (fake.folder / "squeue").chmod(0o755)
    with pytest.raises(SourceError, match=r"^squeue cannot be run: ") as caught:
        await commands(fake).run("squeue")
    assert not isinstance(caught.value, SourceOffError)


async def test_argument_with_null_character_is_reported(fake):
    fake.program("squeue", "")
    with pytest.raises(SourceError, match=r"^squeue cannot be run: "):
        await commands(fake).run("squeue", "a\0b")


@pytest.mark.parametrize(
    ("complaint", "status", "text"),
    [
        ("squeue: error: no such thing\nmore\n", 1, "squeue: error: no such thing"),
        ("\n  \nsqueue: error: a\x1b[31mb\n", 1, "squeue: error: a [31mb"),
        ("squeue: error: DNS\nsqueue: fatal: no configuration\n", 1, "squeue: fatal: no configuration"),
        ("", 7, "squeue failed with exit status 7 and printed no error"),
        ("x" * 5000, 1, "x" * 300),
    ],
)
async def test_failure_raises_the_message_of_slurm(fake, complaint, status, text):
    fake.prints("squeue", complaint=complaint, status=status)
    printed = await commands(fake).run("squeue")
    with pytest.raises(SourceError) as caught:
        printed.checked()
    assert str(caught.value) == text


async def test_killed_program_is_reported(fake):
    fake.program("squeue", "kill -9 $$")
    assert (await commands(fake).run("squeue")).error_message == "squeue was killed by signal 9"


async def killed_for_hanging(fake: FakePrograms, file: Path) -> list[int]:
    """Increase the timeout until the program writes its process ids before it is killed; return the ids."""
    seconds = 0.5
    while not (file.exists() and file.read_text().endswith("\n")):  # noqa: ASYNC240 - a small file
        file.unlink(missing_ok=True)  # noqa: ASYNC240
        seconds *= 2
        with pytest.raises(SourceError, match=rf"^squeue did not answer within {seconds:g} s$"):
            await commands(fake, timeout_seconds=seconds).run("squeue")
    return await written(file)


async def test_hanging_program_is_killed_with_its_children(fake):
    await gone(*await killed_for_hanging(fake, hanging(fake)))


async def test_child_that_keeps_the_pipe_is_killed(fake):
    pids = fake.folder / "pids"
    fake.program("squeue", f"{SLEEP} 1000 &\necho $! > '{pids}'")
    await gone(*await killed_for_hanging(fake, pids))


async def test_too_much_output_is_an_error(fake, monkeypatch):
    monkeypatch.setattr(commands_module, "MAX_OUTPUT_BYTES", 1 << 20)
    fake.program("squeue", f"exec {YES}")
    with pytest.raises(SourceError, match=r"^squeue printed more than 1 MB$"):
        await commands(fake).run("squeue")


async def test_endless_stderr_does_not_block_a_program(fake):
    (fake.folder / "big").write_text("squeue: error: oops\n" * 200_000)
    fake.program("squeue", f"{CAT} '{fake.folder}/big' >&2; echo done")
    printed = await commands(fake).run("squeue")
    assert printed.stdout == "done\n"
    assert sum(map(len, printed.stderr_lines)) <= commands_module.MAX_STDERR_BYTES


async def test_stdin_is_not_the_terminal(fake):
    fake.program("squeue", f"{CAT}; echo end")
    assert (await commands(fake).run("squeue")).stdout == "end\n"


def waits_for(fake: FakePrograms, name: str) -> Path:
    """Make a program that ends when something is written to the returned pipe."""
    pipe = fake.folder / f"{name}.pipe"
    os.mkfifo(pipe)
    fake.program(name, f"{CAT} < '{pipe}'")
    return pipe


async def test_concurrent_equal_commands_run_once(fake):
    pipe = waits_for(fake, "squeue")
    runner = commands(fake)
    waiting = [asyncio.create_task(runner.run("squeue", "-h")) for _ in range(5)]
    await asyncio.to_thread(pipe.write_text, "answer")
    assert [printed.stdout for printed in await asyncio.gather(*waiting)] == ["answer"] * 5
    assert fake.calls("squeue") == ["-h"]


async def test_later_and_other_commands_are_not_shared(fake):
    fake.program("squeue", 'echo "$1"')
    runner = commands(fake)
    printed = await asyncio.gather(runner.run("squeue", "a"), runner.run("squeue", "b"))
    await runner.run("squeue", "a")
    assert [one.stdout for one in printed] == ["a\n", "b\n"]
    assert sorted(fake.calls("squeue")) == ["a", "a", "b"]


async def test_failure_is_shared_by_all_callers(fake):
    runner = commands(fake)
    outcomes = await asyncio.gather(runner.run("squeue"), runner.run("squeue"), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [SourceOffError, SourceOffError]


async def test_cancelled_caller_does_not_affect_other_callers(fake):
    pipe = waits_for(fake, "squeue")
    runner = commands(fake)
    gives_up, stays = (asyncio.create_task(runner.run("squeue")) for _ in range(2))
    await asyncio.sleep(0)
    gives_up.cancel()
    await asyncio.to_thread(pipe.write_text, "answer")
    assert (await stays).stdout == "answer"
    assert gives_up.cancelled()


async def test_command_without_callers_is_killed(fake):
    pids = hanging(fake)
    task = asyncio.create_task(commands(fake).run("squeue"))
    both = await written(pids)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await gone(*both)


async def test_close_kills_commands_and_starts_no_other(fake):
    pids = hanging(fake)
    runner = commands(fake)
    task = asyncio.create_task(runner.run("squeue"))
    both = await written(pids)
    await asyncio.to_thread(runner.close)
    assert (await task).status == -9
    await gone(*both)
    with pytest.raises(SourceError, match="dasktop is closing"):
        await runner.run("squeue")
    assert len(fake.calls("squeue")) == 1


def test_several_event_loops_in_threads_and_sequence(fake):
    """The sampler has its own thread, and discovery may have used another loop before."""
    fake.prints("squeue", "answer")
    runner = commands(fake)
    answers: list[str] = []

    def run() -> None:
        answers.append(asyncio.run(runner.run("squeue")).stdout)

    for _ in range(2):
        thread = threading.Thread(target=run)
        thread.start()
        thread.join(PATIENCE_SECONDS)
    run()
    assert answers == ["answer"] * 3


async def test_stopped_event_loop_leaves_no_processes(fake):
    pids = hanging(fake)
    runner = commands(fake)

    async def start_and_leave() -> list[int]:
        task = asyncio.create_task(runner.run("squeue"))
        both = await written(pids)
        assert not task.done()
        return both

    await gone(*await asyncio.to_thread(lambda: asyncio.run(start_and_leave())))


def test_environment_drops_variables_that_change_output():
    environment = command_environment(
        {
            "PATH": "/bin",
            "HOME": "/home/ada",
            "SLURM_CONF": "/etc/slurm/slurm.conf",
            "SLURM_CLUSTERS": "big",
            "SLURM_JWT": "token",
            "SLURM_TIME_FORMAT": "relative",
            "SLURM_BITSTR_LEN": "3",
            "SLURM_JOB_ID": "7",
            "SQUEUE_FORMAT": "%i",
            "SQUEUE_STATES": "all",
            "SACCT_FORMAT": "JobID",
            "SINFO_FORMAT": "%n",
            "SCONTROL_ALL": "1",
            "SCANCEL_STATE": "PENDING",
            "LC_ALL": "de_DE",
            "TZ": "Europe/Zurich",
        }
    )
    assert environment == {
        "PATH": "/bin",
        "HOME": "/home/ada",
        "SLURM_CONF": "/etc/slurm/slurm.conf",
        "SLURM_CLUSTERS": "big",
        "SLURM_JWT": "token",
        "SLURM_TIME_FORMAT": "%s",
        "SLURM_BITSTR_LEN": "0",  # arrays whole
        "LC_ALL": "C",
        "TZ": "Europe/Zurich",
    }


def test_batches_hold_at_most_size_items():
    assert list(batches("abcde", 2)) == [("a", "b"), ("c", "d"), ("e",)]
    assert list(batches("", 2)) == []
