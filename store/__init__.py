"""What happened: a file per noun, its table and its queries together."""
