"""The gateway as a server: sockets, processes, ports. What happens to a request in between is `guard.exchange`'s."""
