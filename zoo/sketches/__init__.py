"""What the picture of a network shows, one file for each family."""
