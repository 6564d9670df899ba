"""How a source's answers are told: never asked, awaited, good, old, failed, gone."""

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


def test_never_asked_is_off_without_an_error(log):
    assert (log.source().state, log.source().error, log.source().age_seconds) == ("off", None, None)


def test_the_first_answer_is_awaited(log):
    with log.attempt():
        assert log.source().state == "stale"
        assert not log.has_answered
    assert log.source().state == "ok"


def test_a_good_answer_has_an_age_and_a_latency(log):
    ask(log)
    source = log.source()
    assert (source.state, source.error) == ("ok", None)
    assert source.age_seconds >= 0
    assert source.latency_seconds >= 0


def test_it_has_never_answered_and_failed(log):
    ask(log, SourceError("squeue: error: no"))
    assert (log.source().state, log.source().error) == ("error", "squeue: error: no")


def test_after_a_good_answer_a_failure_makes_it_stale_until_the_next(log):
    ask(log)
    ask(log, SourceError("timed out"))
    ask(log, SourceError("timed out"))
    assert (log.source().state, log.failures_in_a_row) == ("stale", 2)
    assert log.source().age_seconds is not None
    ask(log)
    assert (log.source().state, log.source().error, log.failures_in_a_row) == ("ok", None, 0)


def test_an_old_answer_is_stale_even_if_nothing_has_failed(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("dasktop.collectors.sources.health.boottime_seconds", lambda: now[0])
    log = SourceLog("dask", stale_after_seconds=6)
    ask(log)
    now[0] += 6.5
    assert (log.source().state, log.source().age_seconds) == ("stale", 6.5)


def test_what_is_not_there_is_off_and_says_why(log):
    ask(log, SourceOffError("squeue is not on PATH"))
    assert (log.source().state, log.source().error) == ("off", "squeue is not on PATH")


def test_a_remark_leaves_it_ok(log):
    ask(log)
    log.remark("2 lines of squeue not understood")
    assert (log.source().state, log.source().error) == ("ok", "2 lines of squeue not understood")


def test_a_fault_that_is_no_sources_goes_on_untouched(log):
    with pytest.raises(ZeroDivisionError), log.attempt():
        raise ZeroDivisionError
    assert log.source().error is None
