"""``python -m guard.placement FOLDER``: the model server. Whoever keeps it starts it; it is no command for people."""

from __future__ import annotations

import sys
from pathlib import Path

from guard.imports import spare_the_unused
from guard.placement.server import main

if __name__ == "__main__":
    spare_the_unused()
    main(Path(sys.argv[1]))
