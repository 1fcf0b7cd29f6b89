"""What Lex tells people, over which channel, and whether it went out. Owns `notifications`."""
