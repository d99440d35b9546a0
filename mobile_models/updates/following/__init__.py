"""The phone's side: verify, choose, download."""
