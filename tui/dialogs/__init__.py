"""Dialogs and pages that open over the tree."""
