"""One short loop that trains every paper, from rows of a recipe table."""
