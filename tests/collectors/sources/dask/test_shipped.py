"""Source shipped to scheduler and workers: it runs on old Pythons and survives unusual objects."""

import ast
import os
import pickle
import pickletools
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgpack
import pytest
from distributed.protocol.core import dumps, loads
from distributed.utils import has_arg

from dasktop.collectors.model.snapshot import Transfers
from dasktop.collectors.scaling import (
    shipped_owner,
    shipped_results,
    shipped_scaling,
    shipped_unfinished,
)
from dasktop.collectors.sources.dask import (
    shipped_distributed_private,
    shipped_jobqueue_private,
    shipped_owner_finder,
    shipped_place,
    shipped_profile,
    shipped_scheduler,
    shipped_values,
    shipped_work,
    shipped_worker,
    shipped_workers,
)
from dasktop.collectors.sources.dask.comm import unpacked
from dasktop.collectors.sources.dask.scheduler_reading import decode
from dasktop.collectors.sources.dask.shipping import ENTRY, pack_source, packed
from dasktop.collectors.sources.dask.threads import decode_children
from dasktop.collectors.text.clean import MAX_CHARACTERS
from tests.support.waiting import wait_until

SHIPPED = [
    shipped_distributed_private,
    shipped_jobqueue_private,
    shipped_owner,
    shipped_owner_finder,
    shipped_place,
    shipped_profile,
    shipped_results,
    shipped_scaling,
    shipped_scheduler,
    shipped_unfinished,
    shipped_values,
    shipped_work,
    shipped_worker,
    shipped_workers,
]
INSTALLED = [shipped_scaling, shipped_scheduler, shipped_unfinished, shipped_worker]
"""The modules that are packed, each with those that it imports."""
OLDEST_PYTHON = (3, 8)
OLDEST_PROTOCOL_OF_THE_OLDEST_PYTHON = 5


def source(module: Any) -> str:
    return Path(module.__file__).read_text(encoding="utf-8")


@pytest.mark.parametrize("module", SHIPPED)
def test_grammar_is_that_of_the_oldest_python(module: Any) -> None:
    ast.parse(source(module), feature_version=OLDEST_PYTHON)


@pytest.mark.parametrize("module", SHIPPED)
def test_imports_only_stdlib_dask_and_shipped_modules(module: Any) -> None:
    imported = {
        name if name.startswith("dasktop.") else name.partition(".")[0]
        for node in ast.walk(ast.parse(source(module)))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names])
    }
    assert imported <= sys.stdlib_module_names | {"dask", "distributed", "msgpack", "psutil"} | {
        other.__name__ for other in SHIPPED
    }


@pytest.mark.parametrize("module", SHIPPED)
def test_annotations_are_never_evaluated(module: Any) -> None:
    """``list[int]`` and ``A | None`` are errors in Python 3.8 when they are evaluated."""
    tree = ast.parse(source(module))
    assert isinstance(tree.body[1], ast.ImportFrom), "after the docstring"
    assert tree.body[1].module == "__future__"
    annotations = [
        annotation
        for node in ast.walk(tree)
        for annotation in (getattr(node, "annotation", None), getattr(node, "returns", None))
        if annotation is not None
    ]
    in_annotations = {id(part) for annotation in annotations for part in ast.walk(annotation)}
    unions = [node for node in ast.walk(tree) if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr)]
    assert all(id(union) in in_annotations for union in unions)


@pytest.mark.parametrize("module", INSTALLED)
def test_modules_packed_together_define_distinct_names(module: Any) -> None:
    names = [
        name
        for each in modules_with(module)
        for node in ast.parse(source(each)).body
        for name in defined_by(node)
        if name != ENTRY
    ]
    assert sorted(names) == sorted(set(names))


def modules_with(module: Any) -> set[Any]:
    """Return a shipped module and those that it imports, directly or not."""
    imported = [each for each in SHIPPED if f"from {each.__name__} import" in source(module)]
    return {module}.union(*map(modules_with, imported))


def defined_by(node: ast.stmt) -> list[str]:
    """Return the names that a statement defines."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else []
    return [target.id for target in targets if isinstance(target, ast.Name)]


@pytest.mark.parametrize("module", INSTALLED)
def test_packed_as_text_that_old_pythons_unpickle(module: Any) -> None:
    pickled = packed(module.__name__)
    operations = list(pickletools.genops(pickled))
    assert max(operation.proto for operation, _, _ in operations) < OLDEST_PROTOCOL_OF_THE_OLDEST_PYTHON
    assert not [value for _, value, _ in operations if isinstance(value, bytes)], (
        "bytecode depends on the version of Python"
    )
    names = [value for _, value, _ in operations if isinstance(value, str) and len(value) < 100]
    assert names == ["builtins", "eval"]


def test_packed_source_does_not_need_dasktop() -> None:
    function = pickle.loads(pack_source("def dasktop_install(dask_worker):\n    return dask_worker + 1"))
    assert function(1) == 2
    assert function.__module__ == "dasktop_shipped"
    installing = pickle.loads(packed(shipped_scheduler.__name__))
    assert has_arg(installing, "dask_scheduler"), "otherwise distributed does not pass the scheduler"
    assert installing.__globals__ is not shipped_scheduler.__dict__


class Odd:
    """Raises when it is converted to text."""

    def __repr__(self) -> str:
        raise ValueError("\ud800")


def fake_worker(**changes: Any) -> SimpleNamespace:
    fields: dict[str, Any] = {
        "address": "tcp://10.0.0.1:1",
        "name": "one",
        "pid": 1,
        "nanny": None,
        "status": SimpleNamespace(_name_="running"),
        "nthreads": 1,
        "memory_limit": 0,
        "metrics": {"memory": 5, "cpu": 1.5, "spilled_bytes": {"memory": 1, "disk": 2}},
        "nbytes": 4,
        "executing": {},
        "processing": {},
        "has_what": {},
        "last_seen": 0.0,
    }
    return SimpleNamespace(**{**fields, **changes})


def fake_scheduler(*workers: Any, **changes: Any) -> SimpleNamespace:
    fields: dict[str, Any] = {
        "id": "Scheduler-1",
        "address": "tcp://10.0.0.1:8786",
        "workers": {worker.address: worker for worker in workers},
        "task_prefixes": {},
        "task_groups": {},
        "unrunnable": {},
        "handlers": {},
    }
    return SimpleNamespace(**{**fields, **changes})


def travel(answer: Any) -> Any:
    """Encode and decode an answer; what msgpack cannot encode is an error."""
    msgpack.packb(answer, default=None)
    return unpacked(loads(dumps(answer)))


def read(scheduler: SimpleNamespace) -> Any:
    shipped_scheduler.dasktop_install(scheduler)
    return travel(scheduler.handlers[shipped_scheduler.READING]())


def test_names_of_any_type_become_clean_text() -> None:
    names = [
        Odd(),
        7,
        1.5,
        ("a", 1),
        b"by\xfftes",
        "sur\ud800rogate",
        "tab\tand \x1b[2J",
        "x" * 5000,
        True,
        None,
        "ünï",
    ]
    workers = [fake_worker(address=f"tcp://10.0.0.1:{i + 1}", name=name) for i, name in enumerate(names)]
    seen = [worker.name for worker in decode(read(fake_scheduler(*workers))).workers]
    assert seen[:5] == ["Odd", "7", "1.5", "('a', 1)", "by\ufffdtes"]
    assert seen[5:7] == ["sur?rogate", "tab and  [2J"]
    assert len(seen[7]) <= MAX_CHARACTERS
    assert seen[8:] == ["True", "tcp://10.0.0.1:10", "ünï"]
    assert all(name.isprintable() for name in seen)


@pytest.mark.parametrize(
    ("nbytes", "managed"),
    [(4, 3), (0, 0), (2**63, 2**63 - 1), (10**30, 10**30), (float("nan"), None), (float("inf"), None)],
)
def test_sizes_from_users_types_are_checked(nbytes: Any, managed: int | None) -> None:
    (worker,) = decode(read(fake_scheduler(fake_worker(nbytes=nbytes)))).workers
    assert worker.managed_bytes == (managed if managed is None else pytest.approx(managed))


def test_transfers() -> None:
    counts = dict(zip(shipped_workers.TRANSFER_FIELDS, (7, 1, 9, -1, 0, 3), strict=True))
    assert transfers_of(counts) == Transfers(
        incoming_bytes=7,
        incoming_count=1,
        incoming_count_total=9,
        outgoing_bytes=None,
        outgoing_count=0,
        outgoing_count_total=3,
    )
    assert transfers_of({"incoming_bytes": 7}) is None
    assert transfers_of(None) is None
    assert transfers_of("of the user's own making") is None


def transfers_of(metric: object) -> Transfers | None:
    (worker,) = decode(read(fake_scheduler(fake_worker(metrics={"transfer": metric})))).workers
    return worker.transfers


@pytest.mark.parametrize(
    ("metrics", "spilled"),
    [
        ({"spilled_bytes": {"memory": 1, "disk": 2}}, 2),
        ({"spilled_nbytes": {"memory": 1, "disk": 3}}, 3),  # up to 2022.11
        ({}, 0),  # before the first heartbeat
    ],
)
def test_metrics_under_old_and_new_names(metrics: dict[str, Any], spilled: int) -> None:
    (worker,) = decode(read(fake_scheduler(fake_worker(metrics=metrics)))).workers
    assert worker.spilled_bytes == spilled
    assert worker.memory_bytes is None
    assert worker.cpu_percent is None


VERSIONS = {"packages": {"dask": "2026.8.0"}, "host": {"python": "3.11.7.final.0"}}


def test_workers_share_entries_of_versions() -> None:
    old = {"packages": {"dask": "2023.5.0"}, "host": {"python": "3.9.1.final.0"}}
    odd: list[Any] = [old, {}, {"packages": {"dask": []}, "host": {"python": "3"}}, None]
    versions = [VERSIONS, VERSIONS, *odd]
    workers = [fake_worker(address=f"tcp://10.0.0.1:{i + 1}", versions=one) for i, one in enumerate(versions)]
    answer = read(fake_scheduler(*workers))
    assert len(answer["workers"]["registered"]["versions"]) == 3
    reading = decode(answer)
    seen = [(worker.dask_version, worker.python_version) for worker in reading.workers]
    assert seen == [("2026.8.0", "3.11.7")] * 2 + [("2023.5.0", "3.9.1")] + [(None, None)] * 3
    assert reading.cluster.python_version == ".".join(map(str, sys.version_info[:3]))


def test_unexpected_scheduler_is_reported_not_raised() -> None:
    answer = read(fake_scheduler(SimpleNamespace(address="tcp://10.0.0.1:1")))
    assert "AttributeError" in answer["error"]


@pytest.mark.parametrize("holder", ["task_prefixes", "task_groups"])
def test_tasks_counted_by_prefix_or_group(holder: str) -> None:
    class New:
        states = None

        def __init__(self) -> None:
            self.states = {"memory": 2, "queued": 1, "erred": 0, "forgotten": 9}

    class Old:
        @property
        def states(self) -> dict[str, int]:
            raise AssertionError("this sums over all groups")

    prefixes = {"a": New(), "b": New()} if holder == "task_prefixes" else {"a": Old()}
    groups = {"a": New(), "b": New()} if holder == "task_groups" else {}
    counts = shipped_scheduler.count_tasks(fake_scheduler(task_prefixes=prefixes, task_groups=groups))
    assert counts == {"memory": 4, "queued": 2}


def test_too_many_prefixes_are_not_counted() -> None:
    class Uncountable:
        @property
        def items(self) -> Callable[[], Any]:
            raise AssertionError("this would take long")

    kinds = {str(i): SimpleNamespace(states=Uncountable()) for i in range(shipped_scheduler.MOST_COLLECTIONS + 1)}
    scheduler = fake_scheduler(
        fake_worker(processing={1: 1, 2: 1}), task_prefixes=kinds, unrunnable={1}, queued=[1, 2, 3]
    )
    assert shipped_scheduler.count_tasks(scheduler) == {"processing": 2, "no-worker": 1, "queued": 3}


def test_reading_is_much_smaller_than_identity() -> None:
    """Measured: 92 bytes a worker, against 1,060 of ``identity``; see ``benchmarks/bench_poll.py``."""
    workers = [fake_worker(address=f"tcp://10.0.0.1:{i + 1}", name=f"SLURMCluster-{i}") for i in range(1000)]
    answer = read(fake_scheduler(*workers))
    assert sum(map(len, dumps(answer))) < 150 * 1000


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (1, 1),
        (2.0, 2),
        (1.5, 1.5),
        (True, 1),
        ("text", "text"),
        (b"bytes", "bytes"),
        (Odd(), "Odd"),
        (10**30, 1e30),
        (-(10**30), -1e30),
        (float("nan"), None),
        (float("inf"), None),
    ],
)
def test_plain_accepts_any_value(value: Any, expected: Any) -> None:
    assert travel(shipped_values.plain(value)) == expected


MOUNTS = """
/dev/sda1 / ext4 rw 0 0
malformed
nas:/home /home nfs4 rw 0 0
/dev/nvme0n1 /home/ada/my\\040scratch xfs rw 0 0
tmpfs /twice tmpfs rw 0 0
lustre@tcp:/work /twice lustre rw 0 0
"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/var/tmp", "ext4"),
        ("/home/ada/dask", "nfs4"),
        ("/homework", "ext4"),
        ("/home/ada/my scratch/dask", "xfs"),
        ("/twice", "lustre"),
    ],
)
def test_file_system_of_a_folder(folder: str, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipped_place, "read_file", lambda *_: MOUNTS)
    monkeypatch.setattr(os.path, "realpath", str)
    assert shipped_place.file_system_of(folder) == kind
    monkeypatch.setattr(shipped_place, "read_file", lambda *_: None)
    assert shipped_place.file_system_of(folder) is None


@pytest.fixture
def below() -> Iterator[subprocess.Popen[bytes]]:
    """A shell started by this process, and a program started by the shell."""
    with subprocess.Popen(["sh", "-c", "sleep 600 & wait"], start_new_session=True) as shell:
        try:
            wait_until(lambda: "sleep" in {name for _, name, *_ in shipped_worker.read_children()["children"]})
            yield shell
        finally:
            os.killpg(shell.pid, signal.SIGKILL)


class TestChildren:
    def test_descendants_are_reported(self, below: subprocess.Popen[bytes]) -> None:
        answer = shipped_worker.read_children()
        assert answer["more_children"] is False
        children = decode_children(answer)
        assert children is not None
        by_pid = {child.pid: child for child in children}
        shell = by_pid[below.pid]
        assert shell.name == Path(f"/proc/{below.pid}/comm").read_text().strip()
        assert (shell.memory_bytes or 0) > 0
        assert shell.cpu_seconds is not None
        names = [child.name for child in children]
        assert names.index("sleep") > names.index(shell.name)

    def test_their_number_is_bounded(self, below: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(shipped_worker, "MOST_CHILDREN", 1)
        answer = shipped_worker.read_children()
        assert (len(answer["children"]), answer["more_children"]) == (1, True)
        assert below.returncode is None

    def test_ended_child_is_omitted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with subprocess.Popen(["true"]) as ended:
            os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)  # now it is a zombie
            monkeypatch.setattr(shipped_worker, "child_pids", lambda pid: [ended.pid] if pid == os.getpid() else [])
            assert shipped_worker.read_children() == {"children": [], "more_children": False}

    def test_unknown_if_kernel_does_not_list_children(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(shipped_worker, "read_file", lambda *_: None)
        assert shipped_worker.read_children() == {}
        assert decode_children({}) is None

    @pytest.mark.parametrize(
        "children", [7, [7, None, [], ["x"], [True, "x", 1, 1]], [[1, "n\x1b[1m", -1, float("nan")]]]
    )
    def test_invalid_answers_are_tolerated(self, children: object) -> None:
        for child in decode_children({"children": children}) or ():
            assert (child.pid, child.name) == (1, "n [1m")
            assert (child.memory_bytes, child.cpu_seconds) == (None, None)

    def test_surplus_children_are_dropped(self) -> None:
        rows = [[pid, "x", 1, 1.0] for pid in range(1000)]
        assert len(decode_children({"children": rows}) or ()) == shipped_worker.MOST_CHILDREN
