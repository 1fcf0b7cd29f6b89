"""What customers say, shown once staff approved it. Owns `reviews`."""
