"""An SVG file -> an element that stands within a page, in the page's own colours and letters."""

import re
from xml.etree import ElementTree

from pawlab.report.style import with_variables


def as_element(drawing: str, name: str, says: str) -> str:
    """Return matplotlib's SVG as an element for a page.

    `name`: starts the ids in it, so that several fit in one page. `says`: what it shows, for those who can't see.
    """
    root = ElementTree.fromstring(drawing)
    _strip(root)
    _rename_ids(root, name)
    width = root.attrib.pop("width")
    del root.attrib["height"], root.attrib["version"]
    root.attrib.update({"role": "img", "aria-label": says, "class": "plot", "style": f"--w:{width}"})
    text = ElementTree.tostring(root, encoding="unicode")
    return with_variables(re.sub(r">\s+<", "><", text))


def _strip(element: ElementTree.Element) -> None:
    """Take out namespaces, metadata, the style sheet, which would act on the whole page, and the fonts' names."""
    for child in list(element):
        if child.tag.endswith(("}metadata", "}style")):
            element.remove(child)
        else:
            _strip(child)
    element.tag = element.tag.partition("}")[2]
    for key in [key for key in element.attrib if key.startswith("{")]:
        element.attrib[key.partition("}")[2]] = element.attrib.pop(key)
    if "style" in element.attrib:
        element.attrib["style"] = re.sub(r"font-family:[^;]*;?\s*", "", element.attrib["style"])


def _rename_ids(root: ElementTree.Element, name: str) -> None:
    """Keep the ids that something refers to, under names of this drawing's own."""
    text = ElementTree.tostring(root, encoding="unicode")
    references = dict.fromkeys(re.findall(r'(?:href="|url\()#([\w.-]+)', text))
    renamed = {old: f"{name}-{number}" for number, old in enumerate(references)}
    for element in root.iter():
        own = element.attrib.pop("id", None)
        if own in renamed:
            element.attrib["id"] = renamed[own]
        for key, value in element.attrib.items():
            element.attrib[key] = _repointed(value, renamed)


def _repointed(value: str, renamed: dict[str, str]) -> str:
    """Return an attribute's value with what it refers to, `#id` or `url(#id)`, by its new name."""
    return re.sub(r"^(url\()?#([\w.-]+)", lambda found: f"{found[1] or ''}#{renamed.get(found[2], found[2])}", value)
