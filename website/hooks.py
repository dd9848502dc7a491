"""What the site needs beyond MkDocs: pages that lie outside docs/, and the index of the decisions.

Links between pages are those of the repository, so they work there and on the site.
"""

import re
from pathlib import Path
from posixpath import join, normpath, relpath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
OUTSIDE = {
    **{f"{name}.md": f"{name.lower()}.md" for name in ("CHANGELOG", "CODE_OF_CONDUCT", "CONTRIBUTING", "SECURITY")},
    **{f"bench/{name}.md": f"benchmark/{name.lower()}.md" for name in ("README", "RESULTS")},
    "bench/soak.png": "benchmark/soak.png",
}
"""Files outside docs/ that are part of the site, and where they are there."""

DECISIONS = "decisions/index.md"
KEY_OF_A_NODE, UNAMBIGUOUS_KEY = "e=e+s+o.id}return e", "e=e+s+o.id+' '}return e"
"""lunr names each node of its index by its edges, each a letter and the number of the next node: "a", 1 and "2", 3 are
taken for "a", 123 where words hold digits, and a search that meets such a node fails. A space after the number ends it.
"""

_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")
_CODE = re.compile(r"^( *)```.*?^\1```", re.MULTILINE | re.DOTALL)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages from outside docs/, and the index of the decisions."""
    for source, target in OUTSIDE.items():
        files.append(File.generated(config, target, abs_src_path=str(ROOT / source)))
    files.append(File.generated(config, DECISIONS, content=decisions()))
    return files


def decisions() -> str:
    """Return a page that lists the decisions."""
    lines = ["# Decisions", "", "What was decided, which alternatives there were, and what each decision costs.", ""]
    for path in sorted((ROOT / "docs" / "decisions").glob("*.md")):
        title = path.read_text().partition("\n")[0].removeprefix("# ")
        lines.append(f"* [{title}](docs/decisions/{path.name})")
    return "\n".join(lines) + "\n"


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Point the links of the repository to the pages of the site."""
    uri = page.file.src_uri
    source = next((source for source, target in OUTSIDE.items() if target == uri), join("docs", uri))
    folder = "" if uri == DECISIONS else source.rpartition("/")[0]

    def pointed(match: re.Match[str]) -> str:
        image, text, link = match.groups()
        path, mark, anchor = link.partition("#")
        if not path or re.match(r"[a-z]+:", path):
            return match[0]
        target = site_path(normpath(join(folder, path)), files)
        if target is None:
            return text if "`" in text else f"`{normpath(join(folder, path))}`" if text == path else text
        return f"{image}[{text}]({relpath(target, uri.rpartition('/')[0] or '.')}{mark}{anchor})"

    parts, end = [], 0
    for code in _CODE.finditer(markdown):
        parts += [_LINK.sub(pointed, markdown[end : code.start()]), code[0]]
        end = code.end()
    return "".join([*parts, _LINK.sub(pointed, markdown[end:])])


def site_path(path: str, files: Files) -> str | None:
    """Return where a file of the repository is on the site; None if it is only in the repository.

    What is nowhere is left to MkDocs, which warns of it.
    """
    if path == "docs/decisions":
        return DECISIONS
    if path == "README.md":
        return "index.md"
    target = OUTSIDE.get(path, path.removeprefix("docs/"))
    if files.get_file_from_path(target) or not (ROOT / path).exists():
        return target
    return None


def on_post_build(config: MkDocsConfig) -> None:
    """Mend the search, which fails for some words where pages hold many figures."""
    for path in Path(config.site_dir, "assets", "javascripts", "workers").glob("search.*.js"):
        script = path.read_text()
        if script.count(KEY_OF_A_NODE) != 1:
            raise PluginError(f"{path.name} has changed: see whether lunr's TokenSet.toString still needs its mend.")
        path.write_text(script.replace(KEY_OF_A_NODE, UNAMBIGUOUS_KEY))
