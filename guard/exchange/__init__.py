"""One exchange with a generator, whoever carries it: a socket (`guard.server`) or a program (`guard.hooks`).

request ─`http`: bounds→ body ─`handler`: decode → judge → generator → judge → encode→ reply ─record→ sent, not before.

A `Handler` is an ASGI application. What answers it is its own upstream, or a `Generator` that comes with the request.
"""
