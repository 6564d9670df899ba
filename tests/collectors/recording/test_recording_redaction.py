"""Redaction removes all names, and keeps which of them are equal."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from dasktop.collectors.model.job_states import STATE_WORDS, read_state
from dasktop.collectors.model.jobs import workers_of
from dasktop.collectors.model.snapshot import Finding, Snapshot, to_json
from dasktop.collectors.recording.public_words import PUBLIC_WORDS
from dasktop.collectors.recording.recorder import write_all
from dasktop.collectors.recording.redaction import Redactor
from dasktop.tui.cli.recording import replay
from dasktop.tui.config.config import config_from
from tests import public_words
from tests.support.recordings import busy_snapshots
from tests.support.snapshots import (
    NO_CLUSTER,
    busy_job,
    cluster,
    ended,
    everyday,
    job,
    pending,
    snapshot,
    source,
    task,
    thread,
    worker,
)
from tests.support.work import activity, attempt, computation, failure, running_task, task_name, unrunnable_task, work

# No word of dasktop begins with these letters, so any that are left are a leak.
secrets = st.text(st.sampled_from("abcxyzé.-_ 07"), min_size=1, max_size=8).map(lambda text: f"Zq{text}Zq")
SENTENCES = [
    "{}",
    "job 12 of {} failed",
    "held by {}, who knows",
    "/home/{}/data.csv: no such file",
    "tcp://{}:8786 did not answer",
    "worker {}-0-1 on {} is gone",
    "File '/opt/{}/x.py', line 3: {}",
    "{}@{}.example.org",
    "No module named '{}'",
]


@st.composite
def snapshots_with_secrets(draw: st.DrawFn) -> tuple[Snapshot, list[str]]:
    """Return a snapshot, and every secret in it."""
    used: list[str] = []

    def secret() -> str:
        used.append(draw(st.sampled_from(used)) if used and draw(st.booleans()) else draw(secrets))
        return used[-1]

    def sentence() -> str:
        return re.sub(r"\{\}", lambda _: secret(), draw(st.sampled_from(SENTENCES)))

    fate = ended().fate
    assert fate is not None
    fate = replace(fate, state=f"CANCELLED by {secret()}", explanation=sentence())
    running = thread(
        name=f"{secret()}-Dask-Default-Threads-12-3", task_key=f"('{secret()}-8a7f0d5e', 3)", task_name=secret()
    )
    shown = job(
        "4711",
        [
            task(
                [
                    worker(
                        f"{secret()}-0-1",
                        longest_task_name=secret(),
                        address=f"tcp://{secret()}:40000",
                        host=secret(),
                        threads=(running,),
                    )
                ],
                node=secret(),
            )
        ],
        name=secret(), user=secret(), account=secret(), partition=secret(), qos=secret(),
        reason=sentence(), nodes=(secret(),), fate=fate,
    )  # fmt: skip
    found = Finding(
        code="lost-job",
        severity="error",
        job_id="4711",
        worker=(named := secret()),
        job_ids=("4711", "4712"),
        workers=(named, secret()),
        task_names=(secret(),),
        message=sentence(),
        advice=sentence(),
        since=None,
    )
    failed = failure(
        f"('{secret()}-8a7f0d5e', 3)", task_name=secret(), exception=sentence(), worker=secret(),
        address=f"tcp://{secret()}:1", node=secret(),
        attempts=(attempt(secret(), node=secret(), cause=sentence()),),
        traceback=(f'  File "/home/{secret()}.py", line 3, in {secret()}', f"    {secret()}({secret()!r})", sentence()),
    )  # fmt: skip
    computed = work(
        computations=(computation(name=secret(), code=(f"x = {secret()}", secret()), task_names=(secret(),)),),
        task_names=(task_name(secret()),),
        running=(running_task(f"{secret()}-8a7f0d5e", task_name=secret(), worker=secret()),),
        failures=(failed,),
        unrunnable=(
            unrunnable_task(
                secret(), task_name=secret(), resources={secret(): 1.0}, workers=(secret(),), hosts=(secret(),)
            ),
        ),
        activities=(activity(secret()), activity(secret(), activity=secret())),
    )
    owner = replace(cluster().owner, class_name=secret(), name=secret(), host=secret(), job_ids={secret(): "4711"})
    return (
        snapshot(
            [shown],
            findings=(found,),
            sources=(source("dask", error=sentence()),),
            cluster=cluster(scheduler_address=f"tls://{secret()}:8786", owner=owner),
            work=computed,
        ),
        used,
    )


@settings(deadline=None, max_examples=300)
@given(snapshots_with_secrets())
def test_no_secret_remains(drawn):
    shown, used = drawn
    redacted = to_json(Redactor().redacted(shown)).decode()
    for secret in used:
        assert secret not in redacted
    assert "Zq" not in redacted, "no part of a name is left"


def test_same_task_name_has_the_same_pseudonym():
    redacted = Redactor().redacted(snapshot(work=work())).work
    assert redacted is not None
    [name], [failed], [running] = redacted.task_names, redacted.failures, redacted.running
    assert name.name == failed.task_name == running.task_name
    assert failed.key == running.key
    assert failed.key.startswith(name.name)
    assert failed.kind == "exception"
    assert name.states == {"memory": 40, "processing": 12, "waiting": 48}
    assert redacted.activities[0].activity == "thread-cpu"


# Names that are public words, which stay if no name is equal to them.
PUBLIC = st.sampled_from(["will", "page", "mark", "long", "lab", "secret", "scratch", "grace", "green", "max", "node"])
JOINED = [
    "{}", "{}'s", "({}),", "<{}>", '"{}"', "{}_x", "x-{}", "x.{}", "{}/x", "/a/{}/b", "~{}", "'/a b/{}'", "C={}",
    "{}@x.org", "ssh {}@x", "x{}@y", "{}:8786", "{}.x.org", "{}-ib0", "tcp://{}:1", "{}+x", "{},{}", "{}[1-4]",
    "{title}Error", "no{title}Here", "{title}", "{upper}", "{upper}_DIR", "{}%2Fx", "#{}", "{}…", "é{}", "{}é", "{}x",
    "x{}", "{}1", "1{}",
]  # fmt: skip
FIELDS_OF_NAMES = ["user", "account", "partition", "qos", "name", "nodes"]


@settings(deadline=None, max_examples=300)
@given(
    PUBLIC,
    st.lists(st.sampled_from(JOINED), min_size=1, max_size=6),
    st.sampled_from(FIELDS_OF_NAMES),
    st.sampled_from(FIELDS_OF_NAMES),
)
def test_no_name_remains_in_text(name, joined, field, other):
    text = " ".join(joined).replace("{title}", name.title()).replace("{upper}", name.upper()).replace("{}", name)
    given_to = {one: (name,) if one == "nodes" else name for one in (field, other)}
    shown = snapshot(
        [replace(ended("1", "FAILED", text), **given_to)],
        findings=(Finding(code="x", severity="error", job_id="1", worker=None, message=text, since=None),),
        sources=(source("dask", error=text),),
        cluster=NO_CLUSTER,
    )
    redacted = Redactor().redacted(shown)
    texts = (redacted.findings[0].message, redacted.jobs[0].fate.explanation, redacted.sources[0].error)
    for redacted_text in texts:
        assert name not in redacted_text.lower()


def everywhere(shown: Snapshot) -> Iterator[tuple[str, ...]]:
    for each in shown.jobs:
        for of_job in each.tasks:
            for of_task in of_job.workers:
                yield each.job_id, each.user or "", of_job.node or "", of_task.host or "", of_task.address, of_task.name


def test_equal_names_stay_equal_others_differ():
    redactor = Redactor()
    pairs: dict[tuple[int, str], str] = {}
    for shown in busy_snapshots(jobs=5, count=30, processes=3):
        for before, after in zip(everywhere(shown), everywhere(redactor.redacted(shown)), strict=True):
            for place, (was, now) in enumerate(zip(before, after, strict=True)):
                assert pairs.setdefault((place, was), now) == now
    assert len({(place, now) for (place, _), now in pairs.items()}) == len(pairs)


def test_numbers_states_and_ids_stay():
    shown = everyday()
    redacted = Redactor().redacted(shown)
    assert redacted.totals == shown.totals
    assert [(each.job_id, each.state, each.used) for each in redacted.jobs] == [
        (each.job_id, each.state, each.used) for each in shown.jobs
    ]


def test_states_and_reasons_stay_despite_equal_names():
    names = ("memory", "cancelled", "failed", "pending", "priority", "running", "node")
    workers = [worker(name, status="running") for name in names]
    fate = replace(ended().fate, state="OUT_OF_MEMORY")
    shown = snapshot(
        [
            job("1", [task(workers)], name="begintime", account="node", state="NODE_FAIL", fate=fate),
            job("2", state="CANCELLED by memory", reason="BeginTime"),
            job("3", state="PENDING", reason="Priority"),
        ]
    )
    redacted = Redactor().redacted(shown)
    assert [(each.state, each.reason) for each in redacted.jobs] == [
        ("NODE_FAIL", None),
        ("CANCELLED by name1", "BeginTime"),
        ("PENDING", "Priority"),
    ]
    assert redacted.jobs[0].fate.state == "OUT_OF_MEMORY"
    assert {each.status for each in redacted.jobs[0].tasks[0].workers} == {"running"}
    assert redacted.cluster.task_counts == shown.cluster.task_counts


def test_default_names_stay():
    redacted = Redactor().redacted(snapshot([job(tasks=[task([worker("SLURMCluster-0-0")])])]))
    assert redacted.jobs[0].name == "dask-worker"
    assert redacted.jobs[0].tasks[0].workers[0].name == "SLURMCluster-0-0"
    assert redacted.cluster.owner.class_name == "SLURMCluster"


def test_cluster_name_is_equal_in_worker_names():
    owner = replace(cluster().owner, name="genome", job_ids={"genome-3": "4709"})
    redacted = Redactor().redacted(snapshot([job(tasks=[task([worker("genome-3-1")])])], cluster=cluster(owner=owner)))
    name = redacted.cluster.owner.name
    assert redacted.cluster.owner.job_ids == {f"{name}-3": "4709"}
    assert redacted.jobs[0].tasks[0].workers[0].name == f"{name}-3-1"


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("ReqNodeNotAvail, UnavailableNodes:n012", "ReqNodeNotAvail, UnavailableNodes:host1"),
        ("AssocGrpCPUMinutesLimit", "AssocGrpCPUMinutesLimit"),
        ("used 402M of the 100M it had asked for", "used 402M of the 100M it had asked for"),
        ("10.1.2.3 does not answer", "198.18.0.1 does not answer"),
        ("ModuleNotFoundError: No module named 'secretlab.core'", "ModuleNotFoundError: No module named 'word1'"),
        ("/home/ada/x.err, then /home/ada/x.err and ~/y", "/path1, then /path1 and /path2"),
        ("ada's job on n012: n012", "user1's job on host1: host1"),
        ("nobody at tcp://10.9.8.7:1: refused, …: it's", "nobody at tcp://198.18.0.1:1: refused, …: it's"),
        ("'utf-8' codec can't decode byte 0xff", "'utf-8' codec can't decode byte word1"),
        ("QOSMinCpuNotSatisfied", "QOSMinCpuNotSatisfied"),
    ],
)
def test_free_text(text, becomes):
    shown = snapshot([replace(ended("4701", "FAILED", text), nodes=("n012",))], cluster=NO_CLUSTER)
    explanation = Redactor().redacted(shown).jobs[0].fate.explanation
    assert explanation == becomes


AWKWARD = [
    ("nobody answers at 10.1.2.3.", "10.1.2.3"),
    ("at fe80::1ff:fe23:4567:890a%eth0", "4567"),
    ("at 2001:db8:85a3::8a2e:370:7334", "7334"),
    ("tcp://[2001:db8:85a3::8a2e:370:7334]:8786 is gone", "85a3"),
    ("ReqNodeNotAvail, UnavailableNodes:n[012-014,17]", "012"),
    ("UnavailableNodes:node[01-16]", "node[01"),
    ("UnavailableNodes:gpu-a[1-4]-ib", "gpu"),
    ("mark@page.org wrote", "page.org"),
    ("read mark_notebook and mark-notebook and data/mark/x", "mark"),
    ("MARK's job; Mark said", "Mark"),
    ("n012.cluster.site is down", "cluster.site"),
    ("host login.cluster.org is down", "login.cluster.org"),
    ("cancelled by user 48213377", "48213377"),
    ("cancelled by user will before it started", "will"),
    ("File '/home/Ada Lovelace/My Project/data.csv'", "Lovelace"),
    ("PASSWORD=hunter2", "hunter2"),
    ("https://mark:secret@n012.cluster.site/x?y=z", "secret"),
    (r"C:\Users\mark\x, \\server\share", "Users"),
    ("file:///home/mark/x and s3://bucket-mark/key", "bucket"),
    ("n012-ib0:8786, ssh mark@n012", "n012"),
    ("~will", "will"),
    ("Müller: keine Rechte", "Müller"),
    ("it waits for lab-members", "lab"),
    ("NameError: MarkError, getMark or markNotebook", "Mark"),
    ("File '/home/x/Home Folder/User Data/log.txt' is gone", "Folder"),
    ('File "/home/x/Home Folder/User Data/log.txt", line 3', "Folder"),
    (r"cat: /home/x/Home\ Folder/log.txt: no such file", "Folder"),
    ("ReqNodeNotAvail, UnavailableNodes:gpu-4", "gpu-4"),
    ("UnavailableNodes:gpu-4,gpu-5", "gpu"),
    ("ssh: Could not resolve ip-10-1-2-3", "10-1-2-3"),
    ("lost compute-1-4 again", "compute-1"),
    ("no route to 00:1b:44:11:3a:b7", "44:11"),
    ("no route to 00:11:22:33:44:55", "33:44"),
    ("squeue: error: Invalid user: will", "will"),
    ("no access for user will here", "will"),
    ("cluster.site does not know that name", "cluster.site"),
    ("KeyError: 'train_mark-12'", "train"),
    ("HOME=/home/will:/data/will", "will"),
    ("(/home/will)/x", "will"),
    ("see <mark@n012> or n012:/home/mark", "n012"),
    ("PROJECT_LAB_DIR is not set", "LAB"),
]


@pytest.mark.parametrize(("text", "secret"), AWKWARD)
def test_unusual_free_text(text, secret):
    """Names that are ordinary words, in any case or joined to others; hosts and addresses that only a text contains."""
    shown = job("1", [task([worker("n012-0", host="n012.cluster.site")])], user="mark", account="lab", nodes=("n012",))
    found = Finding(code="x", severity="error", job_id="1", worker=None, message=text, since=None)
    redacted = Redactor().redacted(snapshot([shown], findings=(found,), cluster=NO_CLUSTER))
    assert secret not in redacted.findings[0].message
    for name in ("mark", "lab", "n012"):
        assert not re.search(rf"(?<![a-z]){name}(?![a-z])", to_json(redacted).decode().lower())


@pytest.mark.parametrize("joined", ["{0}", "RUNNING+{0}", "FAILED,{0}", "{0}+SIGNALING", "{0} by zebra"])
@pytest.mark.parametrize("word", sorted(STATE_WORDS))
def test_states_with_flags_keep_their_phase(word, joined):
    state = joined.format(word)
    shown = replace(ended(), state=state, user="zebra")
    [redacted] = Redactor().redacted(snapshot([shown])).jobs
    assert read_state(redacted.state) == read_state(state)
    assert "zebra" not in redacted.state


def test_unknown_flag_is_replaced():
    [redacted] = Redactor().redacted(snapshot([replace(ended(), state="RUNNING+ZEBRA")])).jobs
    assert redacted.state.startswith("RUNNING+")
    assert "ZEBRA" not in redacted.state


def test_what_a_pending_job_insists_on_is_redacted():
    waiting = pending(
        nodes=("gpu7",),
        excluded_nodes=("gpu7", "fat1"),
        planned_nodes=("fat1",),
        licenses="secretsolver:2",
        gres="gres:gpu:h100:2",
        dependency="afterok:4711(unfulfilled)",
        reservation="secret-project",
    )
    (redacted,) = Redactor().redacted(snapshot([waiting])).jobs
    assert redacted.excluded_nodes is not None
    assert (redacted.excluded_nodes[0], redacted.excluded_nodes[1]) == (redacted.nodes[0], redacted.planned_nodes[0])
    text = (
        f"{redacted.excluded_nodes} {redacted.planned_nodes} {redacted.licenses} {redacted.gres} {redacted.reservation}"
    )
    assert not any(name in text for name in ("gpu7", "fat1", "secret", "h100"))
    assert (redacted.dependency, redacted.gres is not None and redacted.gres[:9]) == (
        "afterok:4711(unfulfilled)",
        "gres:gpu:",
    )


def test_list_of_public_words_is_complete():
    missing = public_words.words() - PUBLIC_WORDS
    assert not missing, "write the list again: python -m tests.public_words"


def test_list_has_no_other_words():
    assert not PUBLIC_WORDS - public_words.words(), "write the list again: python -m tests.public_words"


def test_messages_of_dasktop_stay_readable():
    redactor = Redactor()
    for template in public_words.templates():
        # Addresses and paths are replaced in our messages, too.
        text = " ".join(word for word in template.text.split() if not set(word) & set("/\\~@:[]") and word.isascii())
        unnamed = with_text(text, name=None, account=None, partition=None, qos=None)
        redacted = redactor.redacted(unnamed).findings[0].message
        redacted = re.sub(r"\buser\d+", "", redacted)  # in the place of a user's number
        assert re.findall("[A-Za-z]+", redacted) == re.findall("[A-Za-z]+", text), (
            f"{template.place}; write the list again: python -m tests.public_words"
        )


@pytest.mark.parametrize("word", ["kelvin_lab", "kelvin", "Kelvin", "KelvinLab", "textual", "hypothesis"])
def test_words_only_in_source_code_are_replaced(word):
    assert word not in Redactor().redacted(with_text(f"no access for {word} here")).findings[0].message


def test_other_words_are_not_replaced():
    redactor = Redactor()
    for text in ("see tcp://n012:", "UnavailableNodes:…", "'/:'", "a.b", "..."):
        redactor.redacted(with_text(text, account="-"))
    assert redactor.redacted(with_text("it is: a - b …")).findings[0].message == "it is: a - b …"


def with_text(text: str, **values: object) -> Snapshot:
    found = Finding(code="x", severity="error", job_id="1", worker=None, message=text, since=None)
    return snapshot([job("1", user="ada", **values)], findings=(found,), cluster=NO_CLUSTER)


def test_word_is_replaced_once_known_as_name():
    redactor = Redactor()
    assert redactor.redacted(with_text("will it start")).findings[0].message == "will it start"
    redactor.redacted(with_text("will it start", account="will"))
    assert "will" not in redactor.redacted(with_text("will it start")).findings[0].message


def test_names_can_be_learned_before():
    redactor = Redactor()
    redactor.learn(with_text("", account="will"))
    assert "will" not in redactor.redacted(with_text("will it start")).findings[0].message


def test_empty_names():
    shown = snapshot([job("1", [task([worker("", threads=(thread(name=""),))])], name="", nodes=("",))])
    redactor = Redactor()
    redactor.redacted(shown)
    assert redactor.redacted(with_text("ada waits")).findings[0].message == "user1 waits"


def test_user_and_host_of_the_observer():
    shown = snapshot([], sources=(source("slurm.queue", error="page: no permission, on login.home"),))
    redacted = Redactor("page", "login.home").redacted(shown)
    assert redacted.sources[0].error == "user1: no permission, on host1.example"


def test_numeric_names_are_replaced():
    """A project number identifies it as its name does."""
    shown = with_text("done", account="31415", partition="1", qos="2", name="20251122")
    redacted = Redactor().redacted(shown).jobs[0]
    assert (redacted.account, redacted.partition, redacted.qos) == ("account1", "partition1", "qos1")
    assert redacted.name == "job-name-1"


def test_later_redaction_learns_all_names_first(tmp_path):
    path, redacted = tmp_path / "recorded", tmp_path / "redacted"
    early, late = with_text("will it start"), with_text("it will", account="will")
    write_all(str(path), [early, replace(late, taken_at=late.taken_at + timedelta(seconds=2))], redact=False)
    replay(str(path), config_from({}, ""), record=str(redacted), redact=True)
    assert "will" not in redacted.read_text()


def test_ids_that_are_not_numbers():
    owner = replace(cluster().owner, job_ids={"w-0": "12.batch.site.org"})
    shown = snapshot([job("12.batch.site.org")], cluster=cluster(owner=owner, scheduler_id="mine"))
    redacted = Redactor().redacted(shown)
    assert redacted.cluster.scheduler_id == "scheduler1"
    assert redacted.cluster.owner.job_ids == {"name1-0": redacted.jobs[0].job_id}
    assert "site" not in redacted.jobs[0].job_id


def test_numeric_users_differ_and_numbers_stay():
    fate = replace(ended().fate, explanation="cancelled by user 1001", cancelled_by="1001")
    redacted = Redactor().redacted(snapshot([job("1001", user="1001", fate=fate), job("7", user="1002")]))
    assert [(each.job_id, each.user) for each in redacted.jobs] == [("1001", "user1"), ("7", "user2")]
    assert redacted.jobs[0].fate.explanation == "cancelled by user user1"


def test_times_and_numbers_stay():
    text = "as of 2026-11-25T12:00:00Z and 12:00:05, 1-02:03:04 left, 5.5 GiB of 80 %, dask 2026.8.0"
    shown = snapshot([ended("1", "FAILED", text)], cluster=NO_CLUSTER)
    assert Redactor().redacted(shown).jobs[0].fate.explanation == text


def test_subject_of_a_finding_stays_consistent():
    shown = snapshot([busy_job("4711", 0), busy_job("4712", 1)])
    names = tuple(worker.name for job in shown.jobs for worker in workers_of(job))
    found = Finding(
        code="x", severity="info", job_id="4712", worker=None, message="m", since=None,
        job_ids=("4711", "4712"), workers=names,
    )  # fmt: skip
    redacted = Redactor().redacted(replace(shown, findings=(found,)))
    (finding,) = redacted.findings
    assert (finding.job_id, finding.job_ids) == ("4712", tuple(job.job_id for job in redacted.jobs))
    assert finding.workers == tuple(worker.name for job in redacted.jobs for worker in workers_of(job))


@pytest.mark.parametrize(("kind", "kept"), [("nfs4", True), ("fuse.sshfs", True), ("adafs", False)])
def test_types_of_file_systems_are_kept(kind, kept):
    shown = snapshot([], [worker(local_directory="/home/ada/dask", file_system=kind)])
    [redacted] = Redactor().redacted(shown).unplaced_workers
    assert (redacted.file_system == kind) == kept
    assert "ada" not in redacted.local_directory
