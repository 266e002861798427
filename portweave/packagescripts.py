"""The scripts of a package.json: what `npm run dev` really starts."""

import os

from portweave.allocator.files import read_all
from portweave.allocator.jsontext import is_object
from portweave.fastjson import loads


def scripts_of(folder: str) -> dict[str, str]:
    """The scripts of the nearest package.json from a folder upwards; none where it has none."""
    found: object = None
    while True:
        try:
            found = loads(read_all(f"{folder.rstrip('/')}/package.json").decode())
        except (FileNotFoundError, NotADirectoryError):
            if folder not in ("/", ""):
                folder = os.path.dirname(folder)
                continue
        except (OSError, ValueError):
            pass
        break
    scripts = found.get("scripts") if is_object(found) else None
    if not is_object(scripts):
        return {}
    return {name: text for name, text in scripts.items() if isinstance(text, str)}
