"""What was measured, for people: model cards, tables, figures, pages."""
