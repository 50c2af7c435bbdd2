"""The gateway inside of a program's own frameworks. One file for each; nothing is imported but what is asked for.

`httpx`, `openai`, `anthropic` and `asgi` are exchanges like the proxy's: the same reading of every protocol, the same
decision, the same record. The others pass what their framework passes through `Guard`.
"""
