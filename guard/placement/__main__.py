"""``python -m guard.placement FOLDER``: the model server. Whoever keeps it starts it; it is no command for people."""

from __future__ import annotations

import sys
from pathlib import Path

from guard.placement.server import main

if __name__ == "__main__":
    main(Path(sys.argv[1]))
