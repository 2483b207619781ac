"""What the documentation shows of the test kit is what `tests/consumer/` does, statement by statement."""

from __future__ import annotations

import ast
import re
from importlib import import_module

import pytest

from .consumer import CHECKOUT, CONSUMER

SHOWN = [CHECKOUT / "docs" / "how-to" / "testing.md", CHECKOUT / "README.md"]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Plain(ast.NodeTransformer):
    """Without annotations, as examples are written."""

    def visit_FunctionDef(self, node):
        node.returns = None
        for argument in node.args.args:
            argument.annotation = None
        return self.generic_visit(node)

    def visit_AsyncFunctionDef(self, node):
        return self.visit_FunctionDef(node)


def statements(text):
    return Plain().visit(ast.parse(text)).body


def done():
    """Every statement of the consumer, at any depth."""
    trees = [Plain().visit(ast.parse(source.read_text())) for source in CONSUMER.rglob("*.py")]
    return {ast.unparse(node) for tree in trees for node in ast.walk(tree) if isinstance(node, ast.stmt)}


def examples(path):
    text = path.read_text()
    if path.name == "README.md":
        text = text.partition("## In your own tests\n")[2].partition("\n## ")[0]
    return BLOCK.findall(text)


@pytest.mark.parametrize("path", SHOWN, ids=lambda path: path.name)
def test_each_example_is_tested_in_the_consumer(path):
    tested, found = done(), examples(path)
    assert found
    for statement in (statement for text in found for statement in statements(text)):
        if isinstance(statement, ast.ImportFrom):
            module = import_module(statement.module)
            assert all(hasattr(module, name.name) for name in statement.names), ast.unparse(statement)
        elif isinstance(statement, ast.ClassDef):  # shown without all of its tests
            assert {ast.unparse(inner) for inner in statement.body} <= tested, statement.name
        elif not isinstance(statement, ast.Import):
            assert ast.unparse(statement) in tested
