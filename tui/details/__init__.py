"""All about the selected row: what is told of it, and the pane that shows it."""
