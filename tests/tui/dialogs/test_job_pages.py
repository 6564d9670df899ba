"""The pages about a job: its anatomy and its script."""

from pathlib import Path

import pytest
from msgspec.structs import replace
from textual.widgets import Input, Label

from dasktop.collectors.model.queries import Answer, BatchScript
from dasktop.collectors.model.snapshot import Allocated
from dasktop.tui.dialogs.job_pages import AnatomyPage, JobScriptPage
from dasktop.tui.dialogs.page import TextView
from tests.support.screen import HOSTILE, SIZES, Screen, running
from tests.support.snapshots import GIB, cluster, job, pending, snapshot, task, worker

NOW = tuple((Path(__file__).parents[2] / "fixtures" / "slurm" / "dask_jobqueue_0.9.sh").read_text().splitlines())
QUESTION = BatchScript(job_id="4709")


def busy(workers: int = 4):
    """Return a snapshot with the job of the script `NOW` and so many of its workers."""
    owner = replace(cluster().owner, memory_per_job_bytes=16 * 10**9)
    there = [worker(f"SLURMCluster-0-{n}", memory_limit_bytes=int(3.73 * GIB)) for n in range(workers)]
    granted = Allocated(cpus=12, memory_bytes=15 * GIB, gpus=0)
    only = job("4709", [task(there)], allocated=granted, time_limit_seconds=1800)
    return snapshot([only], cluster=replace(cluster(), owner=owner))


def page(screen: Screen) -> list[str]:
    reading = screen.app.screen.query_one(TextView)
    return [reading.render_line(y).text.rstrip() for y in range(reading.size.height)]


def count_in(screen: Screen) -> str:
    return str(screen.app.screen.query_one(".count", Label).content)


async def answer(screen: Screen, lines=NOW, error=None, question=QUESTION) -> None:
    screen.feed.emit(Answer(question=question, lines=lines, error=error))
    await screen.pilot.pause()
    await screen.pilot.pause()


class TestAnatomy:
    async def test_known_parts_show_before_the_script(self):
        async with running((120, 40)) as screen:
            await screen.show(busy())
            await screen.press("A")
            assert screen.feed.questions == [QUESTION]
            assert page(screen)[:2] == [
                'SLURMCluster(cores=12, memory="16GB", processes=4)',
                "! asking SLURM for the script…",
            ]
            await answer(screen)
            assert page(screen)[:13] == [
                'SLURMCluster(cores=12, memory="16GB", processes=4)',
                "",
                "             requested         script                  SLURM    running",
                "✓ cores      cores=12          --cpus-per-task=12      12 CPUs  4 × 3 = 12 threads",
                "✓ tasks      –                 -n 1                    –        1 task with workers",
                '✓ memory     memory="16GB"     --mem=15G               15 GiB   4 × 3.73 GiB = 14.92 GiB',
                "             16 GB = 14.9 GiB, rounded up to 15 GiB",
                "✓ walltime   –                 -t 00:30:00             30 min   –",
                "✓ processes  processes=4       --nworkers 4            –        4 workers",
                "✓ threads    12 ÷ 4 = 3        --nthreads 3            –        3 each",
                "✓ limit      16 GB ÷ 4 = 4 GB  --memory-limit 3.73GiB  –        3.73 GiB each",
                "             4 GB = 3.73 GiB, rounded to two decimals",
                "",
            ]

    async def test_page_follows_snapshots_and_outlives_the_job(self):
        async with running() as screen:
            await screen.show(busy())
            await screen.press("A")
            await answer(screen)
            await screen.show(busy(workers=3))
            assert any("✗ processes" in line and line.endswith("3 workers") for line in page(screen))
            assert any("3 of 4 workers present" in line for line in page(screen))
            shown = page(screen)
            await screen.show(snapshot([]))
            assert page(screen) == shown

    async def test_unchanged_page_is_not_redrawn(self, monkeypatch):
        async with running() as screen:
            await screen.show(busy())
            await screen.press("A")
            await answer(screen)
            drawn = []
            reading = screen.app.screen.query_one(TextView)
            monkeypatch.setattr(reading, "refresh", lambda *regions, **_: drawn.extend(regions))
            await screen.show(busy())
            assert drawn == []
            await screen.show(busy(workers=3))
            assert drawn
            assert {region.height for region in drawn} == {1}

    async def test_unreadable_script_shows_the_error(self):
        async with running() as screen:
            await screen.show(busy())
            await screen.press("A")
            await answer(screen, (), "SLURM has forgotten job 4709: [/] it keeps an ended job for some minutes only")
            assert page(screen)[1].startswith("! SLURM has forgotten job 4709: [/] it keeps")
            assert any(line.startswith("✓ cores      cores=12") for line in page(screen))

    async def test_script_key_opens_script_and_returns(self):
        async with running() as screen:
            await screen.show(busy())
            await screen.press("A")
            await answer(screen)
            await screen.press("J")
            assert isinstance(screen.app.screen, JobScriptPage)
            await screen.press("escape")
            assert isinstance(screen.app.screen, AnatomyPage)
            await screen.press("q")
            assert screen.app.screen is screen.base

    async def test_late_answer_is_dropped(self):
        async with running() as screen:
            await screen.show(busy())
            await screen.press("A", "escape")
            await answer(screen)
            await screen.press("A")
            assert screen.feed.questions == [QUESTION, QUESTION], "it asks again after an answer"

    async def test_same_query_answers_both_widgets(self):
        async with running() as screen:
            await screen.show(busy())
            await screen.press("A", "J")
            assert screen.feed.questions == [QUESTION]
            await answer(screen)
            assert page(screen)[2] == "#SBATCH -J dask-worker"
            await screen.press("q")
            assert not any("being asked" in line for line in page(screen))

    @pytest.mark.parametrize("size", SIZES)
    async def test_page_fits_every_size(self, size):
        async with running(size) as screen:
            await screen.show(busy())
            await screen.press("A")
            await answer(screen)
            seen = page(screen)
            await screen.press("G")
            seen += page(screen)
            for text in ("cores=12", "12 CPUs", "threads", "--nworkers 4", "--memory-limit 3.73GiB", "✗ differs"):
                assert any(text in line for line in seen), text

    async def test_page_can_be_ascii(self):
        async with running((80, 24), unicode=False) as screen:
            await screen.show(busy())
            await screen.press("A")
            await answer(screen)
            assert "\n".join(page(screen)).isascii()
            assert any(line.startswith("+ cores      cores=12 > --cpus-per-task=12 > 12 CPUs") for line in page(screen))

    @pytest.mark.parametrize("text", HOSTILE)
    async def test_hostile_texts_are_shown_harmlessly(self, text):
        async with running((80, 24)) as screen:
            await screen.show(busy())
            await screen.press("A")
            await answer(screen, (f"#SBATCH --mem='{text}'", f"dask worker tcp://h:1 --nthreads '{text}'"))
            await screen.press("J")
            await answer(screen, (text, f"#SBATCH {text}"))
            assert isinstance(screen.app.screen, JobScriptPage)
            assert screen.app.is_running

    async def test_without_a_selected_job_nothing_opens(self):
        async with running() as screen:
            await screen.press("A", "J")
            assert screen.app.screen is screen.base
            await screen.show(snapshot([]))
            await screen.press("A", "J")
            assert (screen.app.screen, screen.feed.questions) == (screen.base, [])

    async def test_worker_row_shows_its_jobs_anatomy(self):
        async with running() as screen:
            await screen.show(busy())
            await screen.press("G", "A")
            assert screen.feed.questions == [QUESTION]


class TestScript:
    async def opened(self, screen: Screen, lines=NOW, error=None) -> None:
        await screen.show(snapshot([pending("4709")]))
        await screen.press("J")
        await answer(screen, lines, error)

    async def test_script_is_shown_with_long_lines_wrapped(self):
        async with running((60, 24)) as screen:
            await self.opened(screen, ("#!/bin/sh", "", "if true; then", "    dask worker  " + "--option " * 8, "fi"))
            assert page(screen)[:6] == [
                "#!/bin/sh",
                "",
                "if true; then",
                "    dask worker  --option --option --option --option",
                "        --option --option --option --option",
                "fi",
            ]

    async def test_missing_script_shows_the_error(self):
        async with running((60, 15)) as screen:
            await screen.show(snapshot([pending("4709")]))
            await screen.press("J")
            assert page(screen)[0] == "asking SLURM…"
            await answer(screen, (), "job 4709 has no script: it was started by srun or salloc")
            assert page(screen)[0].startswith("! job 4709 has no script")

    async def test_long_script_scrolls_to_its_end(self):
        async with running((80, 24)) as screen:
            await self.opened(screen, tuple(f"echo {number}" for number in range(10_000)))
            await screen.press("G")
            assert page(screen)[-1] == "echo 9999"
            await screen.press("k", "pageup", "g", "j", "space")
            assert page(screen)[0] == "echo 23"

    async def test_search_finds_lines(self):
        async with running((80, 24)) as screen:
            await self.opened(screen, tuple(f"echo {number}" for number in range(1000)))
            reading = screen.app.screen.query_one(TextView)
            await screen.press("slash", *"echo 77")
            assert screen.app.focused.region.bottom == 23, "inside the dialog, above its border"
            assert reading.region.bottom == 22
            assert any(line == "echo 77" for line in page(screen))
            assert count_in(screen) == "1 of 11"
            await screen.press("enter", "n")
            assert count_in(screen) == "2 of 11"
            assert any(line == "echo 770" for line in page(screen))
            await screen.press("N", "N")
            assert any(line == "echo 779" for line in page(screen)), "the search wraps around to the last match"
            assert screen.app.focused is reading
            await screen.press("slash", *"nowhere")
            assert count_in(screen) == "no match"
            assert isinstance(screen.app.screen, JobScriptPage)
            await screen.press("escape")
            assert isinstance(screen.app.screen, JobScriptPage)
            await screen.press("escape")
            assert screen.app.screen is screen.base

    async def test_slash_can_be_typed_in_the_search(self):
        async with running((80, 24)) as screen:
            await self.opened(screen, ("cd home", "cd /scratch/ada"))
            await screen.press("slash", "slash", *"scratch", "slash", *"ada")
            assert screen.app.screen.query_one(Input).value == "/scratch/ada"
            await screen.press("enter")
            assert screen.app.focused is screen.app.screen.query_one(TextView)
            await screen.press("slash")
            assert screen.app.focused is screen.app.screen.query_one(Input), "outside the search line, the key opens it"

    @pytest.mark.parametrize("size", SIZES)
    async def test_page_fits_every_size(self, size):
        async with running(size) as screen:
            await self.opened(screen)
            seen = page(screen)
            await screen.press("G")
            words = " ".join(line.strip() for line in [*seen, *page(screen)])
            assert "#SBATCH --mem=15G" in words
            assert "--local-directory /scratch --interface lo" in words or "--interface lo" in words

    async def test_resizing_wraps_lines_again(self):
        async with running((120, 24)) as screen:
            await self.opened(screen)
            before = page(screen)
            await screen.pilot.resize_terminal(60, 24)
            await screen.pilot.pause()
            after = page(screen)
            assert sum(map(bool, after)) > sum(map(bool, before))
            assert max(map(len, after)) <= 56

    async def test_no_line_is_cut_by_the_scrollbar(self):
        async with running((60, 15)) as screen:
            await self.opened(screen)
            await screen.press("G")
            words = " ".join(line.strip() for line in page(screen))
            assert " ".join(NOW[-1].split()[-8:]) in words
