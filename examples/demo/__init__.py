"""The first five minutes of a router, played by itself: see __main__.py."""
