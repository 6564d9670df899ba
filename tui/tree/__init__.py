"""The tree table: controller, filter line, column dialog and the widget that draws the rows."""
