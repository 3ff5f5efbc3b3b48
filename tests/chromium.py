"""The browser that pages are tested in, and the check for what stands in the way of people.

PAWLAB_CHROMIUM names its program where it isn't found on the PATH. PAWLAB_AXE names axe-core's axe.min.js; with it
pages are checked for accessibility.
"""

import os
import shutil
from typing import Any

CHROMIUM = os.environ.get("PAWLAB_CHROMIUM") or next(
    filter(None, map(shutil.which, ("chromium", "google-chrome", "chromium-browser"))), None
)
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
QUIET += ["--disable-component-update", "--disable-sync"]


def find_barriers(page: Any) -> None:
    """Assert that axe finds nothing; the page's context bypasses its CSP, or axe couldn't be put into it."""
    script = os.environ.get("PAWLAB_AXE")
    if script is None:
        return
    page.add_script_tag(path=script)
    found = page.evaluate("axe.run(document)")["violations"]
    assert [(barrier["impact"], barrier["help"]) for barrier in found] == []
