"""The queue of photos that wait for somebody's word, one by one or many alike at once."""
