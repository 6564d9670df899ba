"""Queries for a job's script and files, and the service that answers queries."""

import asyncio
from pathlib import Path

import pytest

from dasktop.collectors.model.errors import SourceError
from dasktop.collectors.model.queries import Answer, BatchScript, CallStack, JobFiles, OutputFiles
from dasktop.collectors.runtime import queries as query_module
from dasktop.collectors.runtime.queries import AT_ONCE, QueryService
from dasktop.collectors.sources.slurm.lookups import read_batch_script, read_output_files
from dasktop.collectors.sources.slurm.output_files import parse_output_files
from tests.support.fake_commands import Commands, complains
from tests.support.virtual_time import run_in_virtual_time

SHOWN = (Path(__file__).parents[2] / "fixtures" / "slurm" / "scontrol_show_job_files.txt").read_text()


class TestOutputFiles:
    def test_array_task_with_unexpanded_patterns(self):
        assert parse_output_files(SHOWN, "28") == OutputFiles(
            stdout="/tmp/anatomy t/dask-worker-28.out",
            stderr="/tmp/anatomy t/27_0-000-n1.err",
            work_dir="/tmp/anatomy t/sp dir",
        )

    def test_unknown_node(self):
        waiting = parse_output_files(SHOWN, "27")
        assert waiting is not None
        assert (waiting.stdout, waiting.stderr) == ("/tmp/anatomy t/dask-worker-27.out", None)

    @pytest.mark.parametrize("job_id", ["2", "7", "270"])
    def test_another_job_has_none(self, job_id):
        assert parse_output_files(SHOWN, job_id) is None

    @pytest.mark.parametrize(
        ("path", "shown"),
        [
            ("/a/slurm-3_4294967294.out", None),
            ("/a/\x1b[2J\t", "/a/\x1b[2J\t"),
            ("relative", None),
            ("", None),
            ("/a/%5J-%t-100%", "/a/00007-0-100%"),
            (r"/a/\%J", r"/a/\%J"),
            ("/dev/null", "/dev/null"),
        ],
    )
    def test_only_absolute_complete_paths(self, path, shown):
        files = parse_output_files(f"JobId=7 JobName=x\n   WorkDir=/100%J\n   StdOut={path}\n", "7")
        assert files == OutputFiles(stdout=shown, stderr=None, work_dir="/100%J")


class TestSlurmQueries:
    async def test_script_is_cleaned_and_keeps_its_lines(self):
        commands = Commands(lambda *_: "#!/bin/sh\r\n\n\tif true\x1b[2J; then  x\n    y\xa0 \n")
        assert await read_batch_script(commands, "7") == ("#!/bin/sh", "", "    if true [2J; then  x", "    y")
        assert commands.calls == [("scontrol", "write", "batch_script", "7", "-")]

    @pytest.mark.parametrize(
        ("complaint", "error"),
        [
            ("job script retrieval failed: Job script not specified", "job 7 has no script"),
            ("job script retrieval failed: Invalid job id specified", "SLURM no longer knows job 7"),
            ("job script retrieval failed: Invalid user id", "job script retrieval failed: Invalid user id"),
        ],
    )
    async def test_missing_script_is_explained(self, complaint, error):
        commands = Commands(lambda *_: complains("scontrol", complaint, status=0))
        with pytest.raises(SourceError, match=f"^{error}"):
            await read_batch_script(commands, "7")

    async def test_forgotten_job_has_no_files(self):
        commands = Commands(lambda *_: complains("scontrol", "slurm_load_jobs error: Invalid job id specified"))
        with pytest.raises(SourceError, match="SLURM no longer knows job 7: it keeps ended jobs for a few minutes"):
            await read_output_files(commands, "7")

    @pytest.mark.parametrize("read", [read_batch_script, read_output_files])
    @pytest.mark.parametrize("job_id", ["", "-o", "7 8", "7_1"])
    async def test_invalid_id_is_not_queried(self, read, job_id):
        commands = Commands(lambda *_: "text")
        with pytest.raises(SourceError, match="is not a SLURM job id"):
            await read(commands, job_id)
        assert commands.calls == []

    async def test_no_queries_without_slurm(self):
        for question in (BatchScript(job_id="7"), JobFiles(job_id="7")):
            with pytest.raises(SourceError, match="--no-slurm"):
                await query_module.answer_question(question, None, None)

    async def test_no_call_stack_without_a_scheduler(self):
        with pytest.raises(SourceError, match="no scheduler has answered yet"):
            await query_module.answer_question(CallStack(worker_address="tcp://w:1", thread_native_id=4), None, None)


class Queries:
    """A query service whose answers wait for the test."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.calls: list[object] = []
        self.release = asyncio.Event()
        self.at_once = self.most_at_once = 0
        self.service = QueryService(self.answer, self.answers.append)

    async def answer(self, question) -> Answer:
        self.calls.append(question)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await self.release.wait()
        finally:
            self.at_once -= 1
        match question:
            case BatchScript(job_id="1"):
                raise SourceError("no such job")
            case BatchScript(job_id="2"):
                raise KeyError("lines")
        return Answer(question=question, lines=("x",))


SOON_SECONDS = 1.0
"""In virtual time; all ready callbacks have run by then."""


class TestQueryService:
    async def answered(self, *questions) -> Queries:
        queries = Queries()
        for question in questions:
            queries.service.begin(question)
        queries.release.set()
        await asyncio.sleep(SOON_SECONDS)
        return queries

    def test_answer_is_delivered(self):
        question = CallStack(worker_address="tcp://w:1", thread_native_id=4)
        queries = run_in_virtual_time(self.answered(question))
        assert queries.answers == [Answer(question=question, lines=("x",))]

    def test_errors_are_answers(self):
        queries = run_in_virtual_time(self.answered(BatchScript(job_id="1"), BatchScript(job_id="2")))
        errors = [answer.error for answer in queries.answers]
        assert errors[0] == "no such job"
        assert errors[1].startswith("internal error in dasktop: KeyError: 'lines' (test_queries.py:")

    def test_identical_running_query_starts_once(self):
        question = JobFiles(job_id="7")

        async def asked() -> None:
            queries = await self.answered(question, question)
            assert (len(queries.calls), len(queries.answers)) == (1, 1)
            queries.service.begin(question)
            await asyncio.sleep(SOON_SECONDS)
            assert (len(queries.calls), len(queries.answers)) == (2, 2)

        run_in_virtual_time(asked())

    def test_few_queries_run_at_once(self):
        async def asked() -> None:
            queries = Queries()
            for number in range(20):
                queries.service.begin(JobFiles(job_id=str(number)))
            await asyncio.sleep(SOON_SECONDS)
            assert queries.at_once == AT_ONCE
            queries.release.set()
            await asyncio.sleep(SOON_SECONDS)
            assert (len(queries.answers), queries.most_at_once) == (20, AT_ONCE)

        run_in_virtual_time(asked())

    def test_bounded_in_time(self):
        async def asked() -> None:
            queries = Queries()
            for number in range(AT_ONCE + 1):  # the last one times out before its turn
                queries.service.begin(JobFiles(job_id=str(number)))
            await asyncio.sleep(query_module.QUERY_SECONDS - 1)
            assert queries.answers == []
            await asyncio.sleep(2)
            assert {answer.error for answer in queries.answers} == {"no answer within 25 s"}
            assert len(queries.answers) == AT_ONCE + 1

        run_in_virtual_time(asked())

    def test_query_cancelled_before_start_can_be_repeated(self):
        async def asked() -> None:
            queries, question = Queries(), JobFiles(job_id="7")
            queries.service.begin(question)
            await queries.service.close()
            queries.release.set()
            queries.service.begin(question)
            await asyncio.sleep(SOON_SECONDS)
            assert [answer.question for answer in queries.answers] == [question]

        run_in_virtual_time(asked())

    def test_nothing_is_left_after_the_end(self):
        async def asked() -> None:
            queries = Queries()
            queries.service.begin(JobFiles(job_id="7"))
            await asyncio.sleep(SOON_SECONDS)
            assert queries.at_once == 1
            await queries.service.close()
            assert (queries.answers, queries.at_once) == ([], 0)

        run_in_virtual_time(asked())
