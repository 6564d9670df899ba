"""A job's log on the screen: followed, searched, wrapped."""
