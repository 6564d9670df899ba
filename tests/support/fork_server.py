"""Fork the processes of `tests.support.forked_python`: ``python -m tests.support.fork_server FOLDER``.

A launcher creates a FIFO named after its process id in FOLDER, and writes that id to the FIFO ``requests``. Everything
else about the process is read from ``/proc``. The answer in its FIFO is the id of the process, and at its end its exit
status, or the negative number of a signal; or ``exec``, if the launcher has to run Python itself.

The process is killed, with its session, if its launcher ends first. All are if the tests end; then FOLDER is removed.
"""

import atexit
import gc
import importlib
import os
import re
import runpy
import selectors
import shutil
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import ModuleType

import dask.config

from tests.support.startup import worker_server

WORKER = "distributed.cli.dask_worker"
PRELOADED = (
    *("distributed.cli.dask_scheduler", WORKER, "dask_jobqueue"),
    *("dasktop.collectors.sources.dask.collector", "dasktop.tui.app", "textual.drivers.linux_driver"),
    *(f"dasktop.tui.cli.{name}" for name in ("main", "scale", "screen", "snapshot")),
)
_READ_AT_IMPORT = ("DASK_", "PYTHON", "TEXTUAL")
_READ_LATER = frozenset({"DASK_CONFIG", "DASK_JOBQUEUE__SLURM__PYTHON", "PYTHONHASHSEED"})
_COPIED_STREAMS = (5, 6, 7)
_STREAMS = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))
_APPEND = os.O_APPEND | os.O_ACCMODE


class Server:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._selector = selectors.DefaultSelector()
        self._settings = _settings(os.environ)

    def serve(self) -> None:
        """Fork processes until the parent ends."""
        self._requests = os.open(self._folder / "requests", os.O_RDWR)
        self._selector.register(self._requests, selectors.EVENT_READ, self._read_requests)
        self._selector.register(os.pidfd_open(os.getppid()), selectors.EVENT_READ, self._end)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit())
        self._processes: dict[int, Callable[[], None]] = {}
        try:
            while True:
                for key, _ in self._selector.select():
                    if self._selector.get_map().get(key.fd) is key:  # else it was unregistered meanwhile
                        key.data()
        finally:
            for kill in [*self._processes.values()]:
                kill()
            shutil.rmtree(self._folder)

    def _read_requests(self) -> None:
        for line in os.read(self._requests, 4096).split():
            with suppress(ProcessLookupError, FileNotFoundError):  # the launcher was killed
                self._start(int(line))

    def _start(self, launcher: int) -> None:
        process = Path(f"/proc/{launcher}")
        arguments = (process / "cmdline").read_text().split("\0")[2:-1]
        environment = dict(
            variable.split("=", 1) for variable in (process / "environ").read_text().split("\0") if "=" in variable
        )
        answer = os.open(self._folder / str(launcher), os.O_RDWR)  # does not wait for a launcher that was killed
        streams = _streams(process) if _settings(environment) == self._settings else None
        if streams is None:
            os.write(answer, b"exec\n")
            os.close(answer)
            (self._folder / str(launcher)).unlink()
            return
        launcher_end = os.pidfd_open(launcher)
        pid = os.fork()
        if pid == 0:
            _become(process, arguments, environment, streams)
        for stream in streams:
            os.close(stream)
        os.write(answer, b"%d\n" % pid)
        end = os.pidfd_open(pid)

        def kill() -> None:
            for send in (os.kill, os.killpg):
                with suppress(ProcessLookupError):
                    send(pid, signal.SIGKILL)

        def launcher_ended() -> None:
            self._selector.unregister(launcher_end)
            kill()

        def ended() -> None:
            self._selector.unregister(end)
            if launcher_end in self._selector.get_map():
                self._selector.unregister(launcher_end)
            del self._processes[pid]
            status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            os.write(answer, b"%d\n" % status * 2)
            for descriptor in (answer, end, launcher_end):
                os.close(descriptor)
            (self._folder / str(launcher)).unlink(missing_ok=True)

        self._processes[pid] = kill
        self._selector.register(launcher_end, selectors.EVENT_READ, launcher_ended)
        self._selector.register(end, selectors.EVENT_READ, ended)

    def _end(self) -> None:
        sys.exit()


def _settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that modules read while they are imported."""
    return {
        name: value
        for name, value in environment.items()
        if name.startswith(_READ_AT_IMPORT) and name not in _READ_LATER
    }


def _streams(process: Path) -> list[int] | None:
    """Open the standard streams of a process; return None if it lacks one, or it cannot be opened."""
    streams: list[int] = []
    try:
        for number in _COPIED_STREAMS:
            info = (process / "fdinfo" / str(number)).read_text()
            flags = int(re.findall(r"flags:\s*(\d+)", info)[0], 8) & _APPEND
            streams.append(os.open(process / "fd" / str(number), flags | os.O_NOCTTY))
    except OSError:
        for stream in streams:
            os.close(stream)
        return None
    return streams


def _become(process: Path, arguments: list[str], environment: dict[str, str], streams: list[int]) -> None:
    """Run Python's command line in the place of a process; never returns."""
    status = 1
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)  # dask-jobqueue has replaced it
        os.setsid()
        os.umask(int(re.findall(r"Umask:\s*(\d+)", (process / "status").read_text())[0], 8))
        os.chdir(process / "cwd")
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        os.closerange(3, max(int(name) for name in os.listdir("/proc/self/fd")) + 1)  # noqa: PTH208 - open files
        has_other_files = environment.get("DASK_CONFIG") != os.environ.get("DASK_CONFIG")
        os.environ.clear()
        os.environ.update(environment)
        tempfile.tempdir = None  # so that it is read again
        if has_other_files:
            dask.config.refresh(paths=dask.config._get_paths())
        for number, (name, mode) in enumerate(_STREAMS):
            stream = open(number, mode, encoding="utf-8", errors="surrogateescape", closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)
        status = _run(arguments)
    finally:
        os._exit(status)


def _run(arguments: list[str]) -> int:
    """Run Python's command line in this process, and return its exit status."""
    sys.orig_argv = [sys.executable, *arguments]
    status = 0
    try:
        try:
            _execute(arguments)
        finally:
            threading._shutdown()  # type: ignore[attr-defined]
    except SystemExit as error:
        if isinstance(error.code, str):
            print(error.code, file=sys.stderr)
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
    except KeyboardInterrupt:
        traceback.print_exc()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    except BaseException:  # noqa: BLE001 - as Python does
        traceback.print_exc()
        status = 1
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    return status & 0xFF


def _execute(arguments: list[str]) -> None:
    kind, program, *rest = arguments
    if kind == "-c":
        sys.argv, sys.path[0] = ["-c", *rest], ""
        module = sys.modules["__main__"] = ModuleType("__main__")
        exec(compile(program, "<string>", "exec"), module.__dict__)
        return
    assert kind == "-m", arguments
    sys.path[0] = str(Path.cwd())
    if program == "dask" and rest[:1] == ["worker"]:  # this is what it finds
        program, rest = WORKER, rest[1:]
    if program != WORKER:
        sys.argv = [program, *rest]
        runpy.run_module(program, run_name="__main__", alter_sys=True)
        return
    main = sys.modules["__main__"] = ModuleType("__main__")
    main.__package__ = program.rpartition(".")[0]
    module = importlib.import_module(program)
    sys.argv = [str(module.__file__), *rest]
    if worker_server.is_wanted(["-m", program, *rest]):
        worker_server.start()
    module.main()


if __name__ == "__main__":
    for name in PRELOADED:
        importlib.import_module(name)
    gc.freeze()
    Server(Path(sys.argv[1])).serve()
