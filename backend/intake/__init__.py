"""Photos on their way in and where they lie: checked, decoded apart, stored, covered, hidden."""
