"""Runs the examples in README and docs as tests, and the policies' own tests beside them."""

from hypothesis import settings
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser

settings.register_profile("guard", deadline=None)  # machines are shared: how long one example takes says nothing
settings.load_profile("guard")

pytest_plugins = ["tests.policy_items"]
pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser(), SkipParser()],
    patterns=["README*.md", "docs/*.md"],
).pytest()
