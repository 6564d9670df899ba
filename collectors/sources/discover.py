"""Finds the user's dask schedulers without being told. Asks each candidate who it is, briefly, and changes nothing.

Where it looks: dask's configuration, the scripts of the user's SLURM jobs, the user's processes on this host.

Whom it asks: only who is the user's own, as far as can be told (`OwnAddresses`). A script may be older than the
scheduler that it names; by now somebody else may listen at that port of a shared login node. An address is dialled

- that dask's configuration names, or that is watched already: the user named it;
- at which a process of the user's listens on this host;
- on another host, if the script of a running job of the user's names it, whose workers speak to it now, or if it is on
  a node that a running job of the user's has.

It is not dialled, but told, for the user to name it (``dasktop tcp://HOST:PORT``),

- if it is on this host, and no process of the user's listens there;
- if it is on another host, and only jobs that wait name it;
- if the script is another user's (``--user``), who decides what it names;
- if it stands in a scheduler file that is another user's, or that everybody may write.
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
from dasktop.collectors.model.snapshot import Record
from dasktop.collectors.sources.dask.collector import check
from dasktop.collectors.sources.dask.scheduler_file import address_from_scheduler_file
from dasktop.collectors.sources.own_addresses import OwnAddresses
from dasktop.collectors.sources.program import program_words
from dasktop.collectors.sources.script_certificates import certificates_of
from dasktop.collectors.system.user import own_name
from dasktop.collectors.text.format import listed

CHECK_TIMEOUT_SECONDS = 2.0
# A process that has answered at one port is awake: whatever else listens there needn't be waited for.
_GRACE_SECONDS = 0.2
_CHECKS_AT_ONCE = 16
WATCHED = "watched until now"


class AddressHint(Record, frozen=True, kw_only=True):
    """An address at which a scheduler may be, and what led there."""

    address: str
    origin: str
    program: str = ""
    """What runs there, where that is a process of this host."""
    tls: TlsFiles = TlsFiles()
    """The certificates that the job's script names."""
    doubt: str = ""
    """Why it isn't dialled."""


async def discover(
    scripts: Sequence[JobScript],
    tls: TlsFiles,
    why_no_scripts: str | None = None,
    watched: str | None = None,
    *,
    jobs: Sequence[QueuedJob] = (),
    user: str | None = None,
) -> tuple[Candidate, ...]:
    """Return the schedulers that answer, each once, the surest lead first.

    Parameters
    ----------
    scripts
        Of the user's jobs.
    tls
        Certificates.
    why_no_scripts
        What kept SLURM from being asked for them, if it wasn't.
    watched
        The address of a scheduler that is known already; it may be none that would be found.
    jobs
        The jobs in the queue, some of which the scripts are of.
    user
        Whose jobs they are, if they are another user's.

    Raises
    ------
    NoSchedulerError
        There is none; its text says where was looked, and what to do.
    """
    loop = asyncio.get_running_loop()
    from_processes = await loop.run_in_executor(None, lambda: list(leads_from_processes(_protocol(tls))))
    by_script = await loop.run_in_executor(None, _judged, tuple(scripts), tuple(jobs), user)
    known = [AddressHint(address=watched, origin=WATCHED)] if watched is not None else []
    from_scripts = list(chain.from_iterable(leads for _, leads in by_script))
    named = [*leads_from_configuration(), *known]
    trusted = {lead.address for lead in (*named, *from_processes, *from_scripts) if not lead.doubt}
    from_scripts = [replace(lead, doubt="") if lead.address in trusted else lead for lead in from_scripts]
    from_processes = _as_scripts_say(from_processes, from_scripts)
    leads = _once_each([*leads_from_configuration(), *from_scripts, *from_processes, *known])
    answers: dict[AddressHint, Candidate | str] = {lead: lead.doubt for lead in leads}
    answers |= await _check_all([lead for lead in leads if not lead.doubt], tls)
    found: dict[str, list[Candidate]] = {}
    for answer in answers.values():
        if isinstance(answer, Candidate):
            found.setdefault(answer.scheduler_id, []).append(answer)
    if not found:
        raise NoSchedulerError(_nothing_found(answers, len(scripts), why_no_scripts))
    told = []
    for same in found.values():
        ways = {candidate.address for candidate in same}
        naming = [script for script, of_script in by_script if any(lead.address in ways for lead in of_script)]
        holders = [lead for lead in from_processes if lead.address in ways]
        count = len(naming) if why_no_scripts is None else None
        # The first of several ways to one scheduler, with the jobs whose scripts know any of them.
        told.append(replace(same[0], jobs=count, about=_about(naming, holders, same[0].origin)))
    return tuple(told)


def _about(jobs: Iterable[JobScript], holders: Sequence[AddressHint], origin: str) -> str:
    """Return what its jobs are called, and which program holds it: ``train.py in ~/runs (process 812), sweep``."""
    names = tuple(dict.fromkeys(job.job_name for job in jobs if job.job_name))
    program = ""
    if holders:
        first = holders[0]
        program = first.program if first.origin == origin else f"{first.program} ({first.origin})".lstrip()
    return ", ".join(words for words in (program, listed(names, most=2)) if words)


def leads_from_configuration() -> Iterator[AddressHint]:
    """Yield what dask's own configuration names (``scheduler-address``, ``DASK_SCHEDULER_ADDRESS``)."""
    address = dask.config.get("scheduler-address", default=None)
    if isinstance(address, str) and address:
        yield AddressHint(address=address, origin="dask's configuration")
    scheduler_file = dask.config.get("scheduler-file", default=None)
    if isinstance(scheduler_file, str) and scheduler_file:
        yield from _lead_from_file(scheduler_file, "scheduler file in dask's configuration")


def leads_from_scripts(scripts: Iterable[JobScript], own: OwnAddresses) -> Iterator[AddressHint]:
    """Yield the schedulers to which the scripts of jobs send their workers, or their other programs."""
    for script in scripts:
        origin = f"script of job {script.job_id}"
        tls = certificates_of(script)
        for address in (*script.scheduler_addresses, *script.other_addresses):
            yield AddressHint(address=address, origin=origin, tls=tls, doubt=own.doubt(address, script))
        for file in (*script.scheduler_files, *script.other_files):
            origin_of_file = f"scheduler file in the {origin}"
            if doubt := own.doubt_about_file(file):
                yield AddressHint(address=file, origin=origin_of_file, doubt=doubt)
                continue
            for lead in _lead_from_file(file, origin_of_file):
                yield replace(lead, tls=tls, doubt=own.doubt(lead.address, script))


def _judged(
    scripts: Sequence[JobScript], jobs: Sequence[QueuedJob], user: str | None
) -> list[tuple[JobScript, list[AddressHint]]]:
    """Return the leads of each script. May take a while: names are looked up, and files read."""
    is_another = user is not None and user != own_name()
    own = OwnAddresses(jobs, user if is_another else None)
    return [(script, list(leads_from_scripts([script], own))) for script in scripts]


def _as_scripts_say(processes: Iterable[AddressHint], scripts: Iterable[AddressHint]) -> list[AddressHint]:
    """Return the ports of processes, each with TLS where a script names the same port with it.

    The wrong protocol makes a TLS scheduler complain in its log.
    """
    with_tls = {}
    for lead in scripts:
        if not lead.doubt and lead.address.startswith("tls://"):
            with_tls[lead.address.rpartition(":")[2]] = lead.tls
    return [
        replace(lead, address=f"tls://{lead.address.partition('://')[2]}", tls=with_tls[port])
        if (port := lead.address.rpartition(":")[2]) in with_tls
        else lead
        for lead in processes
    ]


def leads_from_processes(protocol: str = "tcp") -> Iterator[AddressHint]:
    """Yield the ports at which this user's Python processes on this host listen, if they may be schedulers.

    A ``SLURMCluster``'s scheduler lives inside a notebook's or a script's process, which nothing in its command line
    tells. What tells is that dask's serializer is loaded there. Where that can't be seen, the command line decides.
    """
    for process in psutil.process_iter(["pid", "cmdline", "uids"]):
        with contextlib.suppress(psutil.Error, OSError):  # it ended, or it is hidden from us: then it is no lead
            uids = process.info["uids"]  # None: hidden from us, as all others' processes are under hidepid=1
            if uids is None or uids.real != os.getuid() or process.pid == os.getpid():
                continue
            if not _may_hold_a_scheduler(process):
                continue
            program = _program_of(process)
            for connection in process.net_connections("tcp"):
                if connection.status == psutil.CONN_LISTEN:
                    address = f"{protocol}://{_reachable(connection.laddr.ip)}:{connection.laddr.port}"
                    yield AddressHint(address=address, origin=f"process {process.pid}", program=program)


def _program_of(process: psutil.Process) -> str:
    folder = None
    with contextlib.suppress(psutil.Error, OSError):  # a folder that is gone is no reason not to look
        folder = process.cwd() or None
    return program_words(process.info["cmdline"] or (), folder, os.path.expanduser("~"))  # noqa: PTH111 - may be none


def _may_hold_a_scheduler(process: psutil.Process) -> bool:
    command = " ".join(process.info["cmdline"] or ())
    if "dask" in command and "scheduler" in command:
        return True
    # Workers and nannies load the same libraries, and are many.
    if any(mark in command for mark in ("dask worker", "dask-worker", "dask_worker", "spawn_main", "forkserver")):
        return False
    maps = Path(f"/proc/{process.pid}/maps")
    return maps.exists() and "msgpack" in maps.read_text(errors="replace")


def _protocol(tls: TlsFiles) -> str:
    """Return what a process's ports are tried with. The wrong one makes a TLS scheduler complain in its log."""
    authority = tls.ca_file or dask.config.get("distributed.comm.tls.ca-file", default=None)
    return "tls" if authority else "tcp"


def _reachable(ip: str) -> str:
    """Return the address under which a listener is reached from this host."""
    if ip in ("0.0.0.0", "::", ""):  # noqa: S104 - compared, not bound
        return "127.0.0.1"
    return f"[{ip}]" if ":" in ip else ip


def _lead_from_file(file: str, origin: str) -> Iterator[AddressHint]:
    with contextlib.suppress(NoSchedulerError):  # written by a scheduler that has gone, or not written yet
        yield AddressHint(address=address_from_scheduler_file(file), origin=origin)


def _once_each(leads: Iterable[AddressHint]) -> list[AddressHint]:
    """Return one lead an address, the first."""
    return list({lead.address: lead for lead in reversed(list(leads))}.values())[::-1]


async def _check_all(leads: Sequence[AddressHint], tls: TlsFiles) -> dict[AddressHint, Candidate | str]:
    """Return what became of each lead, in their order: a candidate, or what was wrong with it."""
    at_once = asyncio.Semaphore(_CHECKS_AT_ONCE)
    by_origin: dict[str, list[AddressHint]] = {}
    for lead in leads:
        by_origin.setdefault(lead.origin, []).append(lead)
    groups = await asyncio.gather(*(_check_group(group, tls, at_once) for group in by_origin.values()))
    answers = {lead: answer for group in groups for lead, answer in group.items()}
    return {lead: answers[lead] for lead in leads}


async def _check_group(
    leads: Sequence[AddressHint], tls: TlsFiles, at_once: asyncio.Semaphore
) -> dict[AddressHint, Candidate | str]:
    """Check the leads of one origin; when one is a scheduler, the others have little time left."""
    tasks = {asyncio.create_task(_check(lead, tls, at_once)): lead for lead in leads}
    waiting = set(tasks)
    while waiting:
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if waiting and any(isinstance(task.result(), Candidate) for task in done):
            _, waiting = await asyncio.wait(waiting, timeout=_GRACE_SECONDS)
            break
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    return {lead: "it is silent" if task in waiting else task.result() for task, lead in tasks.items()}


async def _check(lead: AddressHint, tls: TlsFiles, at_once: asyncio.Semaphore) -> Candidate | str:
    """Return the candidate, or what was wrong with it."""
    async with at_once:
        try:
            found = await check(lead.address, completed_tls(tls, lead.tls), CHECK_TIMEOUT_SECONDS)
        except NoSchedulerError as error:
            return str(error)
    return Candidate(address=lead.address, origin=lead.origin, scheduler_id=found.scheduler_id, workers=found.workers)


def _nothing_found(answers: Mapping[AddressHint, Candidate | str], scripts: int, why_no_scripts: str | None) -> str:
    jobs = f"not in job scripts: {why_no_scripts}" if why_no_scripts else f"{scripts} of your jobs' scripts start dask"
    looked = f"looked in dask's configuration, SLURM ({jobs}) and your processes on {socket.gethostname()}"
    # A port of some process that is no scheduler after all is no news; a script's scheduler that is gone is.
    silent = [
        f"{lead.origin} names {answer}"
        for lead, answer in answers.items()
        if lead.origin != WATCHED and not lead.origin.startswith("process ")
    ]
    seen = "".join(f"; {line}" for line in silent[:2])
    return f"no dask scheduler found: {looked}{seen}; name one: dasktop tcp://HOST:PORT, or --scheduler-file FILE"
