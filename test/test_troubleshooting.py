"""What the node may say of itself is explained on one page."""

import ast
import re
from pathlib import Path

import pytest

import dejavu_ros
from dejavu_ros.localization import estimate
from dejavu_ros.troubleshooting import REJECT_REASONS, SECTIONS, shown, troubles

PACKAGE = Path(dejavu_ros.__file__).parent
PAGE = (Path(__file__).parents[1] / 'docs/troubleshooting.md').read_text()
SPOKEN = {'problem', 'warning', 'warnings'}  # what they hold is published as diagnostics
PARTS = ('ros', 'optics', 'nn', 'localization')


def spoken(node):
    """Whether a statement assigns to a problem or a warning."""
    for target in node.targets if isinstance(node, ast.Assign) else []:
        for leaf in getattr(target, 'elts', [target]):
            leaf = leaf.value if isinstance(leaf, ast.Subscript) else leaf
            if getattr(leaf, 'attr', getattr(leaf, 'id', '')) in SPOKEN:
                return True
    return isinstance(node, ast.Call) and getattr(node.func, 'attr', '') == 'refuse'


def texts(tree):
    """The fixed parts of sentences that a module has its diagnostics say."""
    for node in filter(spoken, ast.walk(tree)):
        for value in ast.walk(node):
            if isinstance(value, ast.Constant) and isinstance(value.value, str) and ' ' in value.value.strip():
                yield value.value.strip()


@pytest.mark.parametrize('path', [path for part in PARTS for path in sorted((PACKAGE / part).rglob('*.py'))],
                         ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_text_of_the_code_is_missing_on_the_page(path):
    missing = [text for text in texts(ast.parse(path.read_text())) if text not in PAGE]
    assert not missing, 'put it into dejavu_ros/troubleshooting.py, with its cause and remedy, and run make docs'


def test_such_texts_are_found():
    found = texts(ast.parse('self.warning = f"it sees only {share} of it"\nself.warnings["tf"] = "no odometry"\n'
                            'self.a, self.problem = 1, "all is lost"\nself.refuse("activate", "no such thing")'))
    assert sorted(found) == ['all is lost', 'it sees only', 'no odometry', 'no such thing', 'of it']


def test_every_reject_reason_is_explained():
    assert set(REJECT_REASONS) == set(estimate.REJECT_REASONS)


def test_every_text_is_on_the_page_in_a_section_with_cause_and_remedy():
    assert {trouble.section for trouble in troubles().values()} == set(SECTIONS)
    for trouble in troubles().values():
        row, = (line for line in PAGE.splitlines() if line.startswith(f'| `{shown(trouble.text)}` |'))
        assert row.count('|') == 4 and trouble.cause.endswith('.') and trouble.remedy.endswith('.')


def test_a_text_takes_what_it_names_and_no_more():
    for trouble in troubles().values():
        names = set(re.findall(r'{(\w+)', trouble.text))
        assert '{' not in trouble(**{name: 0.5 for name in names})


def test_links_of_the_page_lead_somewhere():
    docs = Path(__file__).parents[1] / 'docs'
    for target in re.findall(r'\]\(([^)]+)\)', PAGE):
        name, _, heading = target.partition('#')
        text = (docs / name).read_text() if name else PAGE
        headings = {line.lstrip('# ').lower().replace(' ', '-') for line in text.splitlines() if line.startswith('##')}
        assert not heading or heading in headings, target
