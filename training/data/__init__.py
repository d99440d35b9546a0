"""Photos with labels: from folders in the usual layouts to a frozen dataset snapshot, split by group."""
