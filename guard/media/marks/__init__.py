"""Marks of provenance: what a file or a text says, or shows, of where it comes from.

bytes ─blocks→ **Block** ─aigc, iptc, generators, c2pa→ **Mark** ─findings→ Finding

Readers are bounded in bytes, steps, depth and what they inflate; they resolve no entities and ask no network. A carrier
that is damaged, too large or of no known kind makes a mark that is *inconclusive*: never one that is absent.
"""
