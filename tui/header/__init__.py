"""What stands above the tree: the cluster, what is used of it, and what is wrong."""
