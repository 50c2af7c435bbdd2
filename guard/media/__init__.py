"""Bounded decoding of media: limits are checked from headers, before anything of that size is allocated."""
