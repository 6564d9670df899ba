"""Run by every Python that a test starts: spends less CPU time on imports.

Imports create many permanent objects, and the garbage collector scans all of them repeatedly, also at exit: a fifth of
the CPU time of a start. A tenth is spent on dask's own configuration files, by YAML's loader written in Python.
"""

import atexit
import gc
import sys
from importlib.machinery import PathFinder

gc.set_threshold(200_000, 20, 100)
atexit.register(gc.freeze)


class YamlFinder:
    """Finds yaml, and lets its ``safe_load`` use the loader written in C, if it has one."""

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name != "yaml":
            return None
        sys.meta_path.remove(cls)
        spec = PathFinder.find_spec(name, path, target)
        if spec is None or spec.loader is None:
            return spec
        execute = spec.loader.exec_module

        def exec_module(yaml):
            execute(yaml)
            if hasattr(yaml, "CSafeLoader"):
                yaml.safe_load = lambda stream: yaml.load(stream, yaml.CSafeLoader)

        spec.loader.exec_module = exec_module
        return spec


sys.meta_path.insert(0, YamlFinder)

if "worker" in " ".join(sys.orig_argv[1:4]):
    import worker_server

    if worker_server.is_wanted(sys.orig_argv[1:]):
        worker_server.start()
