"""Measurements behind the numbers in the documentation: ``python -m benchmarks <question> [--json]``.

Each public module answers one question. It measures everything it reports in the same run, variants taking turns in
random order, and keeps what it measured; nothing here is quoted from elsewhere.
"""
