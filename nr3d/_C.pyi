# The compiled module; csrc/bind.cpp says what it holds, and nr3d/ops checks what goes in.
from typing import Any

def __getattr__(name: str) -> Any: ...
