"""Celery workers: claim a row, do the work outside any transaction, settle the row."""
