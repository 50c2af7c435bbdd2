"""What import-linter's contracts cannot say; the rest of the layers is in pyproject.toml."""

from __future__ import annotations

import grimp

from guard import registry


def test_no_classifier_imports_another():
    """Helpers that start with an underscore are shared; classifiers are not."""
    graph = grimp.build_graph("classifiers")
    public = {f"classifiers.{name}" for name in registry.names()}

    imported = {module: graph.find_modules_directly_imported_by(module) & public for module in public & graph.modules}

    assert len(imported) >= 6
    assert all(not others for others in imported.values()), imported
