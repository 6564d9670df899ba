"""What opens over the tree: pages, questions, and what they show."""
