"""A profile as lines: shares, indentation where calls branch, and what is left out."""

from msgspec.structs import replace

from dasktop.collectors.model.queries import Profile, ProfiledCall
from dasktop.tui.draw.glyphs import UNICODE
from dasktop.tui.view.profile import NO_SAMPLES, NOT_APART, profile_lines

CELLS = 60


def call(name: str, samples: int, *calls: ProfiledCall, file: str = "/home/ada/model.py") -> ProfiledCall:
    own = samples - sum(inner.samples or 0 for inner in calls)
    return ProfiledCall(name=name, file=file, line=7, samples=samples, own_samples=own, calls=calls)


def shown(*calls: ProfiledCall, cells: int = CELLS, **values: object) -> list[str]:
    samples = sum(one.samples or 0 for one in calls)
    profile = Profile(**{"seconds": 600.0, "workers": 2, "samples": samples, "calls": calls} | values)
    lines = ["".join(piece.text for piece in line) for line in profile_lines(profile, cells, UNICODE)]
    assert all(len(line) <= cells for line in lines)
    return lines


def test_shares_of_functions_below_their_callers() -> None:
    lines = shown(call("run", 1000, call("load", 400, call("read", 390)), call("regrid", 595), call("tiny", 5)))
    assert lines[:3] == [
        "1,000 samples of the threads that ran tasks, on 2 workers in",
        "the last 10 min",
        "total   own  function",
    ]
    assert lines[3:] == [
        "100 %         run  /home/ada/model.py:7",
        " 40 %    1 %  load  /home/ada/model.py:7",
        " 39 %   39 %    read  /home/ada/model.py:7",
        " 60 %   60 %  regrid  /home/ada/model.py:7",
    ]


def test_task_names_are_at_the_top() -> None:
    of_name = replace(call("load", 100, call("read", 100)), file=None, line=None)
    assert shown(of_name)[3:] == ["100 %         load  tasks", "100 %  100 %  read  /home/ada/model.py:7"]


def test_functions_of_dask_that_only_pass_on_are_left_out() -> None:
    file = "/env/lib/dask/utils.py"
    lines = shown(call("apply", 100, call("inner", 99, call("work", 99), file=file), file=file))
    assert [line.split()[-2] for line in lines[3:]] == ["work"]
    assert "apply" in shown(call("apply", 100, call("work", 50), file=file))[3]


def test_functions_that_dask_does_not_tell_apart() -> None:
    unknown = replace(call("smooth", 0), samples=None)
    lines = shown(replace(call("run", 100, call("load", 40)), own_samples=60, calls=(call("load", 40), unknown)))
    assert lines[5] == "    –         " + lines[5].split("         ", 1)[1]
    assert "smooth" in lines[5]
    assert " ".join(lines).endswith(NOT_APART)


def test_long_names_are_cut() -> None:
    assert shown(call("f" * 200, 100), cells=30)[-1].endswith("…")
    assert "model.py:7" in shown(call("f" * 30, 100), cells=60)[-1]


def test_nothing_sampled_and_missing_workers() -> None:
    lines = shown(problems=("worker w: no answer within 3 s",))
    assert "worker w: no answer within 3 s" in lines
    assert " ".join(lines).endswith(NO_SAMPLES)
