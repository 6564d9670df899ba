"""The forked Python behaves like the program, where tests depend on it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.forked_python import forked_python, with_forked_python
from tests.support.waiting import PATIENCE_SECONDS, wait_until

# Not one long sleep: it may begin just after a signal, which then has no effect.
WAITS = """
import os, time
print(os.getpid(), flush=True)
while True:
    time.sleep(0.1)
"""
ENDS_AT_SIGTERM = f"import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(7)){WAITS}"


def run(*arguments: str, **options: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [forked_python(), *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
        **options,  # type: ignore[call-overload]
    )


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("pass", 0, ""),
        ("import sys; sys.exit(3)", 3, ""),
        ("import sys; sys.exit('it failed')", 1, "it failed\n"),
        ("1 / 0", 1, "ZeroDivisionError: division by zero\n"),
        ("import os; os.kill(os.getpid(), 9)", -9, ""),
    ],
)
def test_end_of_a_process(code: str, status: int, error: str) -> None:
    done = run("-c", code)
    assert done.returncode == status
    assert done.stderr.endswith(error)


def test_process_has_arguments_streams_folder_and_environment_of_its_command(tmp_path: Path) -> None:
    code = "import os, sys; print(sys.argv, sys.path[0], sys.stdin.read(), os.getcwd(), os.environ['GIVEN'])"
    done = run("-c", code, "an argument", input="é", cwd=tmp_path, env=os.environ | {"GIVEN": "a value"})
    assert (done.stdout, done.stderr) == (f"['-c', 'an argument']  é {tmp_path} a value\n", "")


@pytest.mark.parametrize("module", ["distributed.cli.dask_worker", "dasktop.tui"])
def test_module_prints_the_same_help(module: str) -> None:
    usual = subprocess.run([sys.executable, "-m", module, "--help"], capture_output=True, text=True, check=True)
    assert run("-m", module, "--help").stdout == usual.stdout


def test_python_is_started_where_dask_has_other_settings() -> None:
    code = "import dask.config, sys; print(dask.config.get('answer'), sys.orig_argv[0])"
    done = run("-c", code, env=os.environ | {"DASK_ANSWER": "42"})
    assert done.stdout == f"42 {sys.executable}\n"


@pytest.mark.parametrize(
    ("code", "number", "status"),
    [
        (WAITS, signal.SIGTERM, -signal.SIGTERM),
        (WAITS, signal.SIGINT, -signal.SIGINT),
        (ENDS_AT_SIGTERM, signal.SIGTERM, 7),
        (WAITS, signal.SIGKILL, -signal.SIGKILL),  # cannot be passed on
    ],
    ids=["SIGTERM", "SIGINT", "handler", "SIGKILL"],
)
def test_process_ends_with_its_launcher(code: str, number: int, status: int) -> None:
    process = subprocess.Popen(
        with_forked_python([sys.executable, "-c", code]), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    pid = int(process.stdout.readline())
    assert pid != process.pid
    process.send_signal(number)
    assert process.wait(PATIENCE_SECONDS) == status
    wait_until(lambda: not Path(f"/proc/{pid}").exists())
    process.stdout.close()
