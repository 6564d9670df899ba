"""The details of the selected row, and the pane that shows them."""
