"""The staff, what each may do, how one signs in oneself, and the permanent history."""
