"""Writes marks of provenance into pictures, sounds and films, and proves that they are there.

bytes ─visible→ bytes ─metadata→ bytes ─c2pa→ bytes ─`guard.media.marks` reads them again→ released, or `Unreadable`

Metadata leave the coded picture or sound as it is, byte for byte. A mark that is there and sound is kept, not written
twice.
"""
