"""Real sets of orders under ``../shared/data``: what each must come to, counted from its files, and a run of it."""
