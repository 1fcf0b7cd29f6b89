"""Stories that cross domains, one a file, readable top to bottom. Start with `README.md` beside this file."""
