"""``--fail-on``: which findings cause status 4, and the message."""

from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from dasktop.collectors.model.errors import SourceError
from dasktop.collectors.model.options import Options
from dasktop.collectors.model.snapshot import Finding, Severity, from_json
from dasktop.tui.cli import snapshot as headless
from dasktop.tui.cli.exit_status import FINDINGS
from dasktop.tui.cli.options import Refusal, check
from tests.support.dask_processes import Scheduler
from tests.support.dasktop_program import dasktop
from tests.support.snapshots import snapshot


def with_findings(*severities: Severity):
    """Return a snapshot with findings of these severities, the worst first as always."""
    found = (
        Finding(code="a", severity=severity, job_id=None, worker=None, message=f"it is {severity}", since=None)
        for severity in severities
    )
    return replace(snapshot(), findings=tuple(found))


@pytest.mark.parametrize(
    ("severities", "fail_on"),
    [((), "warning"), (("info",), "warning"), (("warning", "info"), "error"), (("error", "info"), None)],
)
def test_lesser_findings_do_not_fail(severities, fail_on):
    check(with_findings(*severities), fail_on)


@pytest.mark.parametrize(
    ("severities", "fail_on", "message"),
    [
        (("warning", "info"), "warning", "warning: it is warning"),
        (("error", "warning", "info"), "warning", "error: it is error (and 1 more)"),
        (("error", "warning", "info"), "error", "error: it is error"),
    ],
)
def test_matching_findings_fail(severities, fail_on, message):
    with pytest.raises(Refusal) as refusal:
        check(with_findings(*severities), fail_on)
    assert (refusal.value.message, refusal.value.exit_code) == (message, FINDINGS)


def test_the_snapshot_is_printed_before_failing(monkeypatch, capsys):
    async def take(*_, **__):
        return with_findings("error")

    monkeypatch.setattr(headless, "take_snapshot", take)
    with pytest.raises(Refusal):
        headless.print_snapshot(Options(), fail_on="error")
    assert from_json(capsys.readouterr().out) == with_findings("error")


def test_watching_ends_with_a_matching_finding(monkeypatch, capsys):
    snapshots = iter([with_findings(), with_findings("info"), with_findings("warning"), with_findings()])

    class FakePoller:
        workers = ()

        def __init__(self, options, environment) -> None:
            self.options = options

        def expect_snapshots_after_polls(self):
            pass

        async def locate(self):
            return (SimpleNamespace(address="tcp://a:1"),)

        def attach_to(self, address):
            pass

        async def poll_everything(self, with_threads=False):
            pass

        async def poll_dask(self, threads_of=(), hidden=()):
            raise SourceError("as it may be")

        def snapshot(self):
            return next(snapshots)

        async def close(self):
            pass

    monkeypatch.setattr(headless, "Poller", FakePoller)
    with pytest.raises(Refusal, match="it is warning"):
        headless.watch(Options(), 0.01, fail_on="warning")
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_fail_on_is_a_command_line_option():
    with Scheduler() as scheduler:
        done = dasktop("snapshot", scheduler.address, "--no-slurm", "--fail-on", "warning")
        assert (done.returncode, done.stderr) == (0, "")
    wrong = dasktop("snapshot", "tcp://127.0.0.1:9", "--fail-on", "info")
    assert wrong.returncode == 2
    assert "'warning', 'error'" in wrong.stderr
