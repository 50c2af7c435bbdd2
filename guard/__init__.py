"""A content safety gateway: everything that goes into and comes out of a generative model is looked at first.

bytes ─decode→ Content ─detect→ Findings ─decide→ Decision ─enforce→ Content′ | Refusal ─encode→ bytes,
and one audit record before anything is released.
"""
