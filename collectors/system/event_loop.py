"""An event loop that can always be ended at once, and heavy imports that do not hold it up."""

import asyncio
import importlib
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from types import ModuleType
from typing import Any, TypeVar

T = TypeVar("T")


class DaemonExecutor(ThreadPoolExecutor):
    """Runs each call in a daemon thread of its own, so that nothing ever waits for one that hangs.

    asyncio's default executor is joined when the loop and again when the program ends: with a name server that doesn't
    answer, pressing ``q`` would take half a minute. It has to be a ``ThreadPoolExecutor`` by type.
    """

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Start ``fn`` in a new thread."""
        future: Future[T] = Future()

        def run() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = fn(*args, **kwargs)
            except BaseException as error:  # noqa: BLE001 - handed to whoever awaits
                future.set_exception(error)
            else:
                future.set_result(result)

        threading.Thread(target=run, name=getattr(fn, "__name__", "call"), daemon=True).start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Do nothing: there is no pool, and nobody waits."""


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run ``main`` in a new event loop, as ``asyncio.run`` does, but never wait for threads at the end."""

    def new_loop() -> asyncio.AbstractEventLoop:
        loop = asyncio.new_event_loop()
        loop.set_default_executor(DaemonExecutor())
        return loop

    with asyncio.Runner(loop_factory=new_loop) as runner:
        return runner.run(main)


async def import_in_background(name: str) -> ModuleType:
    """Import module ``name`` in a thread, since importing distributed takes longer than SLURM takes to answer."""
    return await asyncio.get_running_loop().run_in_executor(None, importlib.import_module, name)
