"""The parts of the page, a file a tab."""
