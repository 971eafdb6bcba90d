"""Five orders from the first click to the last refund: see __main__.py."""
