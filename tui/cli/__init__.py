"""The command line."""

import gc

# By default each 700 new objects are a reason to search for garbage. Here, before all other imports: these create
# 200,000 objects that stay, and so does each snapshot of a large cluster; that search takes a tenth of the start.
gc.set_threshold(20_000, 20, 100)
