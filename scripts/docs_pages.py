"""Brings the READMEs and the texts at the root into the site: a hook of MkDocs, named in mkdocs.yml.

Their links are those of files in the repository. Links to what is a page of the site become links between pages;
links to other files become plain text, as the site does not hold these. A notebook becomes a page with its outputs
in each language: its texts hold both, English above a rule and Chinese below it.
"""
import json
import os
import posixpath
import re
import shutil

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MODELS = ("pose_baseline", "openpose", "hmr", "cmr", "hand4whole")
# File of the repository -> page of the site; `.zh` marks the Chinese page for mkdocs-static-i18n.
PAGES = {"README.md": "index.md", "README_CN.md": "index.zh.md", "CONTRIBUTING.md": "contributing.md",
         "CONTRIBUTING_CN.md": "contributing.zh.md", "CHANGELOG.md": "changes.md", "CHANGELOG_CN.md": "changes.zh.md",
         "SECURITY.md": "reporting.md", "SECURITY_CN.md": "reporting.zh.md", "docs/tour.ipynb": "tour.md",
         "weights/README.md": "weights.md", "weights/README_CN.md": "weights.zh.md",
         **{f"{model}/README.md": f"{model}.md" for model in MODELS},
         **{f"{model}/README_CN.md": f"{model}.zh.md" for model in MODELS}}
LINK = re.compile(r"(!?)\[((?:[^\[\]]|!\[[^\]]*\]\([^)]*\))*)\]\(([^()\s]+)\)")
# The way between languages is at the top of every page of the site.
LANGUAGE_LINK = re.compile(r"[ \n]?\[(?:中文|English)\]\(\w+(?:\.zh)?\.md\)")


def on_config(config):
    """Put the pages together in a folder of their own, where the plugins find them.

    Headings get the anchors that they have in the repository, Chinese ones too.
    """
    from pymdownx.slugs import slugify
    config.mdx_configs["toc"]["slugify"] = slugify(case="lower")
    folder = os.path.join(ROOT, "output", "docs_pages")
    shutil.rmtree(folder, ignore_errors=True)
    docs = os.path.join(ROOT, "docs")
    shutil.copytree(docs, folder)
    sources = {**{f"docs/{name}": name for name in os.listdir(docs) if name.endswith(".md")}, **PAGES}
    for source, page in sources.items():
        with open(os.path.join(ROOT, source), encoding="utf-8") as file:
            text = file.read()
        texts = {page: text}
        if source.endswith(".ipynb"):
            texts = {page: notebook_text(text), page.replace(".md", ".zh.md"): notebook_text(text, chinese=True)}
        for name, text in texts.items():
            with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                file.write(site_text(source, text))
    config.docs_dir = folder
    config.watch += [os.path.join(ROOT, source) for source in sources]
    return config


def notebook_text(text, chinese=False):
    """The text of a notebook (nbformat 4) in one language as Markdown: code and outputs as blocks, images within."""
    parts = []
    for cell in json.loads(text)["cells"]:
        source = "".join(cell["source"])
        parts.append(source.split("\n\n---\n\n")[chinese] if cell["cell_type"] == "markdown"
                     else f"```python\n{source}\n```")
        for output in cell.get("outputs", ()):
            data = output.get("data", {})
            printed = "".join(output.get("text", data.get("text/plain", ()))).rstrip("\n")
            parts.append(f"![](data:image/jpeg;base64,{data['image/jpeg']})" if "image/jpeg" in data
                         else f"```text\n{printed}\n```")
    return "\n\n".join(parts) + "\n"


def site_text(source, text):
    """The text of a file of the repository with the links that it has as a page.

    Args:
        source (str): file, relative to the root.
        text (str): Markdown.
    """
    def replace(match):
        image, label, target = match.groups()
        path, hash_sign, anchor = target.partition("#")
        if not path or "://" in target or target.startswith("mailto:"):
            return match[0]
        wanted = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
        if not os.path.exists(os.path.join(ROOT, wanted)):
            return match[0]  # a broken link stays one, for MkDocs to complain about
        # One language has one name for a page; the plugin finds the page of the reader's language itself.
        page = PAGES.get(wanted, wanted.removeprefix("docs/"))
        if page == wanted:
            return label
        return f"{image}[{label}]({page.replace('.zh.md', '.md')}{hash_sign}{anchor})"

    blocks = re.split(r"(^```.*?^```)", LANGUAGE_LINK.sub("", text), flags=re.M | re.S)
    return "".join(block if block.startswith("```") else LINK.sub(replace, block) for block in blocks)
