"""The named recipes: one file each, with its command and its measured results."""
