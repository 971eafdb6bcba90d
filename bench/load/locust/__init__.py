"""For teams that already use Locust: users of the router, see ``locustfile.py`` and docs/benchmarks.md."""
