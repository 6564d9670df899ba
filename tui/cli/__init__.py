"""The command line."""

import gc

# By default each 700 new objects are a reason to search for garbage. The imports, all of them after this, and the first
# screen create 120,000 objects that stay: nothing is searched until then, and what is left of them only once. Later,
# snapshots of large clusters have many objects that stay for a while.
_NEW_OBJECTS_AT_START = 150_000
_NEW_OBJECTS = 20_000


def _settle(phase: str, _info: dict[str, int]) -> None:
    """After the first search, exclude what it has left from all later ones, and search more often."""
    if phase == "stop" and gc.get_threshold()[0] == _NEW_OBJECTS_AT_START:
        gc.freeze()
        gc.set_threshold(_NEW_OBJECTS, 20, 100)


gc.callbacks.append(_settle)
gc.set_threshold(_NEW_OBJECTS_AT_START)
