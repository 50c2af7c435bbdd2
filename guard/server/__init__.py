"""The gateway as a server: the one place with sockets, status codes and a clock.

request ─`http`: bounds→ body ─`exchange`: decode → judge → upstream → judge → encode→ reply ─record→ sent, not before.
"""
