"""Offline audit: a corpus that already exists, judged by the same policy and in the same way as what passes the proxy.

::

    files ─readers→ items ─columns→ records ─chunks→ slices ─worker→ rows ─store→ parts ─summary→ numbers ─report→ page
              └ cannot be read ──────────────────────────────────────────→ quarantine

Every input record ends as exactly one row of a result or as one entry of the quarantine. One process reads and writes;
workers judge. What is written is whole or not there: a chunk is its file of results, and is there once that is.
"""
