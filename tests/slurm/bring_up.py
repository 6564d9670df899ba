"""Start a small SLURM with accounting, one daemon after the other.

Each step waits for a condition, never for a fixed time. It writes only into its own folder.
"""

import re
import secrets
import socket
from pathlib import Path

from tests.slurm.configuration import (
    CGROUP_CONF,
    NEEDS_CGROUP_CONF,
    Layout,
    accounts,
    database_sql,
    slurm_conf,
    slurmdbd_conf,
)
from tests.slurm.processes import Processes, StartError

MUNGE_KEY_BYTES = 128


def bring_up(layout: Layout, processes: Processes) -> None:
    """Start everything and return when all nodes are idle; `StartError` quotes the log of a daemon that failed."""
    _start_munge(layout, processes)
    _start_database(layout, processes)
    _write(layout, slurm_version(processes))
    processes.start("slurmdbd", "slurmdbd", "-D")
    processes.wait_until(lambda: _listens(layout, layout.accounting_port), "slurmdbd listened", "slurmdbd")
    for command in accounts(layout.user):
        processes.run("sacctmgr", "--immediate", *command, blame="slurmdbd")
    processes.start("slurmctld", "slurmctld", "-D", "-i")
    processes.wait_until(lambda: _listens(layout, layout.controller_port), "slurmctld listened", "slurmctld")
    for node in layout.nodes:
        processes.start(node, "slurmd", "-D", "-N", node)
    all_idle = dict.fromkeys(layout.nodes, "idle")
    processes.wait_until(lambda: _nodes(processes) == all_idle, "all nodes were idle", "slurmctld", *layout.nodes)


def _start_munge(layout: Layout, processes: Processes) -> None:
    folder = layout.munge_socket.parent
    folder.mkdir(mode=0o755)
    key = layout.folder / "munge.key"
    key.touch(mode=0o600)
    key.write_bytes(secrets.token_bytes(MUNGE_KEY_BYTES))
    processes.start(
        "munged",
        "munged",
        "--foreground",
        "--force",  # accept a temporary folder that other users cannot enter: only this user needs this munge
        f"--socket={layout.munge_socket}",
        f"--key-file={key}",
        f"--pid-file={folder / 'pid'}",
        f"--log-file={folder / 'log'}",
        f"--seed-file={folder / 'seed'}",
    )
    processes.wait_until(lambda: _accepts(layout.munge_socket), "munged listened", "munged")


def _start_database(layout: Layout, processes: Processes) -> None:
    """Start a MariaDB that listens only on its own socket, with little memory and without durable writes."""
    folder = layout.database_socket.parent
    folder.mkdir(mode=0o700)
    init_file = folder / "first.sql"
    init_file.write_text(database_sql())
    common = (
        "--no-defaults",
        f"--datadir={folder / 'data'}",
        f"--user={layout.user}",
        f"--tmpdir={folder}",  # at its start a server removes all temporary tables there, also those of another server
        "--innodb-log-file-size=4M",
        "--innodb-buffer-pool-size=32M",
        "--innodb-flush-log-at-trx-commit=0",
    )
    processes.run(
        "mariadb-install-db",
        *common,
        "--auth-root-authentication-method=normal",
        "--skip-name-resolve",
        "--skip-test-db",
    )
    processes.start(
        "mariadbd",
        "mariadbd",
        *common,
        f"--socket={layout.database_socket}",
        f"--pid-file={folder / 'pid'}",
        f"--init-file={init_file}",
        "--skip-networking",
        "--skip-log-bin",
    )
    processes.wait_until(lambda: _accepts(layout.database_socket), "MariaDB listened", "mariadbd")


def slurm_version(processes: Processes) -> tuple[int, int]:
    """Return the version of the installed SLURM: ``(24, 11)`` for ``slurm 24.11.5``."""
    printed = processes.run("slurmd", "-V")
    found = re.search(r"(\d+)\.(\d+)", printed)
    if found is None:
        raise StartError(f"slurmd -V prints no version: {printed!r}")
    return int(found[1]), int(found[2])


def _write(layout: Layout, version: tuple[int, int]) -> None:
    layout.slurm_conf.write_text(slurm_conf(layout))
    if version >= NEEDS_CGROUP_CONF:
        layout.slurm_conf.with_name("cgroup.conf").write_text(CGROUP_CONF)
    accounting = layout.slurm_conf.with_name("slurmdbd.conf")
    accounting.touch(mode=0o600)
    accounting.write_text(slurmdbd_conf(layout))
    (layout.folder / "state").mkdir(mode=0o700)
    for node in layout.nodes:
        (layout.folder / "spool" / node).mkdir(parents=True)


def _listens(layout: Layout, port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((layout.address, port)) == 0


def _accepts(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


def _nodes(processes: Processes) -> dict[str, str]:
    """Return the state of each node as sinfo prints it."""
    printed = processes.run("sinfo", "--noheader", "--Node", "--partition=debug", "--format=%N %T", blame="slurmctld")
    return dict(line.split() for line in printed.splitlines())
