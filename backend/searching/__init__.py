"""Photos found again: by filters, words and places, as pages, maps, curves and exports."""
