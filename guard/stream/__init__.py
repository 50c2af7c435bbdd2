"""An answer while it is streamed: what it is made of, and how long which of it is held back. Pure."""
