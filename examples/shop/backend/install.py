"""Install requirements.txt into a virtual environment, unless it is up to date.

python3 install.py [FOLDER]    FOLDER is .venv by default
"""

import hashlib
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else HERE / ".venv").absolute()
    requirements = HERE / "requirements.txt"
    # Another Python or another list needs another environment.
    wanted = hashlib.sha256(
        f"{sys.version}\n{sys.base_prefix}\n{requirements.read_text()}".encode()
    ).hexdigest()
    stamp = folder / "installed"
    if stamp.exists() and stamp.read_text() == wanted:
        print(f"{folder.name} is up to date", flush=True)
        return
    print(f"installing {requirements.name} into {folder.name}", flush=True)
    venv.create(folder, clear=True, with_pip=True, symlinks=True)
    pip = [str(folder / "bin/python"), "-m", "pip", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "--quiet", "-r", str(requirements)], check=True)
    # Last, so that an interrupted installation starts again.
    stamp.write_text(wanted)


try:
    main()
except subprocess.CalledProcessError as error:
    sys.exit(error.returncode)
