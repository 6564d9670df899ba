"""Finding schedulers, and the message if there is none."""

import asyncio
import errno
import json
import os
import subprocess
import sys
from ipaddress import ip_address

import dask
import pytest
from distributed import LocalCluster
from msgspec.structs import replace
from psutil import _pslinux

from dasktop.collectors.model.errors import NoSchedulerError
from dasktop.collectors.model.options import TlsFiles, completed_tls
from dasktop.collectors.model.readings import JobScript, QueuedJob
from dasktop.collectors.sources import discover as discovery
from dasktop.collectors.sources import own_addresses
from dasktop.collectors.sources.dask.collector import Identity
from dasktop.collectors.sources.discover import AddressHint, discover, hints_from_processes, hints_from_scripts
from dasktop.collectors.sources.own_addresses import Listener, OwnAddresses, own_listeners, parse_sockets, program_words
from tests.support.isolated_environment import SPAWN
from tests.support.waiting import PATIENCE_SECONDS


@pytest.fixture(scope="module")
def scheduler():
    with LocalCluster(
        n_workers=0, processes=False, protocol="tcp://", host="127.0.0.1", dashboard_address=None
    ) as cluster:
        yield cluster.scheduler


@pytest.fixture
def no_processes(monkeypatch):
    monkeypatch.setattr(discovery, "CHECK_TIMEOUT_SECONDS", PATIENCE_SECONDS)  # the schedulers here answer
    monkeypatch.setattr(discovery, "hints_from_processes", lambda _: iter(()))


def script(job_id="7", addresses=(), files=()):
    return JobScript(job_id=job_id, scheduler_addresses=tuple(addresses), scheduler_files=tuple(map(str, files)))


@pytest.mark.usefixtures("no_processes")
class TestDiscover:
    async def test_scheduler_in_configuration_is_found(self, scheduler):
        with dask.config.set({"scheduler-address": scheduler.address}):
            (found,) = await discover((), TlsFiles())
        assert (found.address, found.scheduler_id) == (scheduler.address, scheduler.id)
        assert found.origin == "dask's configuration"

    async def test_scheduler_in_job_script_is_found(self, scheduler):
        (found,) = await discover([script(addresses=[scheduler.address])], TlsFiles())
        assert (found.address, found.origin) == (scheduler.address, "script of job 7")

    async def test_scheduler_file_in_script_is_read(self, scheduler, tmp_path):
        file = tmp_path / "scheduler.json"
        file.write_text(json.dumps({"address": scheduler.address}))
        (found,) = await discover([script(files=[file, tmp_path / "none.json"])], TlsFiles())
        assert (found.address, found.origin) == (scheduler.address, "scheduler file in the script of job 7")

    async def test_scheduler_with_two_addresses_is_listed_once(self, scheduler):
        other = scheduler.address.replace("127.0.0.1", "localhost")
        found = await discover([script(addresses=[scheduler.address, other])], TlsFiles())
        assert len(found) == 1

    async def test_address_with_tls_is_preferred(self, monkeypatch):
        """A scheduler may listen with both protocols: ``dask scheduler --protocol tcp --protocol tls``."""

        async def check(address, tls, seconds):
            return Identity(scheduler_id=address[-1], workers=0)

        monkeypatch.setattr(discovery, "check", check)
        monkeypatch.setattr(OwnAddresses, "distrust", lambda *_: "")
        addresses = ["tcp://n1:11", "tcp://n1:12", "tls://n1:21", "tcp://n1:31"]
        found = await discover([script(addresses=addresses)], TlsFiles())
        assert [candidate.address for candidate in found] == ["tls://n1:21", "tcp://n1:12"]
        assert [candidate.jobs for candidate in found] == [1, 1]

    async def test_two_schedulers_are_listed(self, scheduler):
        with LocalCluster(n_workers=0, processes=False, protocol="tcp://", dashboard_address=None) as other:
            scripts = [script("7", [scheduler.address]), script("8", [other.scheduler_address])]
            found = await discover(scripts, TlsFiles())
        assert [candidate.origin for candidate in found] == ["script of job 7", "script of job 8"]

    async def test_workers_and_jobs_are_counted(self, scheduler):
        with LocalCluster(
            n_workers=2, threads_per_worker=1, processes=False, protocol="tcp://", dashboard_address=None
        ) as other:
            scripts = [
                script("7", [scheduler.address]),
                script("8", [other.scheduler_address]),
                script("9", [other.scheduler_address]),
            ]
            found = await discover(scripts, TlsFiles())
            unasked = await discover((), TlsFiles(), "squeue is not on PATH", watched=scheduler.address)
        assert [(candidate.workers, candidate.jobs) for candidate in found] == [(0, 1), (2, 2)]
        assert [(candidate.workers, candidate.jobs) for candidate in unasked] == [(0, None)]

    async def test_candidates_are_described(self, scheduler, monkeypatch):
        with LocalCluster(n_workers=0, processes=False, protocol="tcp://", dashboard_address=None) as other:
            scripts = [
                replace(script("7", [scheduler.address]), job_name="train"),
                replace(script("8", [scheduler.address]), job_name="train"),
                replace(script("9", [scheduler.address]), job_name="sweep"),
            ]
            processes = [
                AddressHint(address=scheduler.address, origin="process 812", program="notebook in ~/a"),
                AddressHint(address=other.scheduler_address, origin="process 813", program="train.py in ~/b"),
            ]
            monkeypatch.setattr(discovery, "hints_from_processes", lambda _: iter(processes))
            found = await discover(scripts, TlsFiles())
        assert [(candidate.origin, candidate.about) for candidate in found] == [
            ("script of job 7", "notebook in ~/a (process 812), train, sweep"),
            ("process 813", "train.py in ~/b"),
        ]

    async def test_watched_scheduler_is_always_a_candidate(self, scheduler):
        (found,) = await discover((), TlsFiles(), watched=scheduler.address)
        assert (found.address, found.origin) == (scheduler.address, "current scheduler")
        (found,) = await discover([script("7", [scheduler.address])], TlsFiles(), watched=scheduler.address)
        assert found.origin == "script of job 7"
        with pytest.raises(NoSchedulerError, match=r"processes on \S+; pass one"):
            await discover((), TlsFiles(), watched="tcp://127.0.0.1:1")

    async def test_unreachable_scheduler_of_a_script_is_named(self):
        gone = "tcp://127.0.0.1:1"
        with pytest.raises(NoSchedulerError) as raised:
            await discover([script(addresses=[gone])], TlsFiles())
        message = str(raised.value)
        assert message.startswith("no dask scheduler found: searched dask's configuration")
        assert "script of job 7" in message
        assert gone in message
        assert "dasktop tcp://HOST:PORT" in message


async def test_unavailable_slurm_is_reported(monkeypatch):
    monkeypatch.setattr(discovery, "hints_from_processes", lambda _: iter(()))
    with pytest.raises(NoSchedulerError, match="job scripts not read: squeue is not on PATH"):
        await discover((), TlsFiles(), "squeue is not on PATH")


def test_tls_is_used_with_certificates():
    assert discovery._protocol(TlsFiles()) == "tcp"
    assert discovery._protocol(TlsFiles(ca_file="ca.pem")) == "tls"
    with dask.config.set({"distributed.comm.tls.ca-file": "ca.pem"}):
        assert discovery._protocol(TlsFiles()) == "tls"


def test_each_address_is_checked_once():
    hints = [AddressHint(address="tcp://a:1", origin="x"), AddressHint(address="tcp://a:1", origin="y")]
    assert discovery._first_per_address(hints) == hints[:1]


def test_script_without_scheduler_gives_no_hint():
    assert list(hints_from_scripts([script()], OwnAddresses([]))) == []


@pytest.fixture
async def callers():
    """A listening port, and the connections to it."""
    called = []

    def note(_, writer):
        called.append(writer)
        writer.close()

    async with await asyncio.start_server(note, "127.0.0.1", 0) as server:
        yield f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}", called


@pytest.mark.usefixtures("no_processes")
class TestConnections:
    async def test_foreign_port_on_this_host_is_not_contacted(self, callers, monkeypatch):
        address, called = callers
        monkeypatch.setattr(own_addresses, "own_listeners", frozenset)
        running = [QueuedJob(job_id="7", state="RUNNING", nodes=("n1",))]
        with pytest.raises(NoSchedulerError, match=f"script of job 7: none of your processes listens at {address}"):
            await discover([script(addresses=[address])], TlsFiles(), jobs=running)
        assert called == []

    async def test_own_port_on_this_host_is_contacted(self, callers):
        address, called = callers
        with pytest.raises(NoSchedulerError, match="script of job 7: "):
            await discover([script(addresses=[address])], TlsFiles())
        assert called

    async def test_address_in_another_users_script_is_not_contacted(self, callers, tmp_path):
        address, called = callers
        file = tmp_path / "s.json"
        file.write_text(json.dumps({"address": address}))
        with pytest.raises(NoSchedulerError, match=f"{address} is not tried unless you pass it: .* to alice"):
            await discover([script(addresses=[address], files=[file])], TlsFiles(), user="alice")
        assert called == []

    async def test_world_writable_scheduler_file_is_not_read(self, callers, tmp_path):
        address, called = callers
        file = tmp_path / "s.json"
        file.write_text(json.dumps({"address": address}))
        file.chmod(0o666)
        with pytest.raises(NoSchedulerError, match="another user can write to it"):
            await discover([script(files=[file])], TlsFiles())
        assert called == []

    def test_other_host_needs_a_running_job(self, monkeypatch):
        ips = {"login1": "192.0.2.1", "n1": "192.0.2.7", "n2": "192.0.2.8"}
        monkeypatch.setattr(own_addresses, "_resolve", lambda host: frozenset({ip_address(ips.get(host, host))}))
        own = OwnAddresses(
            [QueuedJob(job_id="7", state="RUNNING", nodes=("n1.example",)), QueuedJob(job_id="8", state="PENDING")]
        )
        for address in ("tcp://login1:8786", "tcp://n1:1", "tcp://192.0.2.7:1"):
            assert own.distrust(address, script("7")) == ""
        assert own.distrust("tcp://n1:1", script("8")) == own.distrust("tcp://192.0.2.7:1", script("8")) == ""
        for address in ("tcp://login1:8786", "tcp://n2:1"):
            assert "none of your running jobs uses it" in own.distrust(address, script("8"))


def test_owners_of_listening_ports():
    """From /proc/net/tcp and tcp6 of Linux 6.1."""
    head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
    rest = "00000000:00000000 00:00000000 00000000"
    lines = [
        f"   0: 0100007F:2252 00000000:0000 0A {rest}  1000        0 1 1 0 100 0 0 10 0",
        f"   1: 00000000:0016 00000000:0000 0A {rest}     0        0 2 1 0 100 0 0 10 0",
        f"   2: 0100007F:2252 0100007F:1234 01 {rest}  1000        0 3 1 0 20 4 30 10 -1",
        f"   3: 0000000000000000FFFF00000102000A:2253 {'0' * 32}:0000 0A {rest}  1000        0 4 1 0 100 0 0 10 0",
        f"   4: {'0' * 32}:2254 {'0' * 32}:0000 0A {rest}  1000        0 5 1 0 100 0 0 10 0",
        "odd",
    ]
    assert set(parse_sockets(head + "\n".join(lines), 1000)) == {
        Listener(ip_address("127.0.0.1"), 8786),
        Listener(ip_address("10.0.2.1"), 8787),
        Listener(ip_address("::"), 8788),
    }


def test_own_listening_ports_are_found(scheduler):
    assert int(scheduler.address.rpartition(":")[2]) in {listener.port for listener in own_listeners()}


def test_tls_in_script_applies_to_process_port():
    files = TlsFiles(ca_file="a", cert="b", key="c")
    scripts = [AddressHint(address="tls://10.1.2.3:5", origin="script of job 7", tls=files)]
    processes = [AddressHint(address=f"tcp://127.0.0.1:{port}", origin="process 1") for port in (5, 6)]
    found = discovery._with_tls_of_scripts(processes, scripts)
    assert [(hint.address, hint.tls) for hint in found] == [
        ("tls://127.0.0.1:5", files),
        ("tcp://127.0.0.1:6", TlsFiles()),
    ]


@pytest.mark.parametrize(
    ("given", "files"),
    [
        ({}, ("a", "b", "c")),
        ({"ca_file": "x"}, ("x", "b", "c")),
        ({"cert": "x", "key": "y"}, ("a", "x", "y")),
        ({"cert": "x"}, ("a", "x", None)),
    ],
)
def test_given_certificates_take_precedence(given, files):
    found = completed_tls(TlsFiles(**given), TlsFiles(ca_file="a", cert="b", key="c"))
    assert (found.ca_file, found.cert, found.key) == files


HOLDS_A_CLUSTER = """
from distributed import LocalCluster
if __name__ == "__main__":
    cluster = LocalCluster(n_workers=1, host="127.0.0.1", dashboard_address=None)
    print(cluster.scheduler_address, flush=True)
    input()
"""


def test_scheduler_inside_a_process_is_found(tmp_path):
    """As in a notebook: the command line does not mention dask."""
    program = tmp_path / "analysis.py"
    program.write_text(HOLDS_A_CLUSTER)
    process = subprocess.Popen(
        [sys.executable, str(program)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=os.environ | SPAWN,
    )
    try:
        address = process.stdout.readline().strip()
        hints = [hint for hint in hints_from_processes() if hint.origin == f"process {process.pid}"]
        children = {f"process {child}" for child in children_of(process.pid)}
        others = {hint.origin for hint in hints_from_processes()}
    finally:
        process.communicate("\n", timeout=PATIENCE_SECONDS)
    assert address in [hint.address for hint in hints]
    assert {hint.program for hint in hints} == {f"analysis.py in …/{tmp_path.parent.name}/{tmp_path.name}"}
    assert children
    assert children.isdisjoint(others)


def test_hidden_processes_give_no_hints(monkeypatch):
    """As with ``hidepid=1``: the folder of each process is visible, but its content is not readable."""
    original_read = _pslinux.Process._read_status_file

    def hidden(process):
        if process.pid == 1:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return original_read(process)

    hidden.cache_activate, hidden.cache_deactivate = original_read.cache_activate, original_read.cache_deactivate
    monkeypatch.setattr(_pslinux.Process, "_read_status_file", hidden)
    assert "process 1" not in {hint.origin for hint in hints_from_processes()}


@pytest.mark.parametrize(
    ("command", "folder", "words"),
    [
        ("python train.py --epochs 3", "/home/me/runs", "train.py in ~/runs"),
        ("/usr/bin/python3 -u -X dev /opt/my/train.py", "/scratch/me", "train.py in /scratch/me"),
        ("python train.py", "/", "train.py in /"),
        ("python -m ipykernel_launcher -f /run/kernel-1.json", "/home/me", "notebook in ~"),
        ("python -Xfrozen_modules=off -m ipykernel -f k.json", "/home/me2", "notebook in /home/me2"),
        ("python -m my.tool", None, "my.tool"),
        ("python /opt/bin/dask-scheduler", "/home/me/a/b", "dask-scheduler in …/a/b"),
        ("/opt/bin/python3.11 -c print()", None, "python3.11"),
        ("python -m", None, ""),
        ("", None, ""),
        ("python \x1b[31mx.py", None, "[31mx.py"),
    ],
)
def test_descriptions_of_programs(command, folder, words):
    assert program_words(command.split(), folder, "/home/me") == words


def children_of(pid):
    import psutil

    return [child.pid for child in psutil.Process(pid).children(recursive=True)]
