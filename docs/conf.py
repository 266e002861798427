"""The configuration of the site: `make site` builds it into `build/site`."""

import sys
from pathlib import Path

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS))

from reference_pages import write_pages  # noqa: E402 - beside this file

project = "portweave"
copyright = "the portweave maintainers"  # noqa: A001 - Sphinx wants this name
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
# Headings of three levels are targets of links, as on GitHub.
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence", "deflist"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["Thumbs.db"]
html_theme = "furo"
html_title = "portweave"
html_copy_source = False
html_show_sphinx = False
autodoc_typehints = "description"
autodoc_member_order = "bysource"
# Links to files of the repository outside of docs/ are made absolute in the pages themselves.
suppress_warnings = ["myst.header"]

# The reference is written from the program at each build.
write_pages(DOCS / "reference")
