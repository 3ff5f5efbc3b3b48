"""How the site is built: `make docs`. All of it is local; a page opened from the disk works like one on the web.

Some pages are made here, from what they show: the recipes, from the recipes themselves, and the notebooks, which are
run from first cell to last and fail the build where they fail; that of real photos, where these are at hand.
"""

import os
import re
import sys
from pathlib import Path
from shutil import copyfile

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import recipe_pages  # noqa: E402

import pawlab  # noqa: E402

for notebook in (HERE.parent / "examples").glob("*.ipynb"):
    copyfile(notebook, HERE / notebook.name)
recipe_pages.write(HERE / "recipes.md")

_PHOTOS = Path(os.environ.get("PAWLAB_DATA_DIR") or HERE) / "cats_and_dogs_filtered.zip"

project = "pawlab"
author = "The pawlab developers"
copyright = "2026, the pawlab developers"
release = version = pawlab.__version__

extensions = ["myst_nb", "sphinx.ext.autodoc"]
source_suffix = {".md": "myst-nb", ".ipynb": "myst-nb"}
exclude_patterns = ["_build"]
default_role = "code"  # docstrings mark code with single backticks, as Markdown does
nitpicky = False

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

nb_execution_mode = "force"
nb_execution_excludepatterns = [] if _PHOTOS.is_file() else ["real_photos.ipynb"]
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_timeout = 600  # seconds a cell
nb_merge_streams = True

autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints = "signature"
autodoc_default_options = {"members": True, "undoc-members": False}
python_use_unqualified_type_names = True

html_theme = "furo"
html_title = f"pawlab {release}"
html_theme_options = {"navigation_with_keys": True}
html_static_path = ["site.css"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False


def with_notebooks_beside(app, docname, source):
    """Let links to `examples/`, which work wherever the files are read, lead to the notebooks' pages of the site."""
    source[0] = re.sub(r"\]\(((?:\.\./)*)\.\./examples/", r"](\1", source[0])


def without_links_into_runs(app, pagename, templatename, context, doctree):
    """Keep the text of links to the reports that the notebook's runs wrote: on the site there are no runs."""
    context["body"] = re.sub(r'<a [^>]*href="runs/[^>]*>(.*?)</a>', r"\1", context.get("body", ""))


def setup(app):
    app.connect("source-read", with_notebooks_beside)
    app.connect("html-page-context", without_links_into_runs)
