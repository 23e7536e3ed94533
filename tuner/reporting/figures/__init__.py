"""The report's figures: values to SVG text, one figure a file."""
