"""Seven calls for programs and people alike."""
