"""Small generators of many kinds, each with an API of its own, to try the gateway on. See ``README.md``."""
