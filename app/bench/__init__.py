"""Benchmarks of the window; each is run by `python -m app.bench.NAME` and prints its figures."""
