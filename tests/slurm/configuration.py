"""The configuration of a small SLURM: slurm.conf, slurmdbd.conf and the SQL that sets up its database.

Returns text; it never opens a file. All paths in it are inside one folder.
"""

from dataclasses import dataclass
from pathlib import Path

CLUSTER = "dasktop"
ACCOUNT = "lab"
CAPPED_QOS = "capped"
FEW_QOS = "few"
CPUS_PER_NODE = 16
MEMORY_PER_NODE_MB = 64_000
# A newer slurmd needs the control groups of the machine with any plugin, and ends where there are none (seen with
# 24.11). An older one ends because it does not know this option (22.05).
CGROUP_CONF = "CgroupPlugin=disabled\n"
NEEDS_CGROUP_CONF = (23, 11)


@dataclass(frozen=True)
class Layout:
    """One SLURM: its folder, its user and the addresses that it uses.

    `loopback_address` is the address of `host` if it is a loopback address of this machine, else None.
    """

    folder: Path
    user: str
    host: str
    loopback_address: str | None
    controller_port: int
    accounting_port: int
    node_ports: tuple[int, ...]

    @property
    def nodes(self) -> dict[str, int]:
        """Name and port of each node."""
        return {f"n{number}": port for number, port in enumerate(self.node_ports, start=1)}

    @property
    def address(self) -> str:
        """The address of the daemons."""
        return self.loopback_address or "127.0.0.1"

    @property
    def slurm_conf(self) -> Path:
        """The file that SLURM_CONF names."""
        return slurm_conf_path(self.folder)

    @property
    def munge_socket(self) -> Path:
        """The socket of our munged, which requires that every user can reach it."""
        return self.folder / "munge" / "socket"

    @property
    def database_socket(self) -> Path:
        """The only socket of our MariaDB, in a folder that only its owner can enter."""
        return self.folder / "database" / "socket"


def slurm_conf_path(folder: Path) -> Path:
    """Return the path of slurm.conf; slurmdbd looks for its own file in the same folder."""
    return folder / "slurm.conf"


def slurm_conf(layout: Layout) -> str:
    """Return the text of slurm.conf.

    Memory is limited without cgroups (``OverMemoryKill``), since a container may lack the rights for cgroups.
    ``config_overrides`` lets a node have more CPUs than the machine. Several slurmd on one machine are a build
    option of SLURM (``--enable-multiple-slurmd``), set in Debian's packages.

    ``NoInAddrAny`` means "listen only at the address of the host name", so it is set if that is a loopback address.
    Else, and always in slurmdbd (22.05 ignores it there), the daemons listen on all interfaces; they refuse
    requests that were not signed with our munge key.
    """
    communication = "CommunicationParameters=NoCtldInAddrAny,NoInAddrAny" if layout.loopback_address else ""
    nodes = "\n".join(
        f"NodeName={name} NodeHostname={layout.host} NodeAddr={layout.address} Port={port}"
        f" CPUs={CPUS_PER_NODE} RealMemory={MEMORY_PER_NODE_MB}"
        for name, port in layout.nodes.items()
    )
    all_nodes = ",".join(layout.nodes)
    return f"""\
ClusterName={CLUSTER}
SlurmctldHost={layout.host}({layout.address})
SlurmctldPort={layout.controller_port}
{communication}
SlurmUser={layout.user}
SlurmdUser={layout.user}
AuthType=auth/munge
AuthInfo=socket={layout.munge_socket}
CredType=cred/munge

StateSaveLocation={layout.folder}/state
SlurmctldPidFile={layout.folder}/slurmctld.pid
SlurmdSpoolDir={layout.folder}/spool/%n
SlurmdPidFile={layout.folder}/slurmd-%n.pid
SlurmdParameters=config_overrides
MailProg=/bin/true
MpiDefault=none
ReturnToService=2

ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerCPU=1000
SchedulerParameters=sched_interval=2,bf_interval=2,batch_sched_delay=0
MinJobAge=60
KillWait=5
PreemptType=preempt/partition_prio
PreemptMode=CANCEL

JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=2
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost={layout.address}
AccountingStoragePort={layout.accounting_port}
AccountingStoragePass={layout.munge_socket}
AccountingStorageEnforce=limits,qos
AccountingStoreFlags=job_script

{nodes}
PartitionName=debug Nodes={all_nodes} Default=YES DefaultTime=01:00:00 MaxTime=1-00:00:00
PartitionName=short Nodes={all_nodes} MaxTime=00:01:00
PartitionName=urgent Nodes={all_nodes} MaxTime=00:10:00 PriorityTier=10
"""


def slurmdbd_conf(layout: Layout) -> str:
    """Return the text of slurmdbd.conf; slurmdbd requires that only its owner can read the file."""
    return f"""\
DbdHost={layout.host}
DbdAddr={layout.address}
DbdPort={layout.accounting_port}
SlurmUser={layout.user}
AuthType=auth/munge
AuthInfo=socket={layout.munge_socket}
PidFile={layout.folder}/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser=slurm
StorageLoc=slurm_acct_db
"""


def database_sql() -> str:
    """Return the SQL that MariaDB runs when it starts: it creates the user of slurmdbd, which creates the rest."""
    return "CREATE USER slurm@localhost;\nGRANT ALL ON slurm_acct_db.* TO slurm@localhost;\n"


def accounts(user: str) -> tuple[tuple[str, ...], ...]:
    """Return the sacctmgr commands that add the cluster, an account, its user and two QOS with one limit each."""
    return (
        ("add", "cluster", CLUSTER),
        ("add", "qos", CAPPED_QOS, "MaxJobsPerUser=1"),
        ("add", "account", ACCOUNT),
        ("add", "qos", FEW_QOS, "MaxSubmitJobsPerUser=2"),
        ("add", "user", user, f"account={ACCOUNT}", f"qos=normal,{CAPPED_QOS},{FEW_QOS}", "defaultqos=normal"),
        ("modify", "user", user, "set", f"defaultaccount={ACCOUNT}"),
    )
