"""Find the user's dask schedulers. Asks each candidate for its identity, and changes nothing.

Searches dask's configuration, the scripts of the user's SLURM jobs, and the user's processes on this host.

Connects only to addresses that belong to the user, as far as known (`OwnAddresses`). The scheduler that a script names
may have ended, and on a shared login node another user may listen on its port now. Discovery connects to an address

- in dask's configuration, or of the scheduler that is being watched: the user chose it;
- on this host, if a process of the user listens there;
- on another host, if the script of a running job of the user names it (its workers are connected to it), or if it is on
  a node of a running job of the user.

It does not connect to the following addresses, but reports them, so that the user can pass one
(``dasktop tcp://HOST:PORT``): an address

- on this host at which no process of the user listens;
- on another host that only pending jobs name;
- in a script of another user (``--user``), who decides what it names;
- in a scheduler file that belongs to another user, or is world-writable.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path

import dask.config
import psutil
from msgspec.structs import replace

from dasktop.collectors.model.errors import NoSchedulerError
from dasktop.collectors.model.feed import Candidate
from dasktop.collectors.model.options import TlsFiles, completed_tls
from dasktop.collectors.model.readings import JobScript, QueuedJob
from dasktop.collectors.model.record import Record
from dasktop.collectors.sources.dask.collector import check
from dasktop.collectors.sources.dask.scheduler_file import address_from_scheduler_file
from dasktop.collectors.sources.own_addresses import OwnAddresses, program_words
from dasktop.collectors.sources.slurm.script_reader import certificates_of
from dasktop.collectors.system.user import own_name
from dasktop.collectors.text.format import counted, listed

CHECK_TIMEOUT_SECONDS = 2.0
# A process that has answered on one port is not busy: there is no need to wait for its other ports.
_GRACE_SECONDS = 0.2
_CHECKS_AT_ONCE = 16
WATCHED = "current scheduler"


class AddressHint(Record, frozen=True, kw_only=True):
    """An address at which a scheduler may be, and where it was found."""

    address: str
    origin: str
    program: str = ""
    """The program that listens there, if it is a process on this host."""
    tls: TlsFiles = TlsFiles()
    """The certificates that the job's script names."""
    distrust: str = ""
    """Why dasktop does not connect to it; empty if it does."""


async def discover(
    scripts: Sequence[JobScript],
    tls: TlsFiles,
    why_no_scripts: str | None = None,
    watched: str | None = None,
    *,
    jobs: Sequence[QueuedJob] = (),
    user: str | None = None,
) -> tuple[Candidate, ...]:
    """Return the schedulers that answer, each once, the most certain hint first; of two addresses, that with TLS.

    Parameters
    ----------
    scripts
        The scripts of the user's jobs.
    tls
        Certificates.
    why_no_scripts
        Why SLURM could not be queried for them, if so.
    watched
        The address of the scheduler that is watched; the search might not find it.
    jobs
        The jobs in the queue; some of them have these scripts.
    user
        The owner of the jobs, if that is another user.

    Raises
    ------
    NoSchedulerError
        There is none; the message reports where it searched, and what to do.
    """
    loop = asyncio.get_running_loop()
    from_processes = await loop.run_in_executor(None, lambda: list(hints_from_processes(_protocol(tls))))
    by_script = await loop.run_in_executor(None, _hints_by_script, tuple(scripts), tuple(jobs), user)
    known = [AddressHint(address=watched, origin=WATCHED)] if watched is not None else []
    from_scripts = list(chain.from_iterable(hints for _, hints in by_script))
    named = [*hints_from_configuration(), *known]
    trusted = {hint.address for hint in (*named, *from_processes, *from_scripts) if not hint.distrust}
    from_scripts = [replace(hint, distrust="") if hint.address in trusted else hint for hint in from_scripts]
    from_processes = _with_tls_of_scripts(from_processes, from_scripts)
    hints = _first_per_address([*hints_from_configuration(), *from_scripts, *from_processes, *known])
    answers: dict[AddressHint, Candidate | str] = {hint: hint.distrust for hint in hints}
    answers |= await _check_all([hint for hint in hints if not hint.distrust], tls)
    found: dict[str, list[Candidate]] = {}
    for answer in answers.values():
        if isinstance(answer, Candidate):
            found.setdefault(answer.scheduler_id, []).append(answer)
    if not found:
        raise NoSchedulerError(_nothing_found(answers, len(scripts), why_no_scripts))
    candidates = []
    for unsorted in found.values():
        same = sorted(unsorted, key=lambda candidate: not candidate.address.startswith("tls://"))
        addresses = {candidate.address for candidate in same}
        naming = [script for script, found_hints in by_script if any(hint.address in addresses for hint in found_hints)]
        processes = [hint for hint in from_processes if hint.address in addresses]
        count = len(naming) if why_no_scripts is None else None
        # The first of a scheduler's addresses, with TLS if any is, and the jobs whose scripts name any of them.
        candidates.append(replace(same[0], jobs=count, about=_about(naming, processes, same[0].origin)))
    return tuple(candidates)


def _about(jobs: Iterable[JobScript], processes: Sequence[AddressHint], origin: str) -> str:
    """Return the names of its jobs, and the program that runs it: ``train.py in ~/runs (process 812), sweep``."""
    names = tuple(dict.fromkeys(job.job_name for job in jobs if job.job_name))
    program = ""
    if processes:
        first = processes[0]
        program = first.program if first.origin == origin else f"{first.program} ({first.origin})".lstrip()
    return ", ".join(words for words in (program, listed(names, most=2)) if words)


def hints_from_configuration() -> Iterator[AddressHint]:
    """Yield the addresses in dask's configuration (``scheduler-address``, ``DASK_SCHEDULER_ADDRESS``)."""
    address = dask.config.get("scheduler-address", default=None)
    if isinstance(address, str) and address:
        yield AddressHint(address=address, origin="dask's configuration")
    scheduler_file = dask.config.get("scheduler-file", default=None)
    if isinstance(scheduler_file, str) and scheduler_file:
        yield from _hint_from_file(scheduler_file, "scheduler file in dask's configuration")


def hints_from_scripts(scripts: Iterable[JobScript], own: OwnAddresses) -> Iterator[AddressHint]:
    """Yield the schedulers to which job scripts connect workers or other programs."""
    for script in scripts:
        origin = f"script of job {script.job_id}"
        tls = certificates_of(script)
        for address in (*script.scheduler_addresses, *script.other_addresses):
            yield AddressHint(address=address, origin=origin, tls=tls, distrust=own.distrust(address, script))
        for file in (*script.scheduler_files, *script.other_files):
            origin_of_file = f"scheduler file in the {origin}"
            if distrust := own.distrust_of_file(file):
                yield AddressHint(address=file, origin=origin_of_file, distrust=distrust)
                continue
            for hint in _hint_from_file(file, origin_of_file):
                yield replace(hint, tls=tls, distrust=own.distrust(hint.address, script))


def _hints_by_script(
    scripts: Sequence[JobScript], jobs: Sequence[QueuedJob], user: str | None
) -> list[tuple[JobScript, list[AddressHint]]]:
    """Return the hints of each script. May block: resolves host names, and reads files."""
    is_another = user is not None and user != own_name()
    own = OwnAddresses(jobs, user if is_another else None)
    return [(script, list(hints_from_scripts([script], own))) for script in scripts]


def _with_tls_of_scripts(processes: Iterable[AddressHint], scripts: Iterable[AddressHint]) -> list[AddressHint]:
    """Return the ports of processes, each with TLS if a script names the same port with TLS.

    The wrong protocol makes a TLS scheduler log an error.
    """
    with_tls = {}
    for hint in scripts:
        if not hint.distrust and hint.address.startswith("tls://"):
            with_tls[hint.address.rpartition(":")[2]] = hint.tls
    return [
        replace(hint, address=f"tls://{hint.address.partition('://')[2]}", tls=with_tls[port])
        if (port := hint.address.rpartition(":")[2]) in with_tls
        else hint
        for hint in processes
    ]


def hints_from_processes(protocol: str = "tcp") -> Iterator[AddressHint]:
    """Yield the ports at which this user's Python processes on this host listen, if they may be schedulers.

    A ``SLURMCluster``'s scheduler runs inside the process of a notebook or script, whose command line does not show it.
    But it has dask's serializer loaded. Where that cannot be checked, the command line decides.
    """
    for process in psutil.process_iter(["pid", "cmdline", "uids"]):
        with contextlib.suppress(psutil.Error, OSError):  # it ended, or is hidden from us
            uids = process.info["uids"]  # None: hidden from us, as other users' processes are under hidepid=1
            if uids is None or uids.real != os.getuid() or process.pid == os.getpid():
                continue
            if not _may_contain_a_scheduler(process):
                continue
            program = _program_of(process)
            for connection in process.net_connections("tcp"):
                if connection.status == psutil.CONN_LISTEN:
                    address = f"{protocol}://{_reachable(connection.laddr.ip)}:{connection.laddr.port}"
                    yield AddressHint(address=address, origin=f"process {process.pid}", program=program)


def _program_of(process: psutil.Process) -> str:
    folder = None
    with contextlib.suppress(psutil.Error, OSError):  # the folder may have been deleted
        folder = process.cwd() or None
    return program_words(process.info["cmdline"] or (), folder, os.path.expanduser("~"))  # noqa: PTH111 - may be none


def _may_contain_a_scheduler(process: psutil.Process) -> bool:
    command = " ".join(process.info["cmdline"] or ())
    if "dask" in command and "scheduler" in command:
        return True
    # Workers and nannies load the same libraries, and there may be many.
    if any(mark in command for mark in ("dask worker", "dask-worker", "dask_worker", "spawn_main", "forkserver")):
        return False
    maps = Path(f"/proc/{process.pid}/maps")
    return maps.exists() and "msgpack" in maps.read_text(errors="replace")


def _protocol(tls: TlsFiles) -> str:
    """Return the protocol for the ports of processes. The wrong one makes a TLS scheduler log an error."""
    authority = tls.ca_file or dask.config.get("distributed.comm.tls.ca-file", default=None)
    return "tls" if authority else "tcp"


def _reachable(ip: str) -> str:
    """Return the address at which this host reaches a listener."""
    if ip in ("0.0.0.0", "::", ""):  # noqa: S104 - compared, not bound
        return "127.0.0.1"
    return f"[{ip}]" if ":" in ip else ip


def _hint_from_file(file: str, origin: str) -> Iterator[AddressHint]:
    with contextlib.suppress(NoSchedulerError):  # written by a scheduler that has gone, or not written yet
        yield AddressHint(address=address_from_scheduler_file(file), origin=origin)


def _first_per_address(hints: Iterable[AddressHint]) -> list[AddressHint]:
    """Return the first hint of each address."""
    return list({hint.address: hint for hint in reversed(list(hints))}.values())[::-1]


async def _check_all(hints: Sequence[AddressHint], tls: TlsFiles) -> dict[AddressHint, Candidate | str]:
    """Return the result for each hint, in order: a candidate, or what was wrong."""
    at_once = asyncio.Semaphore(_CHECKS_AT_ONCE)
    by_origin: dict[str, list[AddressHint]] = {}
    for hint in hints:
        by_origin.setdefault(hint.origin, []).append(hint)
    groups = await asyncio.gather(*(_check_group(group, tls, at_once) for group in by_origin.values()))
    answers = {hint: answer for group in groups for hint, answer in group.items()}
    return {hint: answers[hint] for hint in hints}


async def _check_group(
    hints: Sequence[AddressHint], tls: TlsFiles, at_once: asyncio.Semaphore
) -> dict[AddressHint, Candidate | str]:
    """Check the hints of one origin; after one is a scheduler, the others get little time."""
    tasks = {asyncio.create_task(_check(hint, tls, at_once)): hint for hint in hints}
    waiting = set(tasks)
    while waiting:
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if waiting and any(isinstance(task.result(), Candidate) for task in done):
            _, waiting = await asyncio.wait(waiting, timeout=_GRACE_SECONDS)
            break
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    return {
        hint: f"{hint.address} does not answer" if task in waiting else task.result() for task, hint in tasks.items()
    }


async def _check(hint: AddressHint, tls: TlsFiles, at_once: asyncio.Semaphore) -> Candidate | str:
    """Return the candidate, or what was wrong."""
    async with at_once:
        try:
            found = await check(hint.address, completed_tls(tls, hint.tls), CHECK_TIMEOUT_SECONDS)
        except NoSchedulerError as error:
            return str(error)
    return Candidate(address=hint.address, origin=hint.origin, scheduler_id=found.scheduler_id, workers=found.workers)


def _nothing_found(answers: Mapping[AddressHint, Candidate | str], scripts: int, why_no_scripts: str | None) -> str:
    jobs = (
        f"job scripts not read: {why_no_scripts}" if why_no_scripts else f"{counted(scripts, 'job script')} with dask"
    )
    searched = f"searched dask's configuration, SLURM ({jobs}) and your processes on {socket.gethostname()}"
    # Ports of processes that are not schedulers are not reported; schedulers of scripts that do not answer are.
    failed = [
        f"{hint.origin}: {answer}"
        for hint, answer in answers.items()
        if hint.origin != WATCHED and not hint.origin.startswith("process ")
    ]
    seen = "".join(f"; {line}" for line in failed[:2])
    return f"no dask scheduler found: {searched}{seen}; pass one: dasktop tcp://HOST:PORT, or --scheduler-file FILE"
