"""From a float model to a full-integer int8 file that answers alike."""
