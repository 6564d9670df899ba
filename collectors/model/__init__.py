"""Records without behaviour that the other packages share."""
