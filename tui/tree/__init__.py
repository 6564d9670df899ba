"""The tree: its rows, how they are seen, the columns, and the widget that draws them."""
