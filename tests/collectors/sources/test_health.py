"""The state of a source: not queried, waiting, ok, stale, error, off."""

import pytest

from dasktop.collectors.model.errors import SourceError, SourceOffError
from dasktop.collectors.sources.health import SourceLog


@pytest.fixture
def log():
    return SourceLog("slurm.queue", stale_after_seconds=30)


def ask(log, error=None):
    with pytest.raises(type(error)) if error else log.attempt():
        if error:
            with log.attempt():
                raise error


def test_source_without_queries_is_off(log):
    assert (log.source().state, log.source().error, log.source().age_seconds) == ("off", None, None)


def test_state_is_stale_before_the_first_answer(log):
    with log.attempt():
        assert log.source().state == "stale"
        assert not log.has_answered
    assert log.source().state == "ok"


def test_answer_has_age_and_latency(log):
    ask(log)
    source = log.source()
    assert (source.state, source.error) == ("ok", None)
    assert source.age_seconds >= 0
    assert source.latency_seconds >= 0


def test_failure_before_any_answer_is_an_error(log):
    ask(log, SourceError("squeue: error: no"))
    assert (log.source().state, log.source().error) == ("error", "squeue: error: no")


def test_failure_after_an_answer_is_stale(log):
    ask(log)
    ask(log, SourceError("timed out"))
    ask(log, SourceError("timed out"))
    assert (log.source().state, log.failures_in_a_row) == ("stale", 2)
    assert log.source().age_seconds is not None
    ask(log)
    assert (log.source().state, log.source().error, log.failures_in_a_row) == ("ok", None, 0)


def test_old_answer_is_stale(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("dasktop.collectors.sources.health.boottime_seconds", lambda: now[0])
    log = SourceLog("dask", stale_after_seconds=6)
    ask(log)
    now[0] += 6.5
    assert (log.source().state, log.source().age_seconds) == ("stale", 6.5)


def test_missing_source_is_off_with_a_reason(log):
    ask(log, SourceOffError("squeue is not on PATH"))
    assert (log.source().state, log.source().error) == ("off", "squeue is not on PATH")


def test_remark_keeps_the_state_ok(log):
    ask(log)
    log.remark("2 lines of squeue not understood")
    assert (log.source().state, log.source().error) == ("ok", "2 lines of squeue not understood")


def test_other_exceptions_are_not_recorded(log):
    with pytest.raises(ZeroDivisionError), log.attempt():
        raise ZeroDivisionError
    assert log.source().error is None
