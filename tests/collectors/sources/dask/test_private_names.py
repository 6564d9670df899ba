"""The private names of distributed and dask-jobqueue that are relied on exist in the installed versions."""

import asyncio
import inspect
from importlib import import_module
from types import SimpleNamespace

import pytest

from dasktop.collectors.sources.dask import shipped_distributed_private as private
from dasktop.collectors.sources.dask.shipped_distributed_private import DISTRIBUTED_NAMES
from dasktop.collectors.sources.dask.shipped_jobqueue_private import JOBQUEUE_NAMES, sample_job

OWNER = SimpleNamespace()
"""A cluster object without any of the names."""


@pytest.mark.parametrize("name", [*DISTRIBUTED_NAMES, *JOBQUEUE_NAMES])
def test_each_name_exists(name: str) -> None:
    holder, _, attribute = name.rpartition(".")
    module, _, class_name = holder.rpartition(".")
    found = getattr(import_module(module), class_name)
    is_defined = any(attribute in vars(base) for base in found.__mro__)
    sources = [inspect.getsource(base) for base in found.__mro__ if base is not object]
    assert is_defined or any(f"self.{attribute}" in source for source in sources)


@pytest.mark.parametrize("name", [*DISTRIBUTED_NAMES, *JOBQUEUE_NAMES])
def test_each_name_is_used(name: str) -> None:
    sources = [inspect.getsource(private), inspect.getsource(inspect.getmodule(sample_job))]  # type: ignore[arg-type]
    attribute = name.rpartition(".")[2]
    assert any(f".{attribute}" in source or f'"{attribute}"' in source for source in sources)


def test_without_optional_names() -> None:
    assert private.may_be_submitting(OWNER), "unknown counts as submitting"
    assert private.created_jobs(OWNER) == {}
    assert private.adaptive_of(OWNER) is None
    assert not private.is_adapting(OWNER)
    assert not private.keeps_events(OWNER)
    assert private.executor_threads(OWNER) == []
    assert sample_job(OWNER) is None


async def test_submitting_is_detected() -> None:
    owner = SimpleNamespace(_lock=asyncio.Lock(), _correct_state_waiting=None)
    assert not private.may_be_submitting(owner)
    async with owner._lock:
        assert private.may_be_submitting(owner)
    owner._correct_state_waiting = object()
    assert private.may_be_submitting(owner)
