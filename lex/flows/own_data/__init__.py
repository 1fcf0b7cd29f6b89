"""What people ask for of their data: a copy of it, and its end. docs/concepts/personal-data.md tells the rules."""
