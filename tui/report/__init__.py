"""``dasktop report``: where the hours went, as text, as JSON, and as one HTML page."""
