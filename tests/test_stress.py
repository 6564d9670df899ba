"""``make test-stress``: fails when one of its runs does, and leaves no busy loop."""

import psutil
import pytest

from tests import stress


def test_one_run_that_fails_is_enough(monkeypatch, capfd, tmp_path):
    fails_once = f"import os, sys; os.mkdir({str(tmp_path / 'there')!r})"
    monkeypatch.setattr(
        stress, "PYTEST", ["-S", "-c", f"try:\n {fails_once}\nexcept OSError: sys.exit(0)\nelse: sys.exit(1)"]
    )
    assert stress.main() == 1
    told = capfd.readouterr().out
    assert told.count("--random-order-seed=") == stress.RUNS + 1, "of each run, and of the one that failed"
    assert "2 of 3 runs passed; failed: --random-order-seed=" in told
    monkeypatch.setattr(stress, "PYTEST", ["-S", "-c", "0"])
    assert stress.main() == 0


def test_busy_loops_end_when_it_is_interrupted():
    loops = stress.busy_loops(2)
    pids = loops.__enter__()
    assert all(psutil.pid_exists(pid) for pid in pids)
    with pytest.raises(KeyboardInterrupt):
        loops.gen.throw(KeyboardInterrupt)
    assert not any(psutil.pid_exists(pid) for pid in pids)
