"""That no block of a page is overlooked, as each is then looked at by the other tests here."""

from __future__ import annotations

import pytest

from .fences import blocks_of, pages, prose_of

PAGE = """\
# A page

<!-- runs: pay POST payee=Bob -->
```python
pay()
```

1. In a list:

   ```console
   $ ls
   ```

```{note}
~~~toml
a = 1
~~~
```

<!-- does not run: because -->
```{code-block} html+django
:caption: page.html

<p>
```
"""


def test_each_block_is_found_with_its_place(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    found = [(block.line, block.language, block.text.strip(), block.caption) for block in blocks_of(page)]
    assert found == [
        (5, "python", "pay()", ""),
        (11, "console", "$ ls", ""),
        (16, "toml", "a = 1", ""),
        (23, "html+django", "<p>", "page.html"),
    ]
    assert [block.runs for block in blocks_of(page)] == ["pay POST payee=Bob", "", "", ""]
    assert [block.is_excused for block in blocks_of(page)] == [False, False, False, True]
    assert "pay()" not in [line for _, line in prose_of(page)]


def test_block_without_an_end_is_told(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("text\n```python\npay()\n")
    with pytest.raises(AssertionError, match=r"page\.md:2: this block has no end"):
        list(blocks_of(page))


def test_documentation_is_found():
    assert {"README.md", "tutorial.md", "views.md", "decisions.md"} <= {page.name for page in pages()}
