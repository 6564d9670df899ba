"""An event loop that never waits for hanging threads when it ends, and imports that do not block it."""

import asyncio
import importlib
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from types import ModuleType
from typing import Any, TypeVar

T = TypeVar("T")


class DaemonExecutor(ThreadPoolExecutor):
    """Runs each call in its own daemon thread, so that nothing waits for a call that hangs.

    asyncio joins its default executor when the loop ends, and again at exit: with a name server that does not answer,
    quitting would take half a minute. asyncio requires the type ``ThreadPoolExecutor``.
    """

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Start ``fn`` in a new thread."""
        future: Future[T] = Future()

        def run() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = fn(*args, **kwargs)
            except BaseException as error:  # noqa: BLE001 - passed to the future
                future.set_exception(error)
            else:
                future.set_result(result)

        threading.Thread(target=run, name=getattr(fn, "__name__", "call"), daemon=True).start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Do nothing: there are no threads to wait for."""


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run ``main`` in a new event loop like ``asyncio.run``, but without waiting for threads at the end."""

    def new_loop() -> asyncio.AbstractEventLoop:
        loop = asyncio.new_event_loop()
        loop.set_default_executor(DaemonExecutor())
        return loop

    with asyncio.Runner(loop_factory=new_loop) as runner:
        return runner.run(main)


async def import_in_background(name: str) -> ModuleType:
    """Import module ``name`` in a thread: importing dask takes longer than a poll of SLURM."""
    return await asyncio.get_running_loop().run_in_executor(None, importlib.import_module, name)
