"""An SVG file -> an element that stands within a page, in the page's own colours and letters."""

import re
from xml.etree import ElementTree

from pawlab.report.style import with_variables


def as_element(drawing: str, name: str, says: str) -> str:
    """Return matplotlib's SVG as an element for a page.

    `name`: starts the ids in it, so that several fit in one page. `says`: what it shows, for those who can't see.
    Namespaces, metadata and fonts' names go, and the style sheet, which would act on the whole page.
    """
    root = ElementTree.fromstring(drawing)
    for parent in list(root.iter()):
        for child in (*parent.findall("{*}metadata"), *parent.findall("{*}style")):
            parent.remove(child)
    referred_to = set(re.findall(r'(?:href="|url\()#([\w.-]+)', drawing))
    for element in root.iter():
        element.tag = element.tag.partition("}")[2]
        for key, value in list(element.attrib.items()):
            del element.attrib[key]
            if key != "id" or value in referred_to:
                element.attrib[key.rpartition("}")[2]] = _within(key, value, name)
    width = root.attrib.pop("width")
    del root.attrib["height"], root.attrib["version"]
    root.attrib.update({"role": "img", "aria-label": says, "class": "plot", "style": f"--w:{width}"})
    text = ElementTree.tostring(root, encoding="unicode")
    return with_variables(re.sub(r">\s+<", "><", text))


def _within(key: str, value: str, name: str) -> str:
    """Return an attribute's value as it is within the page: ids, and what refers to them, as `#id` or `url(#id)`."""
    if key == "style":
        return re.sub(r"font-family:[^;]*;?\s*", "", value)
    return f"{name}-{value}" if key == "id" else re.sub(r"^(url\()?#", rf"\g<1>#{name}-", value)
